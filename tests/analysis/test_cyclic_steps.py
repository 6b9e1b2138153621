"""Alikeness against nearness around a cycle."""

from itertools import permutations

import numpy as np
import pytest
from scipy.stats import spearmanr

from bows.analysis.cyclic_steps import step_correlation


def steps(count: int) -> np.ndarray:
    return np.array([[min(abs(i - j), count - abs(i - j)) for j in range(count)] for i in range(count)])


def noisy(count: int, seed: int) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(size=(count, count))
    return -steps(count) + 1.5 * (noise + noise.T)


def test_it_is_spearmans_correlation_over_pairs():
    matrix = noisy(9, 1)
    pairs = np.triu_indices(9, 1)
    expected = spearmanr(matrix[pairs], -steps(9)[pairs]).statistic
    assert step_correlation(matrix, 9)[0] == pytest.approx(expected)


def test_p_is_near_the_share_of_all_orders():
    matrix = noisy(6, 3)
    pairs = np.triu_indices(6, 1)
    near = -steps(6)[pairs]
    own = spearmanr(matrix[pairs], near).statistic
    every = [spearmanr(matrix[np.ix_(order, order)][pairs], near).statistic for order in permutations(range(6))]
    exact = np.mean(np.array(every) >= own - 1e-9)
    assert step_correlation(matrix, 9999)[1] == pytest.approx(exact, abs=0.02)


def test_of_several_matrices_the_mean_correlation_is_taken():
    matrices = [noisy(8, seed) for seed in range(4)]
    rho, _ = step_correlation(matrices, 9)
    assert rho == pytest.approx(np.mean([step_correlation(matrix, 9)[0] for matrix in matrices]))


def test_noise_gives_p_values_that_are_uniform():
    p = []
    for seed in range(200):
        noise = np.random.default_rng(seed).normal(size=(7, 7))
        p.append(step_correlation(noise + noise.T, 99, seed)[1])
    assert 0.4 < np.mean(p) < 0.6
    assert 0.01 < np.mean(np.array(p) < 0.1) < 0.2


@pytest.mark.parametrize("matrix", [np.eye(3), np.zeros((5, 4)), np.ones((6, 6))])
def test_what_has_no_steps_is_refused(matrix):
    with pytest.raises(ValueError):
        step_correlation(matrix)
