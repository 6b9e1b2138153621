"""Score the shape of small sets of words: how nearly their unit directions form a ring, a line or a tight cluster.

Ring and line look at the centred Gram matrix up to scale, so a component that all words of a set share, which is what raises their mean
cosine, changes neither.

K is the centred Gram matrix, l_1 >= l_2 >= ... its eigenvalues, of which n - 1 equal ones is what words at right angles have.

- ``planarity`` P = (l_1 + l_2) / sum l, and ``linearity`` L = l_1 / sum l; beyond chance, P* = (P - 2/(n-1)) / (1 - 2/(n-1)) and L*
  likewise with 1/(n-1), not under 0. A ring of words at right angles has P* = 0.
- Order around the ring: by the angle in the plane of the first two components, around the centre.
- ``circulance``: |C|^2 / |R|^2 (Frobenius), R the reordered K less its mean diagonal on the diagonal and its mean off the diagonal
  elsewhere, C the circulant mean of R (each entry the mean of those as far apart around the ring, with sign). This is metrics.md's
  1 - |R - C|^2 / |R|^2 without what any diagonal gives for free; 0 where R is 0.
- ``spread``: exp(H) / n, H the entropy of the angular gaps as shares of the circle; 1 for equal gaps, about 0.65 for random angles.
- ``ring`` = P* circulance spread; 0 unless neighbours are more alike than opposites (mean of K at distance 1 over that at n // 2)
  and not orthogonal (mean cosine over 0.1), so that antipodal pairs make no ring, and spread is over 0.655.
- ``line`` = L* exp(H') / (n - 1), H' the entropy of the n - 1 gaps along the first component as shares of its length; 0 unless the
  second factor is over 0.655, so that coinciding words with one apart make no line.

A set whose words have one direction scores 0 in all of them. Source of circulance: Karkada et al. 2026, on K instead of G_S.
"""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from bows.analysis.neighbour_sets import Neighbourhoods

ALIKE = 0.1  # cosine that neighbours around a ring must exceed in the mean: metrics.md calls words orthogonal under it
EVEN = np.exp(np.euler_gamma - 1)  # 0.655: evenness of many random points, which a ring or line must exceed
KINDS = ("ring", "line", "cluster")
CELLS = 10_000_000  # numbers of directions gathered at a time: 40 MB in float32
ROUNDING = 1e-6  # two equal scores may differ by this
FLAT = 1e-6  # variance, as a share of the words' number, under which a set counts as one point (float32 rounding is near 1e-7)


class Shapes(NamedTuple):
    """Scores of S sets of n words each; every order is (S, n), positions within the set."""

    planarity: np.ndarray
    """(S,) in [0, 1]: share of the variance in the top two principal components."""
    circulance: np.ndarray
    """(S,) in [0, 1]: how far the Gram matrix depends only on the distance around the ring."""
    spread: np.ndarray
    """(S,) in (0, 1]: effective number of equal gaps around the ring, over n."""
    ring: np.ndarray
    """(S,) in [0, 1]: the product of ``ring_factors``, or 0 (see :func:`shapes`)."""
    ring_factors: np.ndarray
    """(S, 3): the three, planarity over what words at right angles have."""
    around: np.ndarray
    """Order around the ring."""
    linearity: np.ndarray
    """(S,) in [0, 1]: share of the variance in the first principal component."""
    line: np.ndarray
    """(S,) in [0, 1]: the product of ``line_factors``, or 0 (see :func:`shapes`)."""
    line_factors: np.ndarray
    """(S, 2): linearity, over what words at right angles have, and the effective number of equal gaps over n - 1."""
    along: np.ndarray
    """Order along the first principal component."""
    mean_cosine: np.ndarray
    """(S,) in [-1, 1]: mean cosine of two different words of the set."""
    central: np.ndarray
    """Order by cosine with the set's mean direction, highest first."""


