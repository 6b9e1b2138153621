"""The scanner finds planted shapes in their order, nothing in random directions, and says how sure it is."""

import math

import numpy as np
import pytest
import torch

from bows.analysis import shape_search
from bows.analysis.neighbour_sets import neighbour_sets, neighbourhoods
from bows.analysis.set_shapes import KINDS, cosines, score_sets
from bows.analysis.shape_search import Null, Row, affordable, scan, surrogate_null
from bows.errors import DataError, SettingError


@pytest.fixture(autouse=True, scope="module")
def fewer_reference_sets():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shape_search, "REFERENCE_SETS", 100)
        yield


def random(latent, words, seed=0):
    return torch.randn(latent, words, generator=torch.Generator().manual_seed(seed))


def with_ring(latent=20, words=60, size=10, noise=0.05, seed=0):
    """Random words, of which the first ``size`` lie on a ring in order, with something in common."""
    weights = random(latent, words, seed)
    angle = torch.arange(size) * 2 * torch.pi / size
    frame = torch.linalg.qr(random(latent, 3, seed + 100)).Q
    ring = frame @ torch.stack([angle.cos(), angle.sin(), torch.full((size,), 0.7)])
    weights[:, :size] = (ring + noise * random(latent, size, seed + 200)) * torch.linspace(0.2, 3, size)
    return weights


def look(weights, names=None, **settings):
    words = weights.shape[1]
    names = [str(number) for number in range(words)] if names is None else names
    frequency = np.linspace(0.1, 0.9, words)
    return scan(weights, names, frequency, **({"seed": 0, "draws": 199, "surrogates": 150} | settings))


def is_cycle(words, size):
    numbers = [int(word) for word in words]
    steps = {(second - first) % size for first, second in zip(numbers, numbers[1:] + numbers[:1], strict=True)}
    return len(numbers) == size and steps in ({1}, {size - 1})


@pytest.fixture(scope="module")
def found():
    return look(with_ring())


def test_a_planted_ring_is_found_in_its_order(found):
    rings = [row for row in found.to_pylist() if row["kind"] == "ring"]
    assert len(rings) == 1
    ring = rings[0]
    assert is_cycle(ring["words"], 10)
    assert ring["words"][:2] == ["0", "1"]
    assert ring["size"] == 10
    assert ring["q"] < 0.05
    assert ring["score"] > 0.8
    assert ring["p"] <= ring["q"]
    assert ring["p_matched"] == 1 / 200
    assert ring["planarity"] > 0.9
    assert ring["circulance"] > 0.9
    assert ring["spread"] > 0.9
    assert not any(row["kind"] == "line" and set(row["words"]) <= set(ring["words"]) for row in found.to_pylist())


def test_a_planted_line_and_cluster_are_found():
    weights = random(20, 60)
    frame = torch.linalg.qr(random(20, 3, 5)).Q
    weights[:, :8] = frame[:, :1] + frame[:, 1:2] * torch.linspace(-0.6, 0.6, 8) + 0.01 * random(20, 8, 6)
    weights[:, 20:28] = frame[:, 2:] + 0.05 * random(20, 8, 7)
    rows = look(weights).to_pylist()
    lines = [row["words"] for row in rows if row["kind"] == "line"]
    assert [str(word) for word in range(8)] in lines
    cluster = max((row for row in rows if row["kind"] == "cluster"), key=lambda row: row["score"])
    assert set(cluster["words"]) <= {str(word) for word in range(20, 28)}
    assert cluster["q"] < 0.05


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("latent", [3, 10])
def test_random_directions_hold_nothing(latent, seed):
    assert look(random(latent, 60, seed + 40), seed=seed, surrogates=40, draws=99).num_rows == 0


def test_words_with_something_in_common_are_no_finding():
    """Surrogates that lose the mean would call the words of a vocabulary with a common direction a line, each time."""
    for seed in range(4):
        weights = torch.cat([torch.full((1, 12), 1.0), 0.5 * random(1, 12, seed)])
        assert look(weights, surrogates=300, draws=99).num_rows == 0


