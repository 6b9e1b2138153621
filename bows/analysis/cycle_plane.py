"""Measure how near other words are to their places in a cycle, in the plane of the cycle's words."""

import numpy as np
import torch
from torch import Tensor

from bows.analysis.ring import ring_coordinates
from bows.errors import DataError


def in_plane(directions: Tensor, count: int) -> np.ndarray:
    """Return (2, n): all words in the plane of the first `count`, with the centre of these at 0.

    Args:
        directions: (m, n): unit directions of the cycle's words, then of others.
        count: words of the cycle.

    Raises:
        DataError: the cycle's words span no plane.
    """
    cycle = directions[:, :count].double()
    if ring_coordinates(cycle, range(count)) is None:
        raise DataError("the directions of the cycle's words span no plane")
    centre = cycle.mean(1, keepdim=True)
    plane = torch.linalg.svd(cycle - centre, full_matrices=False).U[:, :2]
    return (plane.T @ (directions.double() - centre)).numpy()


def angles_in_plane(directions: Tensor, count: int) -> np.ndarray:
    """Return the angle in [0, pi] between each other word and each of the cycle's, seen from their centre: (n - count, count).

    Args:
        directions: (m, n): unit directions of the cycle's words, then of others.
        count: words of the cycle.

    Raises:
        DataError: the cycle's words span no plane.
    """
    seen = in_plane(directions, count)
    angle = np.arctan2(seen[1], seen[0])
    between = np.abs(angle[count:, None] - angle[None, :count])
    return np.minimum(between, 2 * np.pi - between)


def nearness_to_places(between: np.ndarray, places: np.ndarray, shuffles: int) -> tuple[float, float, float]:
    """Return the mean angle between words and their places, its mean over shuffled places, and p of one as small.

    Args:
        between: (words, n): the angle of each word from each of the cycle's.
        places: (words,): the place of each word, in [0, n).
        shuffles: of the words' places.

    Returns:
        Two angles in [0, pi]; p in (0, 1]: (1 + shuffles with an angle as small) / (1 + shuffles).
    """
    rows, random = np.arange(len(places)), np.random.default_rng(0)
    own = float(between[rows, places].mean())
    drawn = np.array([between[rows, random.permutation(places)].mean() for _ in range(shuffles)])
    return own, float(drawn.mean()), float((1 + (drawn <= own).sum()) / (1 + shuffles))
