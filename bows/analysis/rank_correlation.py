"""Compute Spearman's rank correlation of streamed pairs, without sorting them."""

import math
from collections.abc import Callable, Iterable

import torch
from scipy.stats import rankdata
from torch import Tensor

BINS = 22  # leading bits of a float32 that tell values apart: its sign, its exponent and 13 bits after the leading one
SORTED = 2_500_000  # pairs up to here are ranked exactly


def spearman(pairs: Callable[[], Iterable[tuple[Tensor, Tensor]]], count: int) -> float | None:
    """Return Spearman's rho of two variables: Pearson's correlation of their ranks, ties sharing their mean rank; in [-1, 1].

    Up to 2,500,000 pairs the ranks are exact. Beyond, the stream is walked twice and values that agree in the leading 22
    bits of float32 (so within about 0.01 %) count as tied: the first walk counts values a bin, which gives each bin its
    mean rank, the second multiplies the ranks. Of values spread over many bins rho is within 1e-5 of the exact one.

    Args:
        pairs: each call streams the same pairs (x, y) anew, two vectors of equal length at a time.
        count: how many pairs there are in all.

    Returns:
        rho, or None where one variable does not vary or there are fewer than two pairs.

    >>> round(spearman(lambda: [(torch.tensor([1.0, 2.0, 9.0]), torch.tensor([3.0, 4.0, 8.0]))], 3), 6)
    1.0
    """
    if count < 2:
        return None
    if count <= SORTED:
        first, second = (torch.cat(values) for values in zip(*pairs(), strict=True))
        return _correlation(*(torch.from_numpy(rankdata(values.numpy())) for values in (first, second)))
    tables, one = [torch.zeros(1 << BINS, dtype=torch.int64) for _ in range(2)], torch.ones(1, dtype=torch.int64)
    for pair in pairs():
        for table, values in zip(tables, pair, strict=True):
            table.index_add_(0, bins(values), one.expand(len(values)))  # without a table for each part
    ranks = [_centred_ranks(table) for table in tables]
    sizes = [(table * rank.square()).sum().item() for table, rank in zip(tables, ranks, strict=True)]
    if not all(sizes):
        return None
    product = 0.0
    for first, second in pairs():
        product += torch.dot(ranks[0].index_select(0, bins(first)), ranks[1].index_select(0, bins(second))).item()
    return product / math.sqrt(sizes[0] * sizes[1])


def bins(values: Tensor) -> Tensor:
    """Return the bin of each value, int32 in [0, 2^22): non-decreasing in the value, and the same for 0 and -0.

    >>> low, zero, other_zero, high = bins(torch.tensor([-1.0, 0.0, -0.0, 1e-30])).tolist()
    >>> low < zero == other_zero < high
    True
    """
    bits = (values.float() + 0.0).view(torch.int32)  # -0 + 0 is 0
    # A float's bits, read as a whole number, rise with positive values and fall with negative ones: turn the latter.
    # In place, as every new tensor of this size costs more than the operation on it.
    bits ^= (bits >> 31).bitwise_and_(0x7FFFFFFF)
    bits >>= 32 - BINS
    bits += 1 << (BINS - 1)
    return bits


def _centred_ranks(table: Tensor) -> Tensor:
    """Return the mean rank of each bin's values minus the mean of all ranks, from the number of values in each bin."""
    last = table.cumsum(0).double()
    return last - table / 2 - last[-1] / 2


def _correlation(first: Tensor, second: Tensor) -> float | None:
    first, second = first - first.mean(), second - second.mean()
    size = torch.linalg.vector_norm(first) * torch.linalg.vector_norm(second)
    return (torch.dot(first, second) / size).clamp(-1, 1).item() if size > 0 else None