def test_same_seed_same_table(found):
    assert look(with_ring()).equals(found, check_metadata=True)


def test_rotation_scale_and_index_of_words_do_not_matter(found):
    weights = with_ring()
    turned = torch.linalg.qr(random(20, 20, 9)).Q @ weights * torch.linspace(0.5, 2, 60)
    shuffle = torch.randperm(60, generator=torch.Generator().manual_seed(1))
    ring = next(row for row in found.to_pylist() if row["kind"] == "ring")
    for other, names in ((turned, None), (weights[:, shuffle], [str(word) for word in shuffle.tolist()])):
        rows = [row for row in look(other, names).to_pylist() if row["kind"] == "ring"]
        assert len(rows) == 1
        assert is_cycle(rows[0]["words"], 10)
        for name in ("score", "planarity", "circulance", "spread", "mean_cosine", "isolation", "p"):
            assert rows[0][name] == pytest.approx(ring[name], abs=1e-3)


def test_zero_columns_and_duplicates():
    weights = with_ring()
    zeros = torch.zeros(20, 3)
    names = ["z0", *[str(number) for number in range(60)], "z1", "z2"]
    padded = torch.cat([zeros[:, :1], weights, zeros[:, :2]], 1)
    frequency = np.linspace(0.1, 0.9, 60)
    padded_frequency = np.concatenate([[0], frequency, [0, 0]])
    settings = {"seed": 0, "draws": 99, "surrogates": 150}
    plain = scan(weights, names[1:-2], frequency, **settings)
    assert scan(padded, names, padded_frequency, **settings).to_pylist() == plain.to_pylist()
    twice = weights.clone()
    twice[:, 50:54] = twice[:, 50:51]
    assert any(is_cycle(row["words"], 10) for row in look(twice).to_pylist())


def test_too_few_words_and_right_angles_give_an_empty_table():
    for weights in (random(2, 3), random(2, 4), torch.eye(8), torch.zeros(3, 6), torch.ones(2, 6)):
        table = look(weights, surrogates=20)
        assert table.num_rows == 0
        assert table.schema.names == shape_search.SCHEMA.names


def test_every_candidate_is_shown_at_a_threshold_of_1_and_no_set_overlaps_another():
    rows = look(with_ring(latent=8, size=8), surrogates=150, q_threshold=1.0).to_pylist()
    assert len({row["q"] for row in rows}) > 1
    assert {row["kind"] for row in rows} >= {"ring", "cluster"}
    assert [row["q"] for row in rows] == sorted(row["q"] for row in rows)
    for number, row in enumerate(rows):
        assert row["size"] == len(row["words"]) == len(set(row["words"]))
        assert 0 < row["p"] <= row["q"] <= 1
        assert 0 < row["p_matched"] <= row["q"]
        for other in rows[:number]:
            if (row["kind"] == "cluster") == (other["kind"] == "cluster"):
                first, second = set(row["words"]), set(other["words"])
                assert not first <= second
                assert not second <= first
                assert len(first & second) / len(first | second) <= 0.5


def test_p_counts_surrogates_that_are_at_least_as_good():
    null = Null({("ring", 5): (2.0, 0.5)}, np.array([1.0, 2.0, 2.0, 3.0]), 2, 1)
    np.testing.assert_allclose(null.p(np.array([4.0, 3.0, 2.0, 1.5, 0.0])), [1 / 5, 2 / 5, 4 / 5, 4 / 5, 1])
    np.testing.assert_allclose(null.comparable("ring", 5, np.array([2.0, 3.0])), np.log(10) + np.array([0, 2]))


