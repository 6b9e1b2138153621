"""Columns of an encoder in float64: norms, unit directions and scatter."""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from bows.errors import DataError

BLOCK = 1024  # columns a block: 1024 x 10,000 cosines are 40 MB, and larger blocks ran no faster


class Directions(NamedTuple):
    """The unit directions of the words that have one."""

    unit: Tensor
    """(m, K): column k is w_i / |w_i| for i = kept[k]."""
    kept: Tensor
    """(K,) int64: the words whose column is not zero, in index order."""


def checked(encoder: Tensor) -> Tensor:
    """Return the encoder (m, V) detached, in floating point, on a device with float64 (from MPS, which has none, to the CPU).

    Raises:
        ValueError: if it is not a matrix with at least one row and one column.
        DataError: if a weight is infinite or not a number; every metric would inherit it.
    """
    if encoder.ndim != 2 or 0 in encoder.shape:
        raise ValueError(
            f"an encoder is a matrix (latent, words) with cells in it; got the shape {tuple(encoder.shape)}"
        )
    encoder = encoder.detach()
    if encoder.device.type == "mps":
        encoder = encoder.cpu()
    if encoder.dtype not in (torch.float32, torch.float64):
        encoder = encoder.float()
    if not bool(torch.isfinite(encoder.sum())) and not bool(torch.isfinite(encoder).all()):
        raise DataError(
            "the weights hold values that are infinite or not numbers, so their geometry cannot be measured"
        )
    return encoder


def blocks(matrix: Tensor, size: int = BLOCK) -> Iterator[tuple[int, Tensor]]:
    """Yield the columns of ``matrix`` in float64, ``size`` at a time: pairs of the first column's index and a block."""
    for start in range(0, matrix.shape[1], size):
        yield start, matrix[:, start : start + size].double()


def norms(encoder: Tensor) -> Tensor:
    """Return |w_i|, the Euclidean norm of each column of an encoder (m, V): (V,) float64, 0 or more."""
    return torch.cat([torch.linalg.vector_norm(block, dim=0) for _, block in blocks(checked(encoder))])


def scatter(encoder: Tensor) -> Tensor:
    """Return W W^T (m, m) in float64.

    It stands for G = W^T W (V, V) wherever an identity allows: the two have the same Frobenius norm and the same
    eigenvalues but for zeros, and sum_j (u . w_j)^2 = u^T (W W^T) u.
    """
    encoder = checked(encoder)
    total = torch.zeros(encoder.shape[0], encoder.shape[0], dtype=torch.float64, device=encoder.device)
    for _, block in blocks(encoder):
        total.addmm_(block, block.T)
    return total


def directions(encoder: Tensor) -> Directions:
    """Return the unit directions of the columns that are not zero: float32 on the CPU, float64 on a GPU.

    On a GPU float32 products may silently run in TF32 (three digits), by a global switch that a trainer may have set;
    float64 products never do.
    """
    encoder = checked(encoder)
    length = norms(encoder)
    kept = torch.nonzero(length > 0).flatten()
    if len(kept) < len(length):
        encoder, length = encoder[:, kept], length[kept]
    dtype = torch.float32 if encoder.device.type == "cpu" else torch.float64
    unit = torch.empty(encoder.shape, dtype=dtype, device=encoder.device)
    for start, block in blocks(encoder):  # divided in float64, as columns that decay towards zero leave float32's range
        stop = start + block.shape[1]
        unit[:, start:stop] = block / length[start:stop]
    return Directions(unit, kept)
