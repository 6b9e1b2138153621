"""Correlate the similarity of items of a cycle with their nearness around it."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import rankdata


def step_correlation(
    similarity: ArrayLike | Sequence[ArrayLike], permutations: int = 9999, seed: int = 0
) -> tuple[float, float]:
    """Return the rank correlation of the similarity of pairs with their nearness around the cycle, and its p value.

    Weaker than :func:`bows.analysis.ring.ring`, which asks for an order in one plane: a set may lie near its ring in many dimensions, or
    under other structure, and this still sees it.

    Args:
        similarity: (n, n), symmetric, of n >= 4 things in their cyclic order, the diagonal not read; or several such matrices, (k, n, n),
            of which the mean correlation is taken.
        permutations: of the things, of which p is the share at least as high (1 + hits over 1 + permutations; Mantel 1967), one and the
            same permutation for all matrices.
        seed: of the permutations.

    Returns:
        Spearman's rho with -min(|i - j|, n - |i - j|) over i < j, in [-1, 1]; p in (0, 1].

    Raises:
        ValueError: the matrices are not square, or one does not vary.

    >>> around = np.cos(2 * np.pi * np.subtract.outer(np.arange(12), np.arange(12)) / 12).round(6)
    >>> rho, p = step_correlation(around, permutations=999)
    >>> round(rho, 3), p
    (1.0, 0.001)
    """
    matrices = np.asarray(similarity, dtype=float)
    if matrices.ndim == 2:
        matrices = matrices[None]
    count = matrices.shape[-1]
    if matrices.ndim != 3 or matrices.shape[1] != count or count < 4:
        raise ValueError(f"matrices of shape {matrices.shape} are not square over four things or more")
    row, column = np.triu_indices(count, 1)
    apart = np.abs(row - column)
    nearness = _standard(-np.minimum(apart, count - apart))
    ranks = np.zeros((len(matrices), count, count))
    for place, matrix in enumerate(matrices):
        ranks[place, row, column] = _standard(matrix[row, column])
    of_all = (ranks + ranks.transpose(0, 2, 1)).mean(0)
    rho = float(of_all[row, column] @ nearness)
    orders = np.random.default_rng(seed).permuted(np.tile(np.arange(count), (permutations, 1)), axis=1)
    drawn = of_all[orders[:, row], orders[:, column]] @ nearness
    return rho, (1 + int((drawn >= rho - 1e-9).sum())) / (1 + permutations)


def _standard(values: np.ndarray) -> np.ndarray:
    """Return the ranks, centred and of length 1."""
    ranks = rankdata(values) - (len(values) + 1) / 2
    length = np.linalg.norm(ranks)
    if not length:
        raise ValueError("a matrix of equal values has no ranks")
    return ranks / length