def test_the_null_is_searched_like_the_real_words():
    weights = random(4, 30)
    unit = weights / weights.norm(dim=0)
    near = neighbourhoods(unit[None])
    columns = unit.T.contiguous()
    real = {size: score_sets(cosines(columns, sets), sets, near) for size, sets in neighbour_sets(near).items()}
    null = surrogate_null(unit, real, 200, np.random.default_rng(0))
    candidates = sum(len(scored.sets) for scored in real.values())
    assert null.candidates == pytest.approx(200 * candidates, rel=0.3)
    assert null.candidates < len(null.evidence) < 3 * null.candidates
    assert (np.diff(null.evidence) >= 0).all()
    for kind in KINDS:
        p = np.concatenate(
            [null.p(null.comparable(kind, n, s.evidence(kind)[s.eligible(kind)])) for n, s in real.items()]
        )
        assert 0.2 < p.mean() < 0.95  # of no more evidence than random words, as that is what they are
        assert 0.3 < (null.evidence > np.log(10)).mean() / 0.1 < 3  # a tenth of a tail is what the tail begins with


def test_the_real_candidates_count_in_the_tails():
    """A real set that no surrogate comes near must not be measured by a tail without anything in it."""
    weights = random(4, 30)
    unit = weights / weights.norm(dim=0)
    near, columns = neighbourhoods(unit[None]), unit.T.contiguous()
    sets = np.tile(np.arange(5), (500, 1))
    scored = score_sets(cosines(columns, sets), sets, near)
    outlying = scored._replace(isolation=np.full(500, 5.0))
    threshold, excess = surrogate_null(unit, {5: outlying}, 20, np.random.default_rng(0)).tails["cluster", 5]
    assert threshold == 5.0
    assert excess == shape_search.SMALLEST_EXCESS


def test_q_is_that_of_benjamini_and_yekutieli_over_all_kinds():
    unit = random(4, 40)
    unit = unit / unit.norm(dim=0)
    near, columns = neighbourhoods(unit[None]), unit.T.contiguous()
    real = {size: score_sets(cosines(columns, sets), sets, near) for size, sets in neighbour_sets(near).items()}
    null = surrogate_null(unit, real, 20, np.random.default_rng(0))
    rows = shape_search._ranked(real, null)
    p = np.array([row.p for row in rows])
    assert len(rows) == sum(scored.eligible(kind).sum() for scored in real.values() for kind in KINDS)
    assert all(real[row.size].eligible(row.kind)[row.place] for row in rows)
    rank = np.argsort(np.argsort(p, kind="stable"), kind="stable") + 1
    for surrogates in (
        40,
        20,
        5,
    ):  # half as many hypotheses in a surrogate as in the real words, as many, four times as many
        hypotheses = max(len(p), math.ceil(len(null.evidence) / surrogates))
        raw = p * hypotheses / rank * (1 / np.arange(1, hypotheses + 1)).sum()
        expected = {value: min(1, raw[p >= value].min()) for value in p}
        found = shape_search._ranked(real, null._replace(surrogates=surrogates))
        np.testing.assert_allclose([row.q for row in found], [expected[row.p] for row in found])


def test_the_reported_q_is_the_larger_of_both_nulls(monkeypatch):
    monkeypatch.setattr(shape_search, "_matched_p", lambda *_: 0.045)
    rows = look(with_ring()).to_pylist()
    assert rows
    assert {row["q"] for row in rows} == {0.045}
    assert {row["p_matched"] for row in rows} == {0.045}
    monkeypatch.setattr(shape_search, "_matched_p", lambda *_: 0.06)
    assert look(with_ring()).num_rows == 0


def test_rings_come_before_the_lines_in_them():
    angle = torch.arange(6) * 2 * torch.pi / 6
    unit = torch.stack([angle.cos(), angle.sin()])
    near, columns = neighbourhoods(unit[None]), unit.T.contiguous()
    sets = {4: np.array([[0, 1, 2, 3]]), 6: np.array([[0, 1, 2, 3, 4, 5]])}
    real = {size: score_sets(cosines(columns, group), group, near) for size, group in sets.items()}
    line = Row("line", 4, 0, score=0.9, evidence=9.0, p=0.001, q=0.001)
    ring, cluster = line._replace(kind="ring", size=6, q=0.01), line._replace(kind="cluster", q=0.02)
    assert shape_search._apart([line, ring, cluster], real) == [ring, cluster]
    assert shape_search._apart([line, line._replace(size=6)], real) == [line]


