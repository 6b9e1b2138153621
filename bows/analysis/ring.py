"""Score how nearly words with a known order lie in that order: on a ring (months, weekdays) or on a line (digits, tens).

Word k of n belongs at 2 pi k / n. Every set gets every score; whether it is cyclic or linear decides which of them gives its ``shape``.

- ``order``: the circular-circular correlation of the words' angles a in the plane of :func:`ring_coordinates`,
  with their known positions b, in [0, 1], best over reflection (absolute value); 1 is a ring in order. Regular
  positions have no mean direction, so it is the form for a uniform margin,
  r = (|sum e^{i(a-b)}| - |sum e^{i(a+b)}|) / (2 sqrt(sum sin^2(a - mean a) * n/2)),
  where n/2 is sum sin^2(b - any direction). Source: Jammalamadaka & Sarma 1988; Jammalamadaka & SenGupta 2001,
  Topics in Circular Statistics, section 8.2.
- ``order_p``: (1 + number of permutations of the known positions with at least this order) / (1 + permutations), in
  (0, 1].
- ``order_p_lowest``: 2 / (n - 1)!, the share of orders equal to the known one but for turns and reflections: no p of so few words is lower.
  It is over 0.05 for five words or fewer, whose order around a ring therefore shows nothing.
- ``planarity``: share of the unit directions' variance (around their mean) in the plane, in (0, 1].
- ``procrustes``: Procrustes disparity of the plane coordinates to the regular polygon, both centred and of unit
  size, rotation and reflection free, in [0, 1]; 0 is a regular polygon in order.
- ``circulance``: 1 - |G_S - C|^2 / |G_S|^2 in [0, 1] (Frobenius): G_S the set's rows and columns of G = W^T W, or
  of M = D E, C its circulant mean (each entry the mean of those as far apart around the ring, with sign). A
  diagonal that outweighs the rest brings it near 1 without any ring. Source: Karkada et al. 2026.
- ``line_order``: |Spearman's correlation| of the words' first principal component with their known places, in [0, 1]; ``line_order_p`` as
  ``order_p``. A ring reaches about 0.5, an open sequence 0.8 or more: order on a line does not exclude a ring, nor the reverse.
- ``planarity_null``: 2 / (n - 1), the planarity of orthogonal directions. Words can be in order and yet nearly orthogonal.
- ``closure``: see :func:`closure`; ``shape``: the number of one of none, line, arc, ring, see :func:`shape`. ``order`` and its p reject
  that there is no order, not that there is no ring: open sequences pass them in 91 to 99 % of draws.

Left out where not defined: all but circulance if the set has no plane (a zero column, or directions on one line); circulance if G_S is
zero; the p values and ``shape`` if permutations = 0; ``closure`` for three words.
"""

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache

import numpy as np
from scipy.spatial import procrustes
from scipy.stats import rankdata
from torch import Tensor

from bows.analysis.directions import checked
from bows.errors import DataError, SettingError

SHAPES = ("none", "line", "arc", "ring")


def ring_coordinates(encoder: Tensor, indices: Sequence[int]) -> np.ndarray | None:
    """Return positions of the set's words in its best plane: (n, 2) float64.

    The plane holds the top two principal components (centred) of the words' unit directions u_i = w_i / |w_i|. Each
    axis points so that its entry of largest absolute value is positive. None where there is no plane: a word of
    the set has a zero column, or the directions span fewer than two dimensions around their mean.

    Args:
        encoder: (m, V).
        indices: n >= 3 different word indices in their known cyclic order.

    Raises:
        DataError: fewer than three words, a word twice, or an index outside the vocabulary.
    """
    return _plane(_columns(encoder, indices))[0]


