"""Compute all metrics that rest on the weights alone."""

from collections.abc import Collection, Mapping, Sequence

from torch import Tensor

from bows.analysis.capacity import capacity
from bows.analysis.packing import CosineExtremes, packing
from bows.analysis.ring import ring

GROUPS = ("capacity", "packing", "ring")


def geometry(
    encoder: Tensor,
    decoder: Tensor | None,
    sets: Mapping[str, Sequence[int]],
    permutations: int,
    seed: int,
    groups: Collection[str] = GROUPS,
    extremes: CosineExtremes | None = None,
    linear: Collection[str] = (),
) -> dict[str, float]:
    """Compute capacity, packing, and ``ring/<set>/...`` of each ordered set.

    Args:
        encoder: (m, V).
        decoder: (V, m), or None for a tied model.
        sets: word indices of each set, in their known order.
        permutations: how many random orders each p value rests on.
        seed: of the generator that draws them.
        groups: which of the three; other names are ignored.
        extremes: of the cosines between the unit directions, where they are known already.
        linear: names of the sets whose order is a line; the others are cycles.
    """
    measured: dict[str, float] = {}
    if "capacity" in groups:
        measured |= capacity(encoder)
    if "packing" in groups:
        measured |= packing(encoder, decoder, extremes)
    if "ring" in groups:
        for name, indices in sets.items():
            scores = ring(encoder, decoder, indices, permutations, seed, name in linear)
            measured |= {f"ring/{name}/{score}": value for score, value in scores.items()}
    return measured
