"""Draw nulls: random vocabularies like a real one, and random sets of words like a found one."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from bows.analysis.neighbour_sets import LARGEST
from bows.analysis.set_shapes import FLAT

CELLS = 10_000_000  # numbers drawn at a time: 40 MB in float32
ROUNDS = 4  # of making a surrogate's moments right and its directions unit in turn
TINY = 1e-30  # keeps a division by the variance of an axis without any finite
DECILES = 10
NEARBY = 10  # words of a set's neighbourhood for each of its own


def surrogate_directions(unit: Tensor, count: int, generator: np.random.Generator) -> Iterator[Tensor]:
    """Yield ``count`` random vocabularies with the first and second moments of a real one, in batches (B, r, V) float32.

    With U (m, V) the real unit directions, a surrogate is U turned by a random rotation of the *words*, U Q, Q uniform over the
    rotations that keep the mean (Q 1 = 1): it keeps the mean direction, how many dimensions the vocabulary uses and how much of each, and
    loses which words go together. Without the mean, words that merely all have something in common would look like a line. The
    directions are then made unit, which changes the moments a little, so these are set again and the directions made unit again, four
    times. They are given on the principal axes of U around its mean, with one more for what of the mean is outside these.

    Args:
        unit: (m, V) unit directions.
        count: how many.
        generator: draws them.
    """
    words = unit.shape[1]
    mean, squares = _moments(unit)
    rank = len(squares) - 1
    step = max(1, CELLS // (len(squares) * words))
    for first in range(0, count, step):
        batch = min(step, count - first)
        gaussian = torch.from_numpy(generator.standard_normal((batch, words, rank), dtype=np.float32))
        drawn = torch.zeros(batch, rank + 1, words)
        drawn[:, :rank] = _orthonormal(gaussian - gaussian.mean(1, keepdim=True))
        for _ in range(ROUNDS):
            drawn -= drawn.mean(2, keepdim=True)
            drawn *= (squares[:, None] / drawn.square().sum(2, keepdim=True).clamp_min(TINY)).sqrt()
            drawn += mean[:, None]
            drawn /= torch.linalg.vector_norm(drawn, dim=1, keepdim=True)
        yield drawn


def _orthonormal(columns: Tensor) -> Tensor:
    """Return orthonormal rows (B, r, V) that span the columns of (B, V, r): a QR decomposition by Cholesky's, twice as fast here.

    The Gram matrix squares the condition number, so it is in float64.
    """
    exact = columns.double()
    gram = exact.mT @ exact
    # So small a ridge changes nothing but keeps a Gram matrix that rounding made singular positive definite.
    gram.diagonal(dim1=1, dim2=2).add_(1e-12 * columns.shape[1])
    factor = torch.linalg.cholesky(gram)
    identity = torch.eye(gram.shape[1], dtype=gram.dtype)
    return torch.linalg.solve_triangular(factor, identity, upper=False).float() @ columns.mT


def _moments(unit: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean and centred sums of squares of unit directions (m, V) on r principal axes and the rest of the mean: (r + 1,) each."""
    exact = unit.double()
    mean = exact.mean(1)
    centred = exact - mean[:, None]
    if unit.shape[0] <= unit.shape[1]:
        squares, axes = torch.linalg.eigh(centred @ centred.T)
    else:
        squares, turned = torch.linalg.eigh(centred.T @ centred)
        axes = centred @ turned / squares.clamp_min(TINY).sqrt()
    used = squares > unit.shape[1] * FLAT
    axes, squares = axes[:, used], squares[used]
    along = axes.T @ mean
    rest = torch.linalg.vector_norm(mean - axes @ along)
    # An axis has no sign of its own: turned towards the mean, so that the same words in another order or basis draw the same.
    return torch.cat([along.abs(), rest[None]]).float(), torch.cat([squares, squares.new_zeros(1)]).float()


def frequency_strata(frequency: np.ndarray) -> np.ndarray:
    """Return the frequency decile of each of V words, 0 (rarest) to 9: (V,) int64; all 0 where deciles would be too small.

    >>> frequency_strata(np.arange(240.0))[[0, 23, 24, 239]].tolist()
    [0, 0, 1, 9]
    """
    words = len(frequency)
    if words < DECILES * LARGEST:
        return np.zeros(words, np.int64)
    rank = np.argsort(np.argsort(frequency, kind="stable"), kind="stable")
    return rank * DECILES // words


def matched_sets(
    members: np.ndarray, columns: Tensor, stratum: np.ndarray, draws: int, generator: np.random.Generator, nearby: bool
) -> np.ndarray:
    """Return random sets with the frequencies of a set of n words: (draws, n) words, as many of each stratum as the set has.

    Nearby: from the stratum's words of highest cosine with the mean direction of the set, 10 for each member that the stratum has.
    Without replacement where that leaves twice as many words as are drawn, else with it (a small vocabulary has only one set of all
    its words).

    Args:
        members: (n,) words.
        columns: (V, m) unit directions.
        stratum: (V,) frequency stratum of each word.
        draws: how many sets.
        generator: draws them.
        nearby: from around the set, or from the whole stratum.
    """
    similarity = (columns @ columns[torch.from_numpy(members)].sum(0)).numpy()
    drawn = []
    for level, needed in zip(*np.unique(stratum[members], return_counts=True), strict=True):
        pool = np.flatnonzero(stratum == level)
        if nearby:
            pool = pool[np.argsort(-similarity[pool], kind="stable")[: NEARBY * needed]]
        if len(pool) >= 2 * needed:
            chosen = np.argsort(generator.random((draws, len(pool))), axis=1)[:, :needed]
        else:
            chosen = generator.integers(len(pool), size=(draws, needed))
        drawn.append(pool[chosen])
    return np.concatenate(drawn, axis=1)


def with_mean_cosine(gram: np.ndarray, mean_cosine: float) -> np.ndarray:
    """Return the cosines (S, n, n) of sets after adding or removing a common component so that their mean cosine is as given.

    1 - (1 - G) (1 - c) / (1 - mean of G off the diagonal): what a component of weight a does, (G + a) / (1 + a), for the a that fits.
    Sets of one direction stay as they are.

    >>> with_mean_cosine(np.eye(2)[None], 0.5).tolist()
    [[[1.0, 0.5], [0.5, 1.0]]]
    """
    size = gram.shape[1]
    distance = 1 - gram
    mean = (distance.sum((1, 2)) / (size * (size - 1)))[:, None, None]
    return 1 - distance * np.where(mean > FLAT, (1 - mean_cosine) / np.where(mean > FLAT, mean, 1), 1)
