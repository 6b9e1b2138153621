"""Find the nearest words by cosine."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from bows.analysis.directions import BLOCK, directions


class Neighbours(NamedTuple):
    """The nearest words of Q query words, nearest first."""

    indices: Tensor
    """(Q, k) int64 word indices; -1 in the row of a query whose own column is zero."""
    cosines: Tensor
    """(Q, k) their cosines with the query, in [-1, 1]; 0 in such a row."""


def nearest(encoder: Tensor, count: int, queries: Sequence[int] | Tensor | None = None) -> Neighbours:
    """Return the ``count`` words of highest cosine u_q . u_i with each query word.

    The word itself and words with a zero column are never among them; a query whose own column is zero has none. Where
    fewer words are left than ``count``, k is what is left.

    Args:
        encoder: (m, V), column i the direction of word i.
        count: how many neighbours, 1 or more.
        queries: Q word indices; None for every word.

    Raises:
        ValueError: count < 1.
        IndexError: a query outside the vocabulary.

    >>> nearest(torch.tensor([[1.0, 2.0, -1.0, 0.0], [0.0, 1.0, 1.0, 0.0]]), 2, [0]).indices.tolist()
    [[1, 2]]
    """
    if count < 1:
        raise ValueError(f"count={count}: at least one neighbour must be asked for")
    unit, kept = directions(encoder)
    words = encoder.shape[1]
    asked = torch.arange(words) if queries is None else torch.as_tensor(queries, dtype=torch.int64).flatten()
    asked = asked.to(unit.device)
    if len(asked) and (int(asked.min()) < 0 or int(asked.max()) >= words):
        raise IndexError(f"query words {asked.tolist()} reach outside a vocabulary of {words} words")
    column = torch.full((words,), -1, dtype=torch.int64, device=unit.device)  # where a word stands among the kept
    column[kept] = torch.arange(len(kept), device=unit.device)
    count = min(count, max(len(kept) - 1, 0))
    indices = torch.full((len(asked), count), -1, dtype=torch.int64, device=unit.device)
    cosines = torch.zeros(len(asked), count, dtype=unit.dtype, device=unit.device)
    rows = torch.nonzero(column[asked] >= 0).flatten() if count else asked[:0]
    with torch.autocast(unit.device.type, enabled=False):
        for part in rows.split(BLOCK):
            own = column[asked[part]]
            similarity = unit[:, own].T @ unit
            similarity[torch.arange(len(own), device=unit.device), own] = -torch.inf
            top = similarity.topk(count, dim=1)
            indices[part], cosines[part] = kept[top.indices], top.values.clamp(-1, 1)
    return Neighbours(indices, cosines)
