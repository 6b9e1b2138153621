"""Synthetic features: probabilities, marginals and covariance as the paper's formula says."""

import math

import numpy as np
import pytest

from bows.data.sources.synthetic import feature_places, probabilities, synthetic_corpus
from bows.data.windows import Windows

N, ROWS = 12, 24_000
STRUCTURES = ["circular", "figure8", "sphere", "iid"]


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def place(structure: str, k: int, n: int = N) -> tuple[float, ...]:
    t = 2 * math.pi * k / n
    return (math.sin(t), math.sin(2 * t)) if structure == "figure8" else (math.cos(t), math.sin(t))


def by_formula(structure: str, sharpness: float, log_odds: float) -> np.ndarray:
    """(N places of a row, N features): the probability of each feature at each place of a round."""
    table = np.empty((N, N))
    for i in range(N):
        for j in range(N):
            dot = math.fsum(a * b for a, b in zip(place(structure, i), place(structure, j), strict=True))
            table[i, j] = sigmoid(sharpness * dot + log_odds)
    return table


def make(structure: str, rows: int = ROWS, log_odds: float = 0.0, seed: int = 0, sharpness: float = 10.0, **more):
    return synthetic_corpus("s", structure, N, rows, N * 10, sharpness, log_odds, seed, **more)


def dense(corpus, split: str = "train") -> np.ndarray:
    windows = Windows(corpus.split(split), N, 1, 1)
    return np.concatenate([part.numpy() for part in windows.batches(4096)])


@pytest.mark.parametrize("structure", ["circular", "figure8"])
@pytest.mark.parametrize(("sharpness", "log_odds"), [(10.0, 0.0), (3.0, -2.0)])
def test_probabilities_are_the_formula_and_rows_visit_places_in_turn(structure, sharpness, log_odds):
    found = probabilities(structure, N, 30, sharpness, log_odds, np.random.default_rng(0))
    expected = by_formula(structure, sharpness, log_odds)
    np.testing.assert_allclose(found, expected[np.arange(30) % N], rtol=1e-9)


def test_iid_has_the_mean_activation_of_the_circle():
    for log_odds in (0.0, -2.0):
        found = probabilities("iid", N, 7, 10.0, log_odds, np.random.default_rng(0))
        np.testing.assert_allclose(found, by_formula("circular", 10.0, log_odds).mean(), rtol=1e-9)


def test_sphere_probabilities_are_of_unit_vectors_and_a_lattice():
    places = feature_places("sphere", 50)
    np.testing.assert_allclose((places**2).sum(1), 1)
    np.testing.assert_allclose(places.mean(0), 0, atol=0.02)
    distance = np.linalg.norm(places[:, None] - places, axis=2)[~np.eye(50, dtype=bool)].reshape(50, 49).min(1)
    assert distance.min() > 0.8 * math.sqrt(4 * math.pi / 50)  # spread evenly: nobody is near another
    found = probabilities("sphere", 50, 4000, 1.0, 0.0, np.random.default_rng(0))
    # Log-odds are a row's place seen from each feature's: the row's place can be solved for, and is uniform on the sphere.
    rows = np.linalg.lstsq(places, np.log(found / (1 - found)).T, rcond=None)[0].T
    np.testing.assert_allclose((rows**2).sum(1), 1, rtol=1e-6)
    np.testing.assert_allclose(rows.mean(0), 0, atol=0.05)
    np.testing.assert_allclose(rows.T @ rows / 4000, np.eye(3) / 3, atol=0.03)


