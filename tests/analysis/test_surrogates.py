"""Random vocabularies keep the moments and nothing else; matched sets keep frequency and mean cosine."""

import numpy as np
import pytest
import torch

from bows.analysis import surrogates as module
from bows.analysis.surrogates import frequency_strata, matched_sets, surrogate_directions, with_mean_cosine


def unit_directions(latent, words, seed=0, lift=1.0):
    generator = np.random.default_rng(seed)
    unit = generator.normal(size=(latent, words)) * np.linspace(0.3, 2, latent)[:, None]
    unit[0] += lift
    return torch.from_numpy(unit / np.linalg.norm(unit, axis=0)).float()


def drawn_from(unit, count, seed=0):
    return torch.cat(list(surrogate_directions(unit, count, np.random.default_rng(seed))))


@pytest.mark.parametrize(("latent", "words"), [(3, 40), (8, 300), (30, 20), (2, 200)])
def test_mean_and_second_moments_are_kept(latent, words):
    unit = unit_directions(latent, words)
    drawn = drawn_from(unit, 40)
    torch.testing.assert_close(drawn.norm(dim=1), torch.ones(40, words))
    mean = unit.double().mean(1)
    assert drawn.mean(2).norm(dim=1).double().mean() == pytest.approx(mean.norm().item(), abs=0.03)
    centred = unit.double() - mean[:, None]
    expected = torch.linalg.svdvals(centred).square()
    rank = min(latent, words - 1)
    found = torch.linalg.svdvals((drawn - drawn.mean(2, keepdim=True)).double()).square()[:, :rank].mean(0)
    torch.testing.assert_close(found, expected[:rank], rtol=0.1, atol=0.02 * words)


def test_the_mean_needs_an_axis_of_its_own_sometimes():
    unit = torch.ones(4, 10)
    unit[:3, :] = torch.randn(3, 10, generator=torch.Generator().manual_seed(0))
    unit[3] = 2 * unit[:3].norm(dim=0)  # the mean reaches out of the plane that the rest of the centred words fill
    unit = unit / unit.norm(dim=0)
    drawn = drawn_from(unit, 5)
    off = ~torch.eye(10, dtype=torch.bool)
    assert (unit.T @ unit)[off].mean() == pytest.approx((drawn.mT @ drawn)[:, off].mean().item(), abs=0.02)


def test_orthonormal_words_stay_so():
    drawn = drawn_from(torch.eye(6), 3)
    torch.testing.assert_close(drawn.mT @ drawn, torch.eye(6).expand(3, 6, 6), atol=1e-3, rtol=0)


def test_words_of_one_direction_stay_so():
    drawn = drawn_from(torch.eye(4)[:, [0, 0, 0, 0, 0]], 2)
    torch.testing.assert_close(drawn.mT @ drawn, torch.ones(2, 5, 5))


def test_which_words_go_together_is_lost():
    pairs = torch.eye(20).repeat_interleave(2, dim=1)
    drawn = drawn_from(pairs, 50)
    assert (drawn[:, :, ::2] * drawn[:, :, 1::2]).sum(1).abs().mean() < 0.3
    assert (drawn[0] - drawn[1]).abs().max() > 0.1


def test_rotation_and_word_order_of_the_real_words_do_not_matter():
    unit = unit_directions(5, 60)
    turned = (
        torch.linalg.qr(torch.randn(5, 5, generator=torch.Generator().manual_seed(3))).Q @ unit[:, torch.randperm(60)]
    )
    first, second = drawn_from(unit, 3), drawn_from(turned, 3)
    torch.testing.assert_close(first.mT @ first, second.mT @ second, atol=1e-4, rtol=0)


def test_batches_hold_as_many_as_asked(monkeypatch):
    monkeypatch.setattr(module, "CELLS", 200)
    assert drawn_from(unit_directions(3, 12), 11).shape == (11, 4, 12)


def test_strata_are_deciles_of_rank():
    frequency = np.random.default_rng(0).random(500)
    stratum = frequency_strata(frequency)
    assert np.bincount(stratum).tolist() == [50] * 10
    assert frequency[stratum == 3].max() < frequency[stratum == 4].min()
    assert frequency_strata(frequency[:239]).max() == 0


@pytest.mark.parametrize("nearby", [True, False])
def test_matched_sets_keep_the_strata(nearby):
    columns = unit_directions(4, 400).T.contiguous()
    stratum = frequency_strata(np.random.default_rng(1).random(400))
    members = np.array([3, 50, 51, 200, 399])
    sets = matched_sets(members, columns, stratum, 300, np.random.default_rng(0), nearby)
    assert sets.shape == (300, 5)
    assert all(sorted(stratum[row]) == sorted(stratum[members]) for row in sets)
    assert all(len(set(row)) == 5 for row in sets.tolist())
    assert len({tuple(sorted(row)) for row in sets.tolist()}) > 200
    similarity = (columns @ columns[members].sum(0)).numpy()
    for level in set(stratum[members]):
        own, needed = np.flatnonzero(stratum == level), int((stratum[members] == level).sum())
        nearest = set(own[np.argsort(-similarity[own])[: 10 * needed]].tolist())
        used = set(sets[stratum[sets] == level].tolist())
        assert used == (nearest if nearby else set(own.tolist()))


def test_all_words_of_a_small_vocabulary_are_drawn_with_replacement():
    columns = unit_directions(2, 12).T.contiguous()
    sets = matched_sets(np.arange(12), columns, np.zeros(12, np.int64), 100, np.random.default_rng(0), True)
    assert len({tuple(sorted(row)) for row in sets.tolist()}) > 90


def test_a_common_component_sets_the_mean_cosine():
    unit = unit_directions(3, 6, lift=0.0).double()
    gram = (unit.T @ unit).numpy()
    off = ~np.eye(6, dtype=bool)
    raised = with_mean_cosine(gram[None], 0.6)[0]
    weight = (0.6 - gram[off].mean()) / (1 - 0.6)
    np.testing.assert_allclose(raised, (gram + weight) / (1 + weight))
    assert with_mean_cosine(gram[None], -0.1)[0][off].mean() == pytest.approx(-0.1)
    np.testing.assert_array_equal(with_mean_cosine(np.ones((1, 3, 3)), 0.2), np.ones((1, 3, 3)))
