"""Planes of sets, random planes, and sets of like frequency."""

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA

from bows.analysis.set_planes import random_planes, set_plane, sets_of_like_frequency
from bows.errors import DataError


def test_the_plane_is_that_of_two_principal_components_of_unit_directions():
    encoder = torch.randn(9, 30, generator=torch.Generator().manual_seed(0)) * torch.linspace(0.1, 4, 30)
    words = [3, 11, 4, 29, 8]
    plane = set_plane(encoder, words).numpy()
    unit = encoder.double().numpy()[:, words]
    axes = PCA(2).fit((unit / np.linalg.norm(unit, axis=0)).T).components_
    assert plane @ plane.T == pytest.approx(axes.T @ axes, abs=1e-9)
    assert plane.T @ plane == pytest.approx(np.eye(2), abs=1e-12)


def test_words_without_a_plane():
    encoder = torch.randn(4, 6, generator=torch.Generator().manual_seed(0))
    encoder[:, 2] = 0
    with pytest.raises(DataError, match=r"the 3 words have no plane.*lower wd"):
        set_plane(encoder, [1, 2, 3])
    with pytest.raises(DataError, match="raise latent to 3"):
        set_plane(encoder[:2], [0, 1, 3])


def test_random_planes_are_seeded_orthonormal_and_lie_every_way_alike():
    planes = random_planes(5, 4000, torch.Generator().manual_seed(1))
    assert torch.allclose(planes.mT @ planes, torch.eye(2, dtype=torch.float64).expand(4000, 2, 2), atol=1e-12)
    # Of a uniform plane each axis holds 2 / m of the projector, and no two axes go together.
    assert (planes @ planes.mT).mean(0).numpy() == pytest.approx(2 / 5 * np.eye(5), abs=0.02)
    assert torch.equal(planes[:3], random_planes(5, 3, torch.Generator().manual_seed(1)))
    assert not torch.equal(planes[:3], random_planes(5, 3, torch.Generator().manual_seed(2)))
    assert random_planes(5, 0, torch.Generator()).shape == (0, 5, 2)


def test_random_sets_have_the_deciles_of_the_set_and_none_of_its_words():
    frequency = np.random.default_rng(0).permutation(100) / 100  # the decile of a word is its first decimal
    words, barred = [4, 17, 17 + 1, 60], [5, 6, 7, 8, 9, 10]
    drawn = sets_of_like_frequency(frequency, words, barred, 300, np.random.default_rng(3))
    assert drawn.shape == (300, 4)
    decile = np.floor(frequency * 10 + 1e-9)
    assert (decile[drawn] == decile[words]).all()
    assert all(len(set(row)) == 4 for row in drawn.tolist())
    assert not set(drawn.ravel().tolist()) & {*words, *barred}
    pool = {word for word in range(100) if decile[word] == decile[60]} - {*words, *barred}
    assert set(drawn[:, 3].tolist()) == pool  # every word that may be drawn is
    assert (drawn == sets_of_like_frequency(frequency, words, barred, 300, np.random.default_rng(3))).all()
    assert (drawn != sets_of_like_frequency(frequency, words, barred, 300, np.random.default_rng(4))).any()


def test_a_decile_without_other_words():
    with pytest.raises(DataError, match="3 words of the set are in one frequency decile, which has 2 other words"):
        sets_of_like_frequency(np.arange(50) / 50, [0, 1, 2], [], 5, np.random.default_rng(0))