@pytest.mark.parametrize("structure", STRUCTURES)
@pytest.mark.parametrize("log_odds", [0.0, -1.5])
def test_marginals_and_covariance_of_the_data(structure, log_odds):
    data = dense(make(structure, log_odds=log_odds)).astype(np.float64)
    if structure == "sphere":
        random = np.random.default_rng(99)
        z = random.standard_normal((200_000, 3))
        z /= np.linalg.norm(z, axis=1, keepdims=True)
        table = 1 / (1 + np.exp(-(10 * z @ feature_places("sphere", N).T + log_odds)))
    elif structure == "iid":
        table = np.full((N, N), by_formula("circular", 10.0, log_odds).mean())
    else:
        table = by_formula(structure, 10.0, log_odds)
    mean = table.mean(0)
    covariance = table.T @ table / len(table) - np.outer(mean, mean)
    np.fill_diagonal(covariance, mean * (1 - mean))
    error = 5 * 0.5 / math.sqrt(ROWS)
    np.testing.assert_allclose(data.mean(0), mean, atol=error)
    np.testing.assert_allclose(np.cov(data.T, bias=True), covariance, atol=error)


@pytest.mark.parametrize("structure", STRUCTURES)
def test_a_seed_fixes_the_data(structure):
    first, same, other = make(structure, 500), make(structure, 500), make(structure, 500, seed=1)
    assert first.hash == same.hash != other.hash
    assert np.array_equal(dense(first), dense(same))
    assert not np.array_equal(dense(first), dense(other))


def test_the_corpus_has_its_rows_words_and_facts():
    corpus = make("circular", 500)
    assert corpus.vocabulary == [f"feature{k}" for k in range(N)]
    assert {split: bags.rows for split, bags in corpus.splits.items()} == {"train": 500, "validation": 120}
    assert corpus.facts["source"]["structure"] == "circular"
    assert not np.array_equal(dense(corpus)[:120], dense(corpus, "validation"))


@pytest.mark.parametrize("structure", STRUCTURES)
def test_great_sharpness_is_a_step_without_a_warning(structure):
    found = probabilities(structure, N, N, 1e6, 0.0, np.random.default_rng(0))
    assert np.isfinite(found).all()
    if structure == "circular":
        assert found.diagonal().tolist() == [1.0] * N
        assert [found[k, (k + 6) % N] for k in range(N)] == [0.0] * N


@pytest.mark.parametrize("structure", STRUCTURES)
@pytest.mark.parametrize("seed", [0, 7])
def test_relabelled_features_are_the_same_in_another_order(structure, seed):
    plain, mixed = make(structure, 500, seed=seed), make(structure, 500, seed=seed, relabel=True)
    assert sorted(mixed.vocabulary) == sorted(plain.vocabulary)
    assert mixed.vocabulary != plain.vocabulary
    for split in ("train", "validation"):
        by_word = dict(zip(mixed.vocabulary, dense(mixed, split).T, strict=True))
        assert np.array_equal(np.array([by_word[f"feature{place}"] for place in range(N)]).T, dense(plain, split))
    assert mixed.hash != plain.hash
    assert (mixed.facts["source"]["relabel"], plain.facts["source"]["relabel"]) == (True, False)


def test_a_row_of_indices_stays_sorted_where_features_are_relabelled():
    bags = make("circular", 200, relabel=True).split("train")
    for a, b in zip(bags.indptr, bags.indptr[1:], strict=False):
        assert bags.indices[a:b].tolist() == sorted(set(bags.indices[a:b].tolist()))


def test_the_order_of_relabelled_features_is_random_and_of_the_seed_alone():
    def order(seed: int, **more) -> list[str]:
        return make("iid", seed=seed, relabel=True, **{"rows": 1, **more}).vocabulary

    assert order(3) == order(3) == order(3, rows=77, log_odds=-2.0)
    # Over many seeds every feature is at every index about equally often: 600 / 12 times, give or take 5 standard deviations.
    orders = np.array([[int(word.removeprefix("feature")) for word in order(seed)] for seed in range(600)])
    times = np.array([[(orders[:, index] == place).sum() for place in range(N)] for index in range(N)])
    assert abs(times - 600 / N).max() < 5 * math.sqrt(600 / N)
    assert len({tuple(row) for row in orders.tolist()}) == 600
