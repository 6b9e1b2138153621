"""Capacity metrics: features per dimension, dimensionality of each feature, dimensions in use."""

import torch
from torch import Tensor

from bows.analysis.directions import blocks, checked, norms, scatter


def dimensionality(encoder: Tensor) -> Tensor:
    """Return the share of a dimension that each feature has to itself.

    D_i = |w_i|^2 / sum_j (u_i . w_j)^2 with u_i = w_i / |w_i|; the sum runs over every word, i among them.

    Args:
        encoder: (m, V), column i the direction w_i of word i.

    Returns:
        (V,) float64 in (0, 1]: 1 for a feature orthogonal to all others, 1/2 for each of an antipodal pair of equal
        norm. It is 0 for a zero column, which has no direction; ``capacity`` leaves those out of the mean.

    Source: Elhage et al. 2022, Toy Models of Superposition.

    >>> dimensionality(torch.tensor([[1.0, -1.0, 0.0], [0.0, 0.0, 3.0]])).tolist()
    [0.5, 0.5, 1.0]
    """
    encoder = checked(encoder)
    return _dimensionality(encoder, norms(encoder), scatter(encoder))


def _dimensionality(encoder: Tensor, length: Tensor, second_moment: Tensor) -> Tensor:
    overlap = []  # sum_j (u_i . w_j)^2 = u_i^T (W W^T) u_i: no (V, V) product is needed
    for start, block in blocks(encoder):
        unit = block / length[start : start + block.shape[1]].clamp_min(torch.finfo(torch.float64).tiny)
        overlap.append((unit * (second_moment @ unit)).sum(0))
    share = length.square() / torch.cat(overlap)
    return torch.where(length > 0, share, 0.0).clamp_max(1.0)


def represented_fraction(encoder: Tensor, threshold: float = 0.5) -> float:
    """Return the share of all V words whose column's norm is over ``threshold``: in [0, 1]; zero columns count as not represented.

    Source: Liu et al. 2025.
    """
    return (norms(encoder) > threshold).double().mean().item()


def participation_ratio(encoder: Tensor) -> float | None:
    """Return (sum l)^2 / sum l^2, l the eigenvalues of W W^T: dimensions in use, in [1, min(m, V)]; None if W is zero.

    Computed as |W|^4 / |W W^T|^2 (Frobenius norms), which needs no eigenvalues.

    >>> participation_ratio(torch.eye(3, 5))
    3.0
    """
    return _participation_ratio(scatter(encoder))


def _participation_ratio(second_moment: Tensor) -> float | None:
    total = second_moment.trace()
    # Scaled before squaring, so that tiny weights do not underflow.
    return (1.0 / (second_moment / total).square().sum()).item() if total > 0 else None


def effective_rank(encoder: Tensor) -> float | None:
    """Return exp of the entropy of s / sum s, s the singular values of W: in [1, min(m, V)]; None if W is zero.

    Costs the eigenvalues of a square matrix of side m.

    Source: Roy & Vetterli 2007, The effective rank.

    >>> round(effective_rank(torch.eye(3, 5)), 6)
    3.0
    """
    return _effective_rank(scatter(encoder))


def _effective_rank(second_moment: Tensor) -> float | None:
    total = second_moment.trace()
    if total <= 0:
        return None
    eigenvalues = torch.linalg.eigvalsh(second_moment / total)
    # Rounding leaves eigenvalues near 1e-16 where the truth is 0; their roots, 1e-8 each, would add to the entropy.
    noise = eigenvalues[-1] * len(eigenvalues) * torch.finfo(torch.float64).eps
    singular = eigenvalues[eigenvalues > noise].sqrt()
    share = singular / singular.sum()
    return torch.exp(-(share * share.log()).sum()).item()


def capacity(encoder: Tensor) -> dict[str, float]:
    """Compute the capacity metrics of an encoder (m, V).

    Returns:
        - ``capacity/features_per_dimension``: |W|^2 / m (squared Frobenius norm), 0 or more.
        - ``capacity/dimensionality_mean``: mean of :func:`dimensionality` over the columns that are not zero.
        - ``capacity/represented_fraction``: see :func:`represented_fraction`.
        - ``capacity/participation_ratio``, ``capacity/effective_rank``: see the functions of those names.
        - ``capacity/zero_columns``: how many words have a zero column.

        If every column is zero, the mean, the ratio and the rank are not defined and left out.

    Raises:
        DataError: if a weight is infinite or not a number.

    >>> metrics = capacity(torch.eye(2))
    >>> metrics["capacity/features_per_dimension"], metrics["capacity/dimensionality_mean"]
    (1.0, 1.0)
    """
    encoder = checked(encoder)
    length, second_moment = norms(encoder), scatter(encoder)
    present = length > 0
    metrics = {
        "capacity/features_per_dimension": (length.square().sum() / encoder.shape[0]).item(),
        "capacity/represented_fraction": (length > 0.5).double().mean().item(),
        "capacity/zero_columns": float((~present).sum()),
    }
    if bool(present.any()):
        metrics["capacity/dimensionality_mean"] = _dimensionality(encoder, length, second_moment)[present].mean().item()
    for name, value in (
        ("participation_ratio", _participation_ratio(second_moment)),
        ("effective_rank", _effective_rank(second_moment)),
    ):
        if value is not None:
            metrics[f"capacity/{name}"] = value
    return metrics
