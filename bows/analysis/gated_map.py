"""The effective map of an encoder with rectified units: M(f) = D L diag(g(f)) U, which depends on the bag f.

U (G, V) leads from a bag to the G units, g(f) says which of them are active, L (m, G) leads from the units to the latent (the identity
where the units are the latent), D (V, m) is the decoder. Removing word j from f changes the pre-activation of word i by M_ij(f) f_j as
long as no unit switches. An affine encoder has one map for all bags: G = m, g = 1.
"""

from collections.abc import Iterable
from typing import NamedTuple

from jaxtyping import Float
from torch import Tensor


class GatedMap(NamedTuple):
    """The weights of M(f)."""

    units: Float[Tensor, "G V"]
    """U."""
    read: Float[Tensor, "V G"]
    """D L."""

    def self_terms(self, active: Float[Tensor, "B G"]) -> Float[Tensor, "B V"]:
        """Return M_ii(f) of each bag and word.

        >>> import torch
        >>> gated = GatedMap(torch.eye(2), torch.tensor([[1.0, 5.0], [5.0, 2.0]]))
        >>> gated.self_terms(torch.tensor([[1.0, 0.0]])).tolist()
        [[1.0, 0.0]]
        """
        return active @ (self.units * self.read.T)


def gated_map(units: Tensor, to_latent: Tensor | None, decoder: Tensor) -> GatedMap:
    """Return the map of the weights U (G, V), L (m, G) or None for the identity, and D (V, m)."""
    units, decoder = units.detach().float(), decoder.detach().float()
    return GatedMap(units, decoder if to_latent is None else decoder @ to_latent.detach().float())


def gated_energy(gated: GatedMap, bags: Iterable[tuple[Tensor, Tensor]]) -> dict[str, float]:
    """Compute the energies of :func:`bows.analysis.interference_energy.interference_energy` with the map M(f) of each bag.

    Per bag, 2 sum over i < j of max(+-f_i f_j S_ij, 0) with S the symmetric part of M(f), over |M(f) f|^2; both are means over the bags.
    Only the words of a bag enter, so a bag of k words costs k^2 G operations.

    Args:
        gated: the weights.
        bags: batches of bags (B, V) and their active units (B, G).

    Returns:
        `interference/constructive_energy` and `/destructive_energy`; empty where every M(f) f is 0.
    """
    positive = negative = output = 0.0
    for some, active in bags:
        for bag, gates in zip(some, active, strict=True):
            words = bag.nonzero().flatten()
            units = gated.units[:, words] * gates[:, None]
            output += (gated.read @ units.sum(1)).double().square().sum().item()
            energy = gated.read[words] @ units
            energy = ((energy + energy.T) / 2).double()
            energy.diagonal().zero_()
            whole, size = energy.sum().item(), energy.abs().sum().item()
            positive, negative = positive + (size + whole) / 2, negative + (size - whole) / 2
    if output <= 0:
        return {}
    return {
        "interference/constructive_energy": positive / output,
        "interference/destructive_energy": negative / output,
    }