def ring(
    encoder: Tensor,
    decoder: Tensor | None,
    indices: Sequence[int],
    permutations: int = 1000,
    seed: int = 0,
    linear: bool = False,
) -> dict[str, float]:
    """Score one ordered set: is it in order, is the order closed, does it fill a plane.

    Returns ``order``, ``order_p``, ``order_p_lowest``, ``line_order``, ``line_order_p``, ``closure``, ``shape``, ``planarity``,
    ``planarity_null``, ``procrustes`` and ``circulance``, as defined at the top of this module.

    Args:
        encoder: (m, V).
        decoder: (V, m), or None for a tied model.
        indices: n >= 3 different word indices in their known order.
        permutations: how many random orders each p value rests on, 0 or more.
        seed: of the generator that draws them.
        linear: whether the known order is open (digits) or closes on itself (months).

    Raises:
        DataError: fewer than three words, a word twice, or an index outside the vocabulary.
        SettingError: permutations < 0.

    >>> import torch
    >>> angles = torch.arange(5) * 2 * torch.pi / 5
    >>> scores = ring(torch.stack([angles.cos(), angles.sin()]), None, range(5), permutations=99)
    >>> {name: round(scores[name], 3) + 0.0 for name in ("order", "planarity", "procrustes", "circulance", "closure")}
    {'order': 1.0, 'planarity': 1.0, 'procrustes': 0.0, 'circulance': 1.0, 'closure': 1.0}
    """
    if permutations < 0:
        raise SettingError(f"permutations={permutations}: the number of random orders must be 0 or more")
    columns = _columns(encoder, indices)
    coordinates, planarity = _plane(columns)
    scores = {} if coordinates is None else _plane_scores(coordinates, planarity, permutations, seed)
    if coordinates is not None and (closed := closure(columns)) is not None:
        scores["closure"] = closed
    if "order_p" in scores:
        scores["shape"] = float(shape(scores, linear))
    rows = columns.T if decoder is None else _columns(checked(decoder).T, indices).T
    circulance = _circulance(rows @ columns)
    if circulance is not None:
        scores["circulance"] = circulance
    return scores


def _plane_scores(coordinates: np.ndarray, planarity: float, permutations: int, seed: int) -> dict[str, float]:
    """Return the scores of the positions (n, 2) in the plane."""
    count = len(coordinates)
    angles, positions = np.arctan2(coordinates[:, 1], coordinates[:, 0]), regular_positions(count)
    ranks = rankdata(coordinates[:, 0]) - (count + 1) / 2
    scores = {
        "order": cyclic_order(angles),
        "line_order": float(abs(ranks @ _steps(count)) / (_steps(count) @ _steps(count))),
    }
    if permutations:
        around = np.exp(1j * angles)
        corners, lines = _drawn_orders(count, permutations, seed)
        # The tolerance lets the n rotations of one order, equal but for rounding, count as equal.
        least = _alignment(around, np.exp(1j * positions)) - 1e-9 * count
        scores["order_p"] = (1 + np.count_nonzero(_alignment(around, corners) >= least)) / (1 + permutations)
        least = abs(ranks @ _steps(count)) - 1e-9 * count
        scores["line_order_p"] = (1 + np.count_nonzero(np.abs(lines @ ranks) >= least)) / (1 + permutations)
        scores["order_p_lowest"] = 2 / math.factorial(count - 1)
    polygon = np.column_stack([np.cos(positions), np.sin(positions)])
    disparity = float(np.clip(procrustes(polygon, coordinates)[2], 0.0, 1.0))
    return {**scores, "planarity": planarity, "planarity_null": 2 / (count - 1), "procrustes": disparity}


def closure(columns: np.ndarray) -> float | None:
    """Return how near the last word is to the first: 1 as near as neighbours, 0 as near as words that are none.

    (s - o) / (c - o), s the cosine of the first and last word, c the mean cosine of the n - 1 other pairs of neighbours, o the mean of the
    pairs that are neighbours on no cycle. None for three words, which have no such pairs, or where c <= o.

    Args:
        columns: (m, n), none of them zero, in their known order.
    """
    unit = columns / np.linalg.norm(columns, axis=0)
    cosines, count = unit.T @ unit, columns.shape[1]
    apart = np.abs(np.arange(count)[:, None] - np.arange(count))
    others = cosines[(apart > 1) & (apart < count - 1)]
    neighbours = np.diag(cosines, 1).mean()
    if not len(others) or neighbours <= others.mean():
        return None
    return float((cosines[0, -1] - others.mean()) / (neighbours - others.mean()))


def shape(scores: Mapping[str, float], linear: bool = False) -> int:
    """Return the place in ``SHAPES`` of the shape that the scores of a set show.

    One test at 0.05 decides whether there is a shape at all, so that sets without order get one at most one time in twenty; what follows
    names it. A cyclic set is tested by ``order_p``:

    - ring: ``closure`` >= 1/2, and the plane holds at least a tenth of the variance above its null: (planarity - null) / (1 - null) >= 0.1;
    - arc: ``closure`` < 1/2, an open sequence that bends;
    - none: closed, but the directions are nearly orthogonal.

    A linear set is tested by ``line_order_p``: arc where ``order_p`` <= 0.05 too (it bends), else line. `python -m bows.bench calibration`
    measures the error rates of the whole rule, which the docs state.
    """
    if scores["line_order_p" if linear else "order_p"] > 0.05:
        return SHAPES.index("none")
    if linear:
        return SHAPES.index("arc" if scores["order_p"] <= 0.05 else "line")
    if scores.get("closure", 0.0) < 0.5:
        return SHAPES.index("arc")
    null = scores["planarity_null"]
    return SHAPES.index("ring" if null < 1 and (scores["planarity"] - null) / (1 - null) >= 0.1 else "none")


