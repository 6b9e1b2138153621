"""Attribute a word's loss to the other words: by how much it changes when the interference of one of them is removed."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from bows.analysis.directions import BLOCK

IN_CACHE = 1 << 17  # cells of float32 that are processed at once, three arrays of them: 1.5 megabytes


class Ledger(NamedTuple):
    """What other words do to each word's loss, as changes of it when the term M_ij f_j of one word j is removed from a_i."""

    helpers: np.ndarray
    """(V, most) the words whose removal raises the loss of word i most, in falling order; -1 where there are no more."""
    helped: np.ndarray
    """(V, most) by how much, above 0."""
    hurters: np.ndarray
    """(V, most) the words whose removal lowers it most; -1 where there are no more."""
    hurt: np.ndarray
    """(V, most) by how much, above 0."""
    total_helped: np.ndarray
    """(V,) sum of the rises over all words, 0 or more; each word is removed alone, so these do not add up to a removal of all."""
    total_hurt: np.ndarray
    """(V,) sum of the falls over all words, 0 or more."""

    def text(self, words: Sequence[str], helping: bool) -> np.ndarray:
        """Return the words that help each word, or that hurt it, with their numbers: (V,) such as "april 0.0021; may 0.0013"."""
        indices, values = (self.helpers, self.helped) if helping else (self.hurters, self.hurt)
        rows = (
            "; ".join(f"{words[j]} {value:.2g}" for j, value in zip(*row, strict=True) if j >= 0)
            for row in zip(indices, values, strict=True)
        )
        return np.array([row or None for row in rows], dtype=object)


@torch.no_grad()
@torch.autocast("cpu", enabled=False)
def interference_ledger(
    bags: Tensor,
    pre_activation: Tensor,
    encoder: Tensor,
    decoder: Tensor | None,
    losses: Callable[[Tensor, Tensor], Tensor],
    most: int = 5,
) -> Ledger:
    """Compute for each word i, and each other word j, E[l(a_i - M_ij f_j, f_i)] - E[l(a_i, f_i)], the mean over N windows.

    Above 0 word j helps word i, below 0 it hurts it. Exact for an affine encoder and any output activation. Costs V operations per word of
    a window; nothing is larger than (V, block) or (N, V).

    Args:
        bags: (N, V) zeros and ones.
        pre_activation: (N, V) a.
        encoder: (m, V).
        decoder: (V, m), or None where it is the encoder's transpose; M = D E.
        losses: l, from pre-activations and bags (n, V) to the loss of each cell.
        most: how many words to keep of either kind, 1 or more.

    Source: the effective interference E[f_i f_j] w_i . w_j of Costa & Tolooshams 2026, in units of loss.

    >>> bags = torch.tensor([[1.0, 1.0]])
    >>> squared = lambda a, f: (a - f).square()
    >>> found = interference_ledger(bags, torch.tensor([[1.0, 1.0]]), torch.tensor([[0.5, 1.0]]), None, squared, most=1)
    >>> found.helpers.tolist(), found.helped.tolist(), found.total_hurt.tolist()
    ([[1], [0]], [[0.25], [0.25]], [0.0, 0.0])
    """
    windows, words = bags.shape
    back = encoder.T if decoder is None else decoder
    base = losses(pre_activation, bags)
    columns, rows = bags.T.nonzero(as_tuple=True)
    ends = torch.bincount(columns, minlength=words).cumsum(0).tolist()
    best = torch.zeros(2, words, most)
    names = torch.full((2, words, most), -1)
    totals = torch.zeros(2, words, dtype=torch.float64)
    for first in range(0, words, BLOCK):
        block = range(first, min(first + BLOCK, words))
        terms = (back @ encoder[:, block.start : block.stop]).T.contiguous()
        change = torch.zeros(len(block), words)
        for place, word in enumerate(block):
            there = rows[(ends[word - 1] if word else 0) : ends[word]]
            for some in there.split(max(1, IN_CACHE // words)) if len(there) else ():
                without = losses(pre_activation.index_select(0, some).sub_(terms[place]), bags.index_select(0, some))
                change[place] += without.sub_(base.index_select(0, some)).sum(0)
        change /= windows
        change[range(len(block)), block] = 0.0  # a word's own term is no interference
        for side, signed in enumerate((change, -change)):
            part = signed.clamp_min(0).T
            totals[side] += part.sum(1, dtype=torch.float64)
            every = torch.cat([best[side], part], 1)
            best[side], chosen = every.topk(most, dim=1)
            numbers = torch.cat([names[side], torch.arange(block.start, block.stop).expand(words, -1)], 1)
            names[side] = numbers.gather(1, chosen)
    names[best <= 0] = -1
    helpers, hurters = names.numpy()
    helped, hurt = best.numpy()
    return Ledger(helpers, helped, hurters, hurt, *totals.numpy())
