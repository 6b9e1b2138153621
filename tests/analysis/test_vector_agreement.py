"""Agreement of two sets of vectors against brute force, planted and absent agreement, and coverage of the interval."""

import numpy as np
import pytest
from scipy.stats import spearmanr

from bows.analysis.vector_agreement import EIGENSPACES, agreement, category_cells, measures, set_agreement, strata_of


def unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def pair(words: int = 80, shared: float = 0.7, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Two sets of unit vectors with a common part, and frequencies."""
    rng = np.random.default_rng(seed)
    common = rng.normal(size=(words, 8))
    first = shared * common + rng.normal(size=(words, 8))
    second = shared * common @ rng.normal(size=(8, 12)) / np.sqrt(8) + rng.normal(size=(words, 12)) * 0.5
    return unit(first), unit(second), rng.random(words)


def hsic(first: np.ndarray, second: np.ndarray) -> float:
    """The unbiased estimator of Song et al. 2012, by its formula."""
    count = len(first)
    one, other = first - np.diag(np.diag(first)), second - np.diag(np.diag(second))
    ones = np.ones(count)
    total = np.trace(one @ other) + (ones @ one @ ones) * (ones @ other @ ones) / ((count - 1) * (count - 2))
    return (total - 2 / (count - 2) * (ones @ one @ other @ ones)) / (count * (count - 3))


def agree(first: np.ndarray, second: np.ndarray, *settings) -> dict[str, dict[str, float]]:
    return agreement(first, {"second": second}, *settings)["second"]


def values(first: np.ndarray, second: np.ndarray, strata: np.ndarray, sizes: list[int]) -> dict[str, float]:
    found = measures(first, {"second": second}, strata, {"second": sizes}, np.arange(len(first))[None])["second"]
    return {name: float(each[0]) for name, each in found.items()}


def test_one_stratum_by_brute_force():
    first, second, _ = pair()
    found = values(first, second, np.zeros(80, int), [5])
    cosines = first @ first.T, second @ second.T
    above = np.triu_indices(80, 1)
    assert found["rsa"] == pytest.approx(spearmanr(*(each[above] for each in cosines)).statistic, abs=1e-6)
    expected = hsic(*cosines) / np.sqrt(hsic(cosines[0], cosines[0]) * hsic(cosines[1], cosines[1]))
    assert found["cka"] == pytest.approx(expected, rel=1e-9)
    nearest = [[set([j for j in np.argsort(-row) if j != i][:10]) for i, row in enumerate(each)] for each in cosines]
    assert found["neighbours"] == pytest.approx(np.mean([len(a & b) / 10 for a, b in zip(*nearest, strict=True)]))
    left, right = (np.linalg.svd(each - each.mean(0))[0][:, :5] for each in (first, second))
    assert found["eigenspace_5"] == pytest.approx(np.linalg.norm(left.T @ right) ** 2 / 5, rel=1e-9)
    assert [name for name in found if name.startswith("eigenspace")] == [
        "eigenspace_5"
    ]  # 8 dimensions are fewer than 20


def test_rotation_and_scale_do_not_matter_and_equal_vectors_agree():
    first, second, frequency = pair()
    turned = np.linalg.qr(np.random.default_rng(1).normal(size=(8, 8)))[0]
    same = agree(first, 3 * first @ turned, frequency, 9, 0, 0)
    assert {name: each["value"] for name, each in same.items()} == pytest.approx(dict.fromkeys(same, 1.0), abs=1e-6)
    assert all("low" not in each for each in same.values())
    plain = agree(first, second, frequency, 0, 4, 0)
    again = agree(2 * first @ turned, second, frequency, 0, 4, 0)
    assert set(plain) == {"rsa", "cka", "neighbours", "eigenspace_5"}  # 8 dimensions are fewer than 20
    for name, each in plain.items():
        assert again[name] == pytest.approx(each, abs=1e-5)


def test_what_frequency_alone_explains_does_not_count():
    """Both have a direction of frequency, and nothing else in common: over all words they agree, within strata they do not."""
    rng = np.random.default_rng(0)
    frequency = rng.random(1500)
    vectors = []
    for size in (20, 30):
        along = np.zeros((1500, size))
        along[:, 0] = 6 * (frequency - 0.5)
        vectors.append(unit(along + rng.normal(size=(1500, size))))
    assert values(*vectors, np.zeros(1500, int), [])["rsa"] > 0.1
    assert len(np.unique(strata_of(frequency))) == 5
    found = agree(*vectors, frequency, 99, 0, 0)
    assert abs(found["rsa"]["value"]) < 0.02
    assert abs(found["eigenspace_5"]["z"]) < 5


def test_null_and_interval_of_planted_and_of_no_agreement():
    first, second, frequency = pair(400, 1.0)
    found = agree(first, second, frequency, 99, 50, 0)
    for name, each in found.items():
        assert each["p"] == 1 / 100, name
        assert each["low"] < each["value"] < each["high"]
        assert each["low"] > each["null"]
    assert found["neighbours"]["null"] == pytest.approx(10 / 199, abs=0.005)  # of the 199 others of a stratum
    assert found["eigenspace_5"]["null"] == pytest.approx(5 / 400, rel=0.2)
    unrelated = agree(first, pair(400, 1.0, seed=9)[1], frequency, 99, 0, 0)
    assert all(each["p"] > 0.01 for each in unrelated.values())
    assert agree(first, second, frequency, 9, 5, 3) == agree(first, second, frequency, 9, 5, 3)


def test_the_interval_covers_the_value_of_many_words():
    population = pair(6000)[:2]
    truth = values(*population, strata_of(np.arange(6000)), [])
    covered = {name: 0 for name in ("rsa", "cka")}
    for seed in range(1, 41):
        chosen = np.random.default_rng(seed).choice(6000, 150, replace=False)
        found = agree(*(each[chosen] for each in population), np.arange(150), 0, 40, seed)
        for name in covered:
            covered[name] += found[name]["low"] <= truth[name] <= found[name]["high"]
    assert all(33 <= count <= 40 for count in covered.values()), covered  # 38 expected of 40


def test_planes_of_a_set():
    angles = 2 * np.pi * np.arange(12) / 12
    circle = np.column_stack([np.cos(angles), np.sin(angles), np.zeros(12)])
    same = set_agreement(circle, 2 * circle[:, [1, 2, 0]], 99, 0)
    assert same == {**dict.fromkeys(("value", "low", "high"), pytest.approx(0, abs=1e-4)), "p": 1 / 100}
    other = np.column_stack([np.cos(2 * angles), np.sin(2 * angles)])  # orthogonal to it: another frequency
    assert set_agreement(circle, other, 0, 0)["value"] == pytest.approx(90)
    mixed = np.column_stack([np.cos(angles), 0.6 * np.sin(angles) + 0.8 * np.cos(3 * angles)])
    mixed /= np.linalg.norm(mixed, axis=1, keepdims=True)
    left, right = (np.linalg.svd(each - each.mean(0), full_matrices=False)[0][:, :2] for each in (circle, mixed))
    least = np.linalg.svd(left.T @ right)[1].min()
    assert set_agreement(circle, mixed, 0, 0)["value"] == pytest.approx(np.degrees(np.arccos(least)), abs=1e-6)
    assert set_agreement(circle, np.repeat([[1.0, 0.0]], 12, 0), 9, 0) == {}
    assert max(EIGENSPACES) == 100


def test_each_order_is_that_of_permuted_vectors():
    """Every measure of an order equals that of the vectors themselves in that order, also within several strata."""
    first, second, frequency = pair(700)
    strata = strata_of(frequency)
    assert len(np.unique(strata)) == 3
    rng = np.random.default_rng(2)
    orders = np.tile(np.arange(700), (2, 1))
    for each in range(3):
        members = np.flatnonzero(strata == each)
        orders[1, members] = rng.permutation(members)
    found = measures(first, {"a": second, "b": first}, strata, {"a": [5], "b": [2, 5]}, orders)
    for name, other in (("a", second), ("b", first)):
        sizes = [5] if name == "a" else [2, 5]
        for place, order in enumerate(orders):
            expected = values(first[order], other, strata, sizes)
            assert {measure: each[place] for measure, each in found[name].items()} == pytest.approx(expected, rel=1e-9)


def test_null_of_categories_by_brute_force():
    """Permute the vectors themselves, each category within its stratum, other words in place, and take the measure anew."""
    words, draws = 420, 60
    categories = np.random.default_rng(5).integers(-1, 3, words)
    centres = np.random.default_rng(6).normal(size=(4, 8))
    first, second, frequency = pair(words, 1.0)
    # Categories are common to both beyond what their words have in common.
    first, second = unit(first + centres[categories]), unit(second + np.pad(centres[categories], ((0, 0), (0, 4))))
    strata = strata_of(frequency)
    found = agree(first, second, frequency, draws, 0, 0, categories)
    rng, drawn = np.random.default_rng(7), {name: [] for name in found}
    for _ in range(draws):
        order = np.arange(words)
        for stratum in np.unique(strata):
            for category in range(3):
                members = np.flatnonzero((strata == stratum) & (categories == category))
                order[members] = rng.permutation(members)
        for name, each in values(first[order], second, strata, [5]).items():
            drawn[name].append(each)
    for name, each in found.items():
        spread = np.std(drawn[name])
        assert each["category_null"] == pytest.approx(np.mean(drawn[name]), abs=5 * spread * (2 / draws) ** 0.5), name
        expected = (each["value"] - np.mean(drawn[name])) / spread
        assert each["category_z"] == pytest.approx(expected, rel=0.35, abs=0.6), name
        assert each["category_null"] > each["null"] + 4 * spread, (
            name
        )  # words of no category stay, and categories agree
        assert each["moved"] == (categories >= 0).sum()
    plain = agree(first, second, frequency, draws, 0, 0)
    keys = {"value", "null", "p", "z"}
    assert plain == {name: {key: each[key] for key in keys} for name, each in found.items()}


def test_agreement_of_categories_alone_is_not_above_their_null():
    """Two models that share the categories and nothing else."""
    rng = np.random.default_rng(3)
    categories = rng.integers(0, 6, 500)
    models = [unit(3 * rng.normal(size=(6, 10))[categories] + rng.normal(size=(500, 10))) for _ in range(2)]
    found = agree(*models, rng.random(500), 99, 0, 0, categories)
    for name in ("rsa", "cka", "neighbours"):
        assert found[name]["p"] == 1 / 100, name
        assert abs(found[name]["category_z"]) < 4, name
        assert found[name]["category_p"] > 0.01, name


def test_words_that_no_permutation_can_move():
    first, second, frequency = pair()
    assert category_cells(np.array([0, 0, 1, 1]), np.array([4, 4, 4, -1]))[1] == 2
    for categories in (np.full(80, -1), np.arange(80)):
        assert "category_null" not in agree(first, second, frequency, 9, 0, 0, categories)["rsa"]


def test_interval_of_an_angle_is_that_of_the_jackknife():
    rng = np.random.default_rng(4)
    places = 2 * np.pi * np.arange(9) / 9
    ring = np.column_stack([np.cos(places), np.sin(places), np.zeros((9, 6))])
    first, second = (ring + 0.3 * rng.normal(size=ring.shape) for _ in range(2))
    found = set_agreement(first, second, 0, 0)
    kept = [[other for other in range(9) if other != left] for left in range(9)]
    without = [set_agreement(first[each], second[each], 0, 0)["value"] for each in kept]
    error = np.sqrt(8 / 9 * np.sum((np.array(without) - np.mean(without)) ** 2))
    assert found["high"] == pytest.approx(
        min(90, found["value"] + 2.30600414 * error), abs=1e-6
    )  # t of 8 degrees of freedom
    assert found["low"] == pytest.approx(max(0, found["value"] - 2.30600414 * error), abs=1e-6)
    assert "low" not in set_agreement(first[:5], second[:5], 0, 0)


def test_interval_of_an_angle_covers_that_of_many_words():
    def rings(words: int, seed: int) -> list[np.ndarray]:
        rng = np.random.default_rng(seed)
        places = 2 * np.pi * rng.random(words)
        found = []
        for bend in (0.0, 0.4):
            flat = np.column_stack([np.cos(places) + bend * np.cos(3 * places), np.sin(places), np.ones(words)])
            found.append(np.pad(flat, ((0, 0), (0, 37))) + 0.7 * rng.normal(size=(words, 40)) / 40**0.5)
        return found

    planes = [np.linalg.svd(each - each.mean(0), full_matrices=False)[0][:, :2] for each in map(unit, rings(6000, 0))]
    truth = np.degrees(np.arccos(np.linalg.svd(planes[0].T @ planes[1])[1].min()))
    found = [set_agreement(*rings(12, seed), 0, 0) for seed in range(1, 81)]
    assert 69 <= sum(each["low"] <= truth <= each["high"] for each in found) <= 80  # 75 expected