class Scored(NamedTuple):
    """Sets of one size with their shapes."""

    sets: np.ndarray
    """(S, n) word numbers."""
    shapes: Shapes
    isolation: np.ndarray
    """(S,), NaN where there is no word outside."""

    def score(self, kind: str) -> np.ndarray:
        """Return the score that the kind is ranked by: (S,), NaN where not defined."""
        return {"ring": self.shapes.ring, "line": self.shapes.line, "cluster": self.isolation}[kind]

    def evidence(self, kind: str) -> np.ndarray:
        """Return a cluster's score; for a ring or line -sum of log(1 - x) over the factors x of its score: (S,).

        That n words come within e of perfect in one factor by chance has a probability like e^(cn), so -log(1 - x) falls off
        exponentially at every size, only faster for more words: sets of 4 and of 24 can be compared by their tails. And a ring that fills
        more than a plane, because the vocabulary does, can still show by its perfect order.
        """
        if kind == "cluster":
            return self.isolation
        factors = self.shapes.ring_factors if kind == "ring" else self.shapes.line_factors
        return -np.log(np.maximum(1 - factors, ROUNDING)).sum(1)

    def eligible(self, kind: str) -> np.ndarray:
        """Return whether a set can be of the kind: a cluster with words outside, a ring or line with a score above 0: (S,) bool."""
        score = self.score(kind)
        return np.isfinite(score) if kind == "cluster" else score > 0

    def order(self, kind: str) -> np.ndarray:
        """Return positions in each set in the kind's order: (S, n)."""
        return {"ring": self.shapes.around, "line": self.shapes.along, "cluster": self.shapes.central}[kind]


def shapes(gram: np.ndarray) -> Shapes:
    """Score sets of n >= 4 words as a ring and as a line, from the cosines between their words.

    The scores are defined at the top of this module.

    Args:
        gram: (S, n, n) cosines.

    >>> angle = np.arange(6) * np.pi / 3
    >>> float(shapes(np.cos(angle[:, None] - angle)[None]).ring[0].round(9))
    1.0
    """
    gram = gram.astype(np.float64)
    size = gram.shape[1]
    centred = gram - gram.mean(1, keepdims=True)
    centred -= centred.mean(2, keepdims=True)
    values, vectors = np.linalg.eigh(centred)
    values = np.maximum(values[:, ::-1], 0)
    total = values.sum(1)
    flat = total <= FLAT * size
    total = np.where(flat, 1.0, total)
    places = vectors[:, :, :-3:-1] * np.sqrt(values[:, None, :2])
    planarity = np.where(flat, 0, values[:, :2].sum(1) / total)
    linearity = np.where(flat, 0, values[:, 0] / total)

    angle = np.arctan2(places[:, :, 1], places[:, :, 0])
    around = np.argsort(angle, axis=1, kind="stable")
    ordered = np.take_along_axis(angle, around, 1)
    spread = _evenness(np.diff(ordered, axis=1, append=ordered[:, :1] + 2 * np.pi))
    circulance, contrast = _circulance(centred, around)
    ring_factors = np.stack([_beyond(planarity, 2 / (size - 1)), circulance, spread], axis=1)
    neighbours = np.take_along_axis(
        np.take_along_axis(gram, around[:, :, None], 1), np.roll(around, -1, 1)[:, :, None], 2
    )
    ring = ring_factors.prod(1) * ((contrast > 0) & (neighbours.mean((1, 2)) > ALIKE) & (spread > EVEN))

    along = np.argsort(places[:, :, 0], axis=1, kind="stable")
    evenness = _evenness(np.diff(np.take_along_axis(places[:, :, 0], along, 1), axis=1))
    line_factors = np.stack([_beyond(linearity, 1 / (size - 1)), evenness], axis=1)
    line = line_factors.prod(1) * (evenness > EVEN)

    sums = gram.sum(2)
    diagonal = np.trace(gram, axis1=1, axis2=2)
    mean_cosine = np.clip((sums.sum(1) - diagonal) / (size * (size - 1)), -1, 1)
    central = np.argsort(-sums, axis=1, kind="stable")
    return Shapes(
        planarity,
        circulance,
        spread,
        ring,
        ring_factors,
        around,
        linearity,
        line,
        line_factors,
        along,
        mean_cosine,
        central,
    )


