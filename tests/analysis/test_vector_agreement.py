"""Agreement of two sets of vectors against brute force, planted and absent agreement, and coverage of the interval."""

import numpy as np
import pytest
from scipy.stats import spearmanr

from bows.analysis.vector_agreement import EIGENSPACES, agreement, measures, set_agreement, strata_of


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


def test_one_stratum_by_brute_force():
    first, second, _ = pair()
    found = measures(first, second, np.zeros(80, int), [5])
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
    same = agreement(first, 3 * first @ turned, frequency, 9, 0, 0)
    assert {name: each["value"] for name, each in same.items()} == pytest.approx(dict.fromkeys(same, 1.0), abs=1e-6)
    assert all("low" not in each for each in same.values())
    plain = agreement(first, second, frequency, 0, 4, 0)
    again = agreement(2 * first @ turned, second, frequency, 0, 4, 0)
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
    assert measures(*vectors, np.zeros(1500, int), [])["rsa"] > 0.1
    assert len(np.unique(strata_of(frequency))) == 5
    found = agreement(*vectors, frequency, 99, 0, 0)
    assert abs(found["rsa"]["value"]) < 0.02
    assert abs(found["eigenspace_5"]["z"]) < 5


def test_null_and_interval_of_planted_and_of_no_agreement():
    first, second, frequency = pair(400, 1.0)
    found = agreement(first, second, frequency, 99, 50, 0)
    for name, each in found.items():
        assert each["p"] == 1 / 100, name
        assert each["low"] < each["value"] < each["high"]
        assert each["low"] > each["null"]
    assert found["neighbours"]["null"] == pytest.approx(10 / 199, abs=0.005)  # of the 199 others of a stratum
    assert found["eigenspace_5"]["null"] == pytest.approx(5 / 400, rel=0.2)
    unrelated = agreement(first, pair(400, 1.0, seed=9)[1], frequency, 99, 0, 0)
    assert all(each["p"] > 0.01 for each in unrelated.values())
    assert agreement(first, second, frequency, 9, 5, 3) == agreement(first, second, frequency, 9, 5, 3)


def test_the_interval_covers_the_value_of_many_words():
    population = pair(6000)[:2]
    truth = measures(*population, strata_of(np.arange(6000)), [])
    covered = {name: 0 for name in ("rsa", "cka")}
    for seed in range(1, 41):
        chosen = np.random.default_rng(seed).choice(6000, 150, replace=False)
        found = agreement(*(each[chosen] for each in population), np.arange(150), 0, 40, seed)
        for name in covered:
            covered[name] += found[name]["low"] <= truth[name] <= found[name]["high"]
    assert all(33 <= count <= 40 for count in covered.values()), covered  # 38 expected of 40


def test_planes_of_a_set():
    angles = 2 * np.pi * np.arange(12) / 12
    circle = np.column_stack([np.cos(angles), np.sin(angles), np.zeros(12)])
    assert set_agreement(circle, 2 * circle[:, [1, 2, 0]], 99, 0) == {"angle": pytest.approx(0, abs=1e-5), "p": 1 / 100}
    other = np.column_stack([np.cos(2 * angles), np.sin(2 * angles)])  # orthogonal to it: another frequency
    assert set_agreement(circle, other, 0, 0)["angle"] == pytest.approx(90)
    mixed = np.column_stack([np.cos(angles), 0.6 * np.sin(angles) + 0.8 * np.cos(3 * angles)])
    mixed /= np.linalg.norm(mixed, axis=1, keepdims=True)
    left, right = (np.linalg.svd(each - each.mean(0), full_matrices=False)[0][:, :2] for each in (circle, mixed))
    least = np.linalg.svd(left.T @ right)[1].min()
    assert set_agreement(circle, mixed, 0, 0)["angle"] == pytest.approx(np.degrees(np.arccos(least)), abs=1e-6)
    assert set_agreement(circle, np.repeat([[1.0, 0.0]], 12, 0), 9, 0) == {}
    assert max(EIGENSPACES) == 100
