"""All geometry of one set of weights: what a look at a model in training measures."""

from collections.abc import Mapping, Sequence

from torch import Tensor

from bows.analysis.capacity import capacity
from bows.analysis.packing import packing
from bows.analysis.ring import ring


def geometry(
    encoder: Tensor, decoder: Tensor | None, sets: Mapping[str, Sequence[int]], permutations: int, seed: int
) -> dict[str, float]:
    """The capacity and packing groups, and ``ring/<set>/...`` of each ordered set.

    Args:
        encoder: (m, V).
        decoder: (V, m), or None for a tied model.
        sets: word indices of each set, in their known cyclic order.
        permutations: how many random orders each p value rests on.
        seed: of the generator that draws them.
    """
    measured = capacity(encoder) | packing(encoder, decoder)
    for name, indices in sets.items():
        scores = ring(encoder, decoder, indices, permutations, seed)
        measured |= {f"ring/{name}/{score}": value for score, value in scores.items()}
    return measured