def isolation(sets: np.ndarray, mean_cosine: np.ndarray, near: Neighbourhoods) -> np.ndarray:
    """Return how isolated a set is: the mean cosine inside minus the mean over its words of the highest cosine with a word outside.

    In [-2, 2]; above 0 the words are on average more alike than each is like any other word. NaN where there is no word outside.

    Args:
        sets: (S, n) word numbers.
        mean_cosine: (S,) mean cosine of two different words of each set.
        near: the words' neighbourhoods, of at least n words each or of all other words.
    """
    count, size = sets.shape
    result = np.empty(count)
    step = max(1, 20_000_000 // (size * size * near.indices.shape[1]))  # 20 MB of comparisons at a time
    for start in range(0, count, step):
        part = sets[start : start + step]
        outside = (near.indices[part][..., None] != part[:, None, None, :]).all(3)
        highest = np.take_along_axis(near.cosines[part], outside.argmax(2)[..., None], 2)[..., 0].astype(np.float64)
        highest[~outside.any(2)] = np.nan
        result[start : start + step] = mean_cosine[start : start + step] - highest.mean(1)
    return result


def cosines(columns: Tensor, sets: np.ndarray) -> np.ndarray:
    """Return the cosines within each of the sets (S, n) of words, whose unit directions are the rows of ``columns`` (N, m): (S, n, n)."""
    count, size = sets.shape
    step = max(1, CELLS // (size * columns.shape[1]))
    result = np.empty((count, size, size), np.float32)
    with torch.autocast(columns.device.type, enabled=False):
        for start in range(0, count, step):
            chosen = columns[torch.from_numpy(sets[start : start + step])]
            result[start : start + step] = (chosen @ chosen.mT).numpy()
    return result


def score_sets(gram: np.ndarray, sets: np.ndarray, near: Neighbourhoods) -> Scored:
    """Score sets (S, n) of words by the cosines within them (S, n, n)."""
    step = max(1, CELLS // sets.shape[1] ** 2)
    parts = [shapes(gram[start : start + step]) for start in range(0, max(len(sets), 1), step)]
    whole = Shapes(*(np.concatenate(field) for field in zip(*parts, strict=True)))
    return Scored(sets, whole, isolation(sets, whole.mean_cosine, near))


def _beyond(share: np.ndarray, chance: float) -> np.ndarray:
    """Rescale a share of variance so that the share of orthogonal words is 0 and all of it is 1."""
    return np.maximum(share - chance, 0) / (1 - chance)


def _evenness(gaps: np.ndarray) -> np.ndarray:
    """Return exp(entropy) of the gaps (S, g) as shares of their sum, over g: in (0, 1], 1 where all are equal; 0 where all are 0."""
    total = gaps.sum(1, keepdims=True)
    shares = np.where(total > 0, gaps / np.where(total > 0, total, 1), 0)
    entropy = -(shares * np.log(np.where(shares > 0, shares, 1))).sum(1)
    return np.where(total[:, 0] > 0, np.exp(entropy) / gaps.shape[1], 0)


def _circulance(centred: np.ndarray, around: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the circulance (S,) in [0, 1] of K in the order around the ring, and mean K of neighbours minus that of opposites (S,)."""
    count, size = around.shape
    step = np.arange(size)
    other = around[:, (step[:, None] + step) % size]  # (S, distance, position)
    by_distance = centred[np.arange(count)[:, None, None], around[:, None, :], other]
    means = by_distance.mean(2)
    contrast = means[:, 1] - means[:, size // 2]
    off = means[:, 1:].mean(1)
    by_distance[:, 0] -= means[:, :1]
    by_distance[:, 1:] -= off[:, None, None]
    rest = (by_distance**2).sum((1, 2))
    circulant = size * ((means[:, 1:] - off[:, None]) ** 2).sum(1)
    whole = (centred**2).sum((1, 2))
    defined = rest > FLAT * whole
    return np.where(defined, circulant / np.where(defined, rest, 1), 0), contrast
