"""Shape scores: closed forms, an independent derivation with loops and an SVD, and what must not matter."""

import numpy as np
import pytest
import torch

from bows.analysis import set_shapes as module
from bows.analysis.neighbour_sets import neighbourhoods
from bows.analysis.set_shapes import EVEN, cosines, isolation, score_sets, shapes


def polygon(words):
    angle = np.arange(words) * 2 * np.pi / words
    return np.stack([np.cos(angle), np.sin(angle)])


def random_unit(latent, words, seed=0):
    unit = np.random.default_rng(seed).normal(size=(latent, words))
    return unit / np.linalg.norm(unit, axis=0)


def of(*units):
    return shapes(np.stack([unit.T @ unit for unit in units]))


def by_loops(unit):
    """planarity, circulance, spread, contrast, mean cosine of neighbours, linearity, evenness, from places and not from the Gram matrix."""
    words = unit.shape[1]
    centred = (unit - unit.mean(1, keepdims=True)).T
    left, singular, _ = np.linalg.svd(centred)
    variance = np.zeros(words)
    variance[: len(singular)] = singular**2
    places = left[:, :2] * singular[:2]
    angle = np.arctan2(places[:, 1], places[:, 0]) % (2 * np.pi)
    order = np.argsort(angle)
    around = centred[order]
    gaps = np.array([(angle[order[(i + 1) % words]] - angle[order[i]]) % (2 * np.pi) for i in range(words)])
    gram = np.array([[around[i] @ around[j] for j in range(words)] for i in range(words)])
    diagonal = sum(gram[i, i] for i in range(words)) / words
    other = (gram.sum() - words * diagonal) / (words * (words - 1))
    rest = np.array([[gram[i, j] - (diagonal if i == j else other) for j in range(words)] for i in range(words)])
    circulant = np.zeros((words, words))
    for distance in range(words):
        mean = sum(rest[i, (i + distance) % words] for i in range(words)) / words
        for i in range(words):
            circulant[i, (i + distance) % words] = mean
    circulance = 1 - ((rest - circulant) ** 2).sum() / (rest**2).sum()

    def apart(distance):
        return sum(gram[i, (i + distance) % words] for i in range(words)) / words

    ordered = unit[:, order]
    neighbours = sum(ordered[:, i] @ ordered[:, (i + 1) % words] for i in range(words)) / words
    line = np.sort(places[:, 0])
    steps = np.diff(line) / (line[-1] - line[0])
    return (
        variance[:2].sum() / variance.sum(),
        circulance,
        np.prod((gaps / gaps.sum()) ** -(gaps / gaps.sum())) / words,
        apart(1) - apart(words // 2),
        neighbours,
        variance[0] / variance.sum(),
        np.prod(steps**-steps) / (words - 1),
    )


@pytest.mark.parametrize(
    ("latent", "words", "seed"),
    [(2, 4, 0), (3, 5, 1), (4, 12, 2), (2, 12, 3), (9, 6, 4), (30, 24, 5), (3, 6, 772), (6, 6, 716), (20, 8, 184)],
)
def test_matches_loops(latent, words, seed):
    unit = random_unit(latent, words, seed)
    unit[0] += 0.5  # some of them rings by the rule that neighbours are alike; at the last seeds opposites are more so
    unit /= np.linalg.norm(unit, axis=0)
    planarity, circulance, spread, contrast, neighbours, linearity, evenness = by_loops(unit)
    found = of(unit)
    assert found.planarity[0] == pytest.approx(planarity)
    assert found.circulance[0] == pytest.approx(circulance)
    assert found.spread[0] == pytest.approx(spread)
    assert found.linearity[0] == pytest.approx(linearity)
    beyond = max((planarity - 2 / (words - 1)) / (1 - 2 / (words - 1)), 0)
    is_ring = contrast > 0 and neighbours > 0.1 and spread > EVEN
    assert found.ring[0] == pytest.approx(beyond * circulance * spread * is_ring)
    beyond = max((linearity - 1 / (words - 1)) / (1 - 1 / (words - 1)), 0)
    assert found.line[0] == pytest.approx(beyond * evenness * (evenness > EVEN))
    cosine = [unit[:, i] @ unit[:, j] for i in range(words) for j in range(words) if i != j]
    assert found.mean_cosine[0] == pytest.approx(np.mean(cosine))


def test_the_loops_meet_each_rule():
    """Seeds at which the rules decide, so that leaving one out fails the test above or this one."""
    scores = [of(random_unit(2, 5, seed)) for seed in range(60)]
    measured = [by_loops(random_unit(2, 5, seed)) for seed in range(60)]
    for score, (*_, contrast, neighbours, _, evenness) in zip(scores, measured, strict=True):
        assert (score.ring[0] > 0) == (contrast > 0 and neighbours > 0.1 and score.spread[0] > EVEN)
        assert (score.line[0] > 0) == (evenness > EVEN)
    assert 0 < sum(score.ring[0] > 0 for score in scores) < 60
    assert 0 < sum(score.line[0] > 0 for score in scores) < 60


@pytest.mark.parametrize("words", [5, 7, 12, 24])
def test_a_regular_polygon_is_a_ring(words):
    found = of(polygon(words))
    for name in ("planarity", "circulance", "spread", "ring"):
        assert getattr(found, name)[0] == pytest.approx(1, abs=1e-6)
    order = found.around[0].tolist()
    assert {(second - first) % words for first, second in zip(order, order[1:] + order[:1], strict=True)} in (
        {1},
        {words - 1},
    )


def test_a_ring_with_something_in_common_is_a_ring_too():
    unit = np.concatenate([polygon(12), np.full((1, 12), 3.0)])
    assert of(unit / np.linalg.norm(unit, axis=0)).ring[0] == pytest.approx(1)


def test_words_at_right_angles_and_opposites_are_no_ring():
    square, cross = np.concatenate([np.eye(2), -np.eye(2)], 1), np.concatenate([np.eye(3), -np.eye(3)], 1)
    assert of(np.eye(4)).ring[0] == of(np.eye(4)).line[0] == 0
    assert of(np.eye(9)).circulance[0] == 0
    assert of(square).ring[0] == 0
    assert of(cross).ring[0] == 0


def test_a_row_of_points_is_a_line():
    unit = np.stack([np.ones(7), np.linspace(-0.01, 0.01, 7)])[:, [3, 0, 6, 1, 5, 2, 4]]
    found = of(unit / np.linalg.norm(unit, axis=0))
    assert found.line[0] == pytest.approx(1, abs=1e-4)
    assert found.along[0].tolist() in ([1, 3, 5, 0, 6, 4, 2], [2, 4, 6, 0, 5, 3, 1])


def test_coinciding_words_and_one_apart_are_neither():
    angle = np.array([0, 0, 0, 0.4])
    found = of(np.stack([np.cos(angle), np.sin(angle)]))
    assert found.linearity[0] == pytest.approx(1)
    assert found.line[0] == found.ring[0] == 0


def test_one_direction_has_no_shape():
    found = of(np.ones((1, 5)))
    assert found.planarity[0] == found.linearity[0] == found.ring[0] == found.line[0] == 0
    assert found.mean_cosine[0] == 1


def test_rotation_order_and_a_common_component_do_not_matter():
    unit = random_unit(3, 8, seed=6)
    turned = np.linalg.qr(np.random.default_rng(1).normal(size=(3, 3)))[0] @ unit
    shuffled = unit[:, np.random.default_rng(2).permutation(8)]
    first = of(unit)
    for other in (of(turned), of(shuffled)):
        for name in ("planarity", "circulance", "spread", "ring", "linearity", "line", "mean_cosine"):
            np.testing.assert_allclose(getattr(other, name), getattr(first, name), atol=1e-12)
    lifted = shapes(((unit.T @ unit + 2) / 3)[None])
    for name in ("planarity", "circulance", "spread", "linearity", "line"):
        np.testing.assert_allclose(getattr(lifted, name), getattr(first, name), atol=1e-12)


def test_centre_first():
    angle = np.array([0.5, 0.0, -0.4, 0.06])
    assert of(np.stack([np.cos(angle), np.sin(angle)])).central[0].tolist() == [3, 1, 2, 0]


@pytest.mark.parametrize("words", [9, 40])
def test_isolation_matches_loops(words):
    unit = random_unit(3, words)
    cosine = unit.T @ unit
    near = neighbourhoods(torch.from_numpy(unit)[None].float())
    sets = np.array([[0, 1, 2, 3, 4], [2, 4, 6, 7, 8]])
    scored = score_sets(cosines(torch.from_numpy(unit).T.float(), sets), sets, near)
    for number, members in enumerate(sets.tolist()):
        outside = [word for word in range(words) if word not in members]
        inside = np.mean([cosine[i, j] for i in members for j in members if i != j])
        expected = inside - np.mean([max(cosine[i, j] for j in outside) for i in members])
        assert scored.isolation[number] == pytest.approx(expected, abs=1e-5)


def test_isolation_is_not_defined_without_others():
    near = neighbourhoods(torch.from_numpy(random_unit(2, 5))[None])
    assert np.isnan(isolation(np.arange(5)[None], np.zeros(1), near)).all()
    assert np.isfinite(isolation(np.arange(4)[None], np.zeros(1), near)).all()


def test_evidence_of_the_kinds():
    unit = torch.from_numpy(np.concatenate([polygon(6) + np.array([[1.0], [0.0]]), random_unit(2, 9)], 1)).float()
    unit = torch.cat([unit, torch.ones(1, 15)])
    unit /= unit.norm(dim=0)
    sets = np.array([[0, 1, 2, 3, 4, 5], [2, 3, 4, 7, 8, 9], [0, 6, 7, 8, 9, 10], [9, 10, 11, 12, 13, 14]])
    scored = score_sets(cosines(unit.T.contiguous(), sets), sets, neighbourhoods(unit[None]))
    for kind, factors in (("ring", scored.shapes.ring_factors), ("line", scored.shapes.line_factors)):
        assert 0 < (scored.score(kind) > 0).sum() < len(sets)
        for number in range(len(sets)):
            expected = -sum(np.log(1 - min(factor, 1 - 1e-6)) for factor in factors[number])
            assert scored.evidence(kind)[number] == pytest.approx(expected)
        np.testing.assert_array_equal(scored.eligible(kind), scored.score(kind) > 0)
    assert scored.eligible("cluster").all()
    assert not scored._replace(isolation=np.full(len(sets), np.nan)).eligible("cluster").any()
    np.testing.assert_array_equal(scored.evidence("cluster"), scored.isolation)


def test_parts_do_not_matter(monkeypatch):
    unit = torch.from_numpy(random_unit(4, 30)).float()
    near, columns = neighbourhoods(unit[None]), unit.T.contiguous()
    sets = np.sort(np.random.default_rng(0).permuted(np.tile(np.arange(30), (50, 1)), axis=1)[:, :6])
    whole = score_sets(cosines(columns, sets), sets, near)
    monkeypatch.setattr(module, "CELLS", 100)
    parts = score_sets(cosines(columns, sets), sets, near)
    np.testing.assert_allclose(parts.shapes.ring, whole.shapes.ring, atol=1e-6)
    np.testing.assert_allclose(parts.isolation, whole.isolation, atol=1e-6)
