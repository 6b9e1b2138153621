"""Maps of the same words in several runs, turned so that they can be laid side by side."""

from typing import NamedTuple

import torch

PERMUTATIONS = 3  # of the words, for what turning alone brings about


class Aligned(NamedTuple):
    """The directions of one run, turned towards those of another."""

    directions: torch.Tensor
    """(M, K) unit columns."""
    agreement: float
    """Mean cosine of the K words with their own in the other run, in [0, 1]; 1 is the same geometry."""
    by_chance: float
    """The same with words paired at random, mean: what turning alone reaches."""


def align(base: torch.Tensor, other: torch.Tensor, seed: int = 0) -> Aligned:
    """Turn K unit directions by the rotation or reflection that brings them nearest to K others: orthogonal Procrustes.

    Where the two have different latent sizes, the smaller is padded with zeros. Source: Schönemann 1966.

    Args:
        base: (m, K) unit columns.
        other: (n, K) unit columns of the same words.
        seed: of the random pairs.

    >>> unit = torch.tensor([[1.0, 0.0, 0.6], [0.0, 1.0, 0.8]])
    >>> turned = torch.tensor([[0.0, -1.0], [1.0, 0.0]]) @ unit
    >>> round(align(unit, turned).agreement, 4)
    1.0
    """
    size = max(len(base), len(other))
    base, other = padded(base, size), padded(other, size)
    words = base.shape[1]
    left, cosines, right = torch.linalg.svd(base @ other.T)
    generator = torch.Generator().manual_seed(seed)
    chance = [
        float(torch.linalg.svdvals(base @ other[:, torch.randperm(words, generator=generator)].T).sum()) / words
        for _ in range(PERMUTATIONS)
    ]
    return Aligned(left @ right @ other, float(cosines.sum()) / words, sum(chance) / PERMUTATIONS)


def padded(directions: torch.Tensor, size: int) -> torch.Tensor:
    """(m, K) directions in a space of `size` dimensions, m or more."""
    return torch.nn.functional.pad(directions, (0, 0, 0, size - len(directions)))
