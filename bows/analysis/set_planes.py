"""Compute the plane of a set of words in a latent space, and two null planes: random ones, and those of random sets."""

from collections.abc import Collection, Sequence

import numpy as np
import torch
from torch import Tensor

from bows.analysis.directions import checked
from bows.analysis.permutation_null import frequency_deciles
from bows.analysis.plane_ablation import orthonormal
from bows.analysis.ring import ring_coordinates
from bows.errors import DataError


def set_plane(encoder: Tensor, words: Sequence[int]) -> Tensor:
    """Return an orthonormal basis (m, 2), float64 on the CPU, of the set's best plane, that of :func:`bows.analysis.ring.ring_coordinates`.

    It is spanned by the top two principal components, centred, of the words' unit directions, and goes through the origin: it is where
    the words of the set differ from each other most, and their mean direction need not lie in it.

    Args:
        encoder: (m, V), m >= 3.
        words: n >= 3 different word indices.

    Raises:
        DataError: the set has no plane (a zero column, or directions on one line), or m < 3.
    """
    coordinates = ring_coordinates(encoder, words)
    if coordinates is None:
        raise DataError(
            f"the {len(words)} words have no plane: one of them has shrunk to nothing, or their directions lie on one line; lower wd"
        )
    columns = checked(encoder)[:, [int(word) for word in words]].double().cpu()
    unit = columns / torch.linalg.vector_norm(columns, dim=0)
    # The coordinates are the left singular vectors times the singular values: what they lead back to are the right ones. They sum to zero,
    # so the directions' mean drops out.
    return orthonormal(unit @ torch.from_numpy(coordinates))


def random_planes(width: int, count: int, generator: torch.Generator) -> Tensor:
    """Return planes through the origin of a space of m = `width` dimensions, uniform among all: orthonormal bases (count, m, 2) float64."""
    drawn = [
        orthonormal(torch.randn(width, 2, generator=generator, dtype=torch.float64, device="cpu")) for _ in range(count)
    ]
    return torch.stack(drawn) if drawn else torch.zeros(0, width, 2, dtype=torch.float64)


def sets_of_like_frequency(
    frequency: np.ndarray, words: Sequence[int], barred: Collection[int], count: int, generator: np.random.Generator
) -> np.ndarray:
    """Return random sets with one word per word of a set, of its frequency decile: (count, n) int64, different words within a set.

    Args:
        frequency: (V,), by which deciles of the whole vocabulary are cut.
        words: n word indices, the set.
        barred: further indices that are not to be drawn; those of the set never are.
        count: how many sets.
        generator: draws them.

    Raises:
        DataError: a decile has too few other words.
    """
    decile = frequency_deciles(np.asarray(frequency))
    free = np.ones(len(decile), dtype=bool)
    free[[*words, *barred]] = False
    wanted = decile[np.asarray(words)]
    drawn = np.empty((count, len(wanted)), dtype=np.int64)
    for each in np.unique(wanted):
        places, pool = np.flatnonzero(wanted == each), np.flatnonzero(free & (decile == each))
        if len(pool) < len(places):
            raise DataError(
                f"{len(places)} words of the set are in one frequency decile, which has {len(pool)} other words to draw random sets "
                "from; use a run with a larger data.vocab_size"
            )
        for row in drawn:
            row[places] = generator.choice(pool, len(places), replace=False)
    return drawn
