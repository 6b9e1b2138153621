"""The probe: the ridge of scikit-learn, a choice among candidates by what it is fitted on alone, and an honest null."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge

from bows.analysis.probe import fit_probe
from bows.errors import DataError, SettingError


def made(items: int = 40, width: int = 6, candidates: int = 1, noise: float = 0.3, seed: int = 0):
    """Embeddings, candidates of which the last lies in the embeddings, and items held out."""
    generator = np.random.default_rng(seed)
    embeddings = generator.normal(size=(items, width)) + 2
    coordinates = generator.normal(size=(candidates, items, 2)) * [1, 3] + 5
    coordinates[-1] = embeddings[:, :2] * [1, 3] + noise * generator.normal(size=(items, 2))
    held_out = np.zeros(items, dtype=bool)
    held_out[generator.permutation(items)[: items // 3]] = True
    return embeddings, coordinates, held_out


def test_it_is_scikit_learns_ridge():
    embeddings, coordinates, held_out = made()
    probe = fit_probe(torch.from_numpy(embeddings), coordinates, held_out, ridge=2.5, permutations=0)
    ridge = Ridge(alpha=2.5).fit(embeddings[~held_out], coordinates[0, ~held_out])
    assert probe.weights[0] == pytest.approx(ridge.coef_.T)
    assert probe.predicted == pytest.approx(ridge.predict(embeddings))
    assert probe.p is None
    true, told = coordinates[0, held_out], ridge.predict(embeddings[held_out])
    expected = 1 - ((true - told) ** 2).sum() / ((true - true.mean(0)) ** 2).sum()
    assert probe.r2 == pytest.approx(expected)


def test_scores_leave_each_item_out():
    embeddings, coordinates, held_out = made(candidates=3)
    probe = fit_probe(embeddings, coordinates, held_out, ridge=0.7, permutations=0)
    fitted = np.flatnonzero(~held_out)
    for candidate, score in zip(coordinates, probe.scores, strict=True):
        error = spread = 0.0
        for left_out in fitted:
            rest = fitted[fitted != left_out]
            # Fitted without the item, the means that centre embeddings and coordinates included.
            ridge = Ridge(alpha=0.7).fit(embeddings[rest], candidate[rest])
            error += ((candidate[left_out] - ridge.predict(embeddings[[left_out]])[0]) ** 2).sum()
            spread += ((candidate[left_out] - candidate[rest].mean(0)) ** 2).sum()
        assert score == pytest.approx(1 - error / spread)


def test_held_out_items_have_no_say_in_the_choice():
    embeddings, coordinates, held_out = made(candidates=4)
    probe = fit_probe(embeddings, coordinates, held_out, permutations=0)
    assert probe.chosen == 3
    # Where only the held-out items speak for another candidate, the choice stays, and its score falls.
    swapped = coordinates.copy()
    swapped[1, held_out], swapped[3, held_out] = coordinates[3, held_out], coordinates[1, held_out]
    again = fit_probe(embeddings, swapped, held_out, permutations=0)
    assert again.chosen == 3
    assert again.scores == pytest.approx(probe.scores)
    assert again.r2 < 0.2 < 0.8 < probe.r2


def test_the_null_makes_the_choice_anew():
    embeddings, coordinates, held_out = made(candidates=30, noise=0.0)
    told = fit_probe(embeddings, coordinates, held_out, permutations=99)
    assert told.p == pytest.approx(0.01)
    ps = []
    for seed in range(40):
        generator = np.random.default_rng(seed)
        nothing = generator.normal(size=(30, 40, 2))
        ps.append(fit_probe(embeddings, nothing, held_out, permutations=49, seed=seed).p)
    assert 0.35 < np.mean(ps) < 0.65  # uniform where there is nothing to find
    assert min(ps) >= 0.02


def test_what_cannot_be_probed():
    embeddings, coordinates, held_out = made()
    with pytest.raises(SettingError, match=r"ridge=0.0 "):
        fit_probe(embeddings, coordinates, held_out, ridge=0.0)
    with pytest.raises(SettingError, match="permutations=-1"):
        fit_probe(embeddings, coordinates, held_out, permutations=-1)
    with pytest.raises(DataError, match="got 40 and 0"):
        fit_probe(embeddings, coordinates, np.zeros(40, dtype=bool))
    with pytest.raises(DataError, match="fitted on have equal coordinates"):
        fit_probe(embeddings, np.ones_like(coordinates), held_out, permutations=0)
    with pytest.raises(DataError, match="held-out items of the probe have equal coordinates"):
        fit_probe(embeddings, np.where(held_out[:, None], 1.0, coordinates), held_out, permutations=0)
    embeddings[3, 1] = np.nan
    with pytest.raises(DataError, match="not a number"):
        fit_probe(embeddings, coordinates, held_out)