def _steps(count: int) -> np.ndarray:
    """Return the places 0 to n - 1 around their mean: (n,)."""
    return np.arange(count) - (count - 1) / 2


@lru_cache(maxsize=16)  # a stack asks for the same orders again for each of its members, at each look
def _drawn_orders(count: int, permutations: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the corners of a regular polygon, as complex numbers, and the places on a line, in random orders: (permutations, n) each."""
    orders = np.random.default_rng(seed).permuted(np.tile(np.arange(count), (permutations, 1)), axis=1)
    drawn = np.exp(1j * regular_positions(count))[orders], _steps(count)[orders]
    for each in drawn:
        each.setflags(write=False)
    return drawn


def regular_positions(count: int) -> np.ndarray:
    """Return the angles 2 pi k / n of a regular polygon's n corners: (n,), radians."""
    return 2 * np.pi * np.arange(count) / count


def cyclic_order(angles: np.ndarray) -> float:
    """Return the circular-circular correlation of n angles with the regular positions 2 pi k / n, best over reflection.

    Args:
        angles: (n,), radians, n >= 3.

    Returns:
        In [0, 1]; see :func:`ring` for formula and source. 1 for any rotation or reflection of the regular positions;
        0 also where all angles are equal, which show no order.

    >>> round(cyclic_order(1.0 - regular_positions(7)), 6)
    1.0
    """
    mean = np.angle(np.exp(1j * angles).sum())
    spread = np.square(np.sin(angles - mean)).sum()
    if spread < 1e-20:
        return 0.0
    # At most 1: the numerator is the smaller singular value of sum (cos a, sin a)^T (cos b, sin b), which the
    # direction across the mean bounds (Bessel: cos b and sin b are orthogonal, each of squared norm n/2).
    corners = np.exp(1j * regular_positions(len(angles)))
    score = _alignment(np.exp(1j * angles), corners) / (2 * np.sqrt(spread * len(angles) / 2))
    return float(min(score, 1.0))


def _alignment(around: np.ndarray, corners: np.ndarray) -> np.ndarray | np.floating:
    """| |sum e^{i(a-b)}| - |sum e^{i(a+b)}| | for e^{ia} (n,) and e^{ib} (..., n): what a permutation changes of the order score."""
    return np.abs(np.abs(corners.conj() @ around) - np.abs(corners @ around))


def _circulance(gram: np.ndarray) -> float | None:
    size = np.square(gram).sum()
    if size == 0:
        return None
    count = len(gram)
    apart = (np.arange(count)[None, :] - np.arange(count)[:, None]) % count
    means = np.bincount(apart.ravel(), weights=gram.ravel()) / count
    return float(np.clip(1 - np.square(gram - means[apart]).sum() / size, 0.0, 1.0))


def _columns(encoder: Tensor, indices: Sequence[int]) -> np.ndarray:
    """Return the set's columns (m, n) in float64 on the CPU."""
    encoder, chosen = checked(encoder), [int(index) for index in indices]
    if len(chosen) < 3:
        raise DataError(f"a ring needs at least 3 words, got {len(chosen)}")
    if len(set(chosen)) < len(chosen):
        raise DataError(f"a ring names each word once, got the word indices {chosen}")
    if min(chosen) < 0 or max(chosen) >= encoder.shape[1]:
        raise DataError(f"word indices {chosen} reach outside a vocabulary of {encoder.shape[1]} words")
    return encoder[:, chosen].double().cpu().numpy()


def _plane(columns: np.ndarray) -> tuple[np.ndarray | None, float]:
    """Return plane coordinates (n, 2) of the unit directions and the share of variance there; None and 0 without a plane."""
    lengths = np.linalg.norm(columns, axis=0)
    if not lengths.all():
        return None, 0.0
    unit = (columns / lengths).T
    left, singular, _ = np.linalg.svd(unit - unit.mean(0), full_matrices=False)
    if len(singular) < 2 or singular[1] < 1e-6:  # unit directions closer than float32 weights can tell apart
        return None, 0.0
    coordinates = left[:, :2] * singular[:2]
    coordinates *= np.sign(coordinates[np.abs(coordinates).argmax(0), [0, 1]])
    return coordinates, float(np.square(singular[:2]).sum() / np.square(singular).sum())