def test_words_start_at_the_first_of_the_vocabulary():
    angle = torch.arange(6) * 2 * torch.pi / 6
    names = list("abcdef")
    for order in ([0, 1, 2, 3, 4, 5], [0, 5, 4, 3, 2, 1], [2, 1, 0, 5, 4, 3], [3, 5, 0, 4, 1, 2]):
        unit = torch.empty(2, 6)
        unit[:, order] = torch.stack([angle.cos(), angle.sin()])
        sets = np.arange(6)[None]
        scored = score_sets(cosines(unit.T.contiguous(), sets), sets, neighbourhoods(unit[None]))
        row = Row("ring", 6, 0, score=0.9, evidence=9.0, p=0.001, q=0.001)
        words = shape_search._record(row, scored, 0.01, 0.01, names)["words"]
        place = order.index(0)
        forward, backward = [order[(place + step) % 6] for step in range(6)], [order[place - step] for step in range(6)]
        expected = forward if forward[1] < backward[1] else backward
        assert words == [names[word] for word in expected]
    cosine = torch.tensor([0.3, -0.1, 0.1, -0.3])
    unit = torch.stack([torch.ones(4), cosine]) / (1 + cosine**2).sqrt()
    sets = np.arange(4)[None]
    scored = score_sets(cosines(unit.T.contiguous(), sets), sets, neighbourhoods(unit[None]))
    for shift in (scored, scored._replace(shapes=scored.shapes._replace(along=scored.shapes.along[:, ::-1]))):
        row = Row("line", 4, 0, score=0.9, evidence=9.0, p=0.001, q=0.001)
        assert shape_search._record(row, shift, 0.01, 0.01, names)["words"] == ["a", "c", "b", "d"]


def test_matched_sets_of_rings_and_lines_have_the_mean_cosine(monkeypatch):
    given = []
    monkeypatch.setattr(shape_search, "with_mean_cosine", lambda gram, mean: given.append(mean) or gram)
    unit = random(5, 80)
    unit = unit / unit.norm(dim=0)
    near, columns = neighbourhoods(unit[None]), unit.T.contiguous()
    sets = np.arange(10).reshape(2, 5)
    scored = score_sets(cosines(columns, sets), sets, near)
    for kind in KINDS:
        best = Row(kind, 5, 1, score=np.inf, evidence=0, p=1, q=1)
        rest = near, np.zeros(80, int), 49, np.random.default_rng(0)
        assert shape_search._matched_p(best, scored, columns, *rest) == 1 / 50
        assert shape_search._matched_p(best._replace(score=-3.0), scored, columns, *rest) == 1
    assert given == [scored.shapes.mean_cosine[1]] * 4


def test_surrogates_adapt_to_the_vocabulary():
    assert affordable(12, 4) == 2000
    assert affordable(10_000, 1000) == 29
    assert affordable(100_000, 1000) == 20
    assert affordable(4000, 50) == 100
    metadata = look(random(2, 8), surrogates=None, draws=19).schema.metadata
    assert metadata[b"surrogates"] == b"2000"
    assert metadata[b"draws"] == b"19"
    assert metadata[b"seed"] == b"0"
    assert int(metadata[b"surrogate_candidates"]) > int(metadata[b"candidates"]) > 0


@pytest.mark.parametrize("setting", [{"draws": 0}, {"surrogates": 0}, {"q_threshold": 0.0}, {"q_threshold": 1.5}])
def test_settings_out_of_range(setting):
    with pytest.raises(SettingError, match=f"{next(iter(setting))}="):
        look(random(3, 10), **setting)


def test_data_that_do_not_fit():
    weights = random(3, 10)
    with pytest.raises(DataError, match="10 words"):
        scan(weights, ["a"] * 9, np.ones(10), seed=0)
    with pytest.raises(DataError, match="10 words"):
        scan(weights, ["a"] * 10, np.ones(9), seed=0)
    with pytest.raises(DataError, match="frequency"):
        scan(weights, ["a"] * 10, np.full(10, np.nan), seed=0)
    weights[0, 0] = torch.inf
    with pytest.raises(DataError, match="weights"):
        scan(weights, ["a"] * 10, np.ones(10), seed=0)
