"""Compute the data's top principal directions, also where V x V is too large for a full eigendecomposition."""

import torch
from torch import Tensor

from bows.analysis.cooccurrence import Cooccurrence

SMALL = 300  # words: up to here all eigenvectors in float64 take no time
BLOCK = 64  # directions added to the Krylov space at a time
NOISE = 1e-6  # an eigenvalue under this share of the largest is rounding of float32 products
STEPS = 8  # the directions found are compared whenever the Krylov space grew by this share of their number
ENOUGH = 5e-4  # a last step that changed less than this of the subspace, and of its weakest variance, ends the search


def principal_directions(cooccurrence: Cooccurrence, count: int, seed: int = 0) -> Tensor | None:
    """Return the ``count`` orthonormal eigenvectors of the bags' covariance with the largest eigenvalues: (V, count) float64.

    By falling eigenvalue, of any sign. None if the covariance has fewer dimensions than that. Up to 300 words, or where
    more than a quarter of all directions are asked for, by a full eigendecomposition in float64 (V x V x 8 bytes three
    times over). Otherwise by block Krylov iteration from a seeded random start: an orthonormal basis of the span of
    X, C X, C^2 X, ... grows by 64 directions a product with C, and Rayleigh-Ritz in it (both float32) gives the
    directions, until the last count/8 basis vectors changed

    - |P_new - P_old|^2 / (2 count), P the projectors on the directions found, and
    - the variance captured over count times its weakest direction's

    by less than 5e-4 each. Convergence is superlinear: what is left is far less than the last change.

    Source: Golub & Underwood 1977, The block Lanczos method; Musco & Musco 2015, Randomized block Krylov methods.

    Args:
        cooccurrence: of the held-out windows.
        count: m, 1 to V.
        seed: of the random start.
    """
    words = cooccurrence.words
    if count > min(words, cooccurrence.windows - 1):  # N windows vary around their mean in N - 1 dimensions at most
        return None
    if words <= SMALL or 4 * count > words:
        return _all_at_once(cooccurrence, count)
    found = krylov(cooccurrence, count, seed)
    return _all_at_once(cooccurrence, count) if found is None else _ranked(*found, NOISE)


def _ranked(values: Tensor, vectors: Tensor, noise: float) -> Tensor | None:
    return vectors if values[-1] > noise * values[0] else None


def _all_at_once(cooccurrence: Cooccurrence, count: int) -> Tensor | None:
    covariance = torch.cat([block for _, block in cooccurrence.covariance_blocks()])
    values, vectors = torch.linalg.eigh(covariance)
    noise = cooccurrence.words * torch.finfo(torch.float64).eps
    return _ranked(values.flip(0)[:count], vectors[:, -count:].flip(1), noise)


@torch.autocast("cpu", enabled=False)
def krylov(cooccurrence: Cooccurrence, count: int, seed: int) -> tuple[Tensor, Tensor] | None:
    """Return eigenvalues (count,) and eigenvectors (V, count), float64, by block Krylov iteration.

    None where that takes a space of more than half of all dimensions; see :func:`principal_directions`.
    """
    words = cooccurrence.words
    most = words // 2
    basis = torch.empty(most + BLOCK, words)  # a row a direction; memory is taken only as rows are written
    projected = torch.zeros(most, most, dtype=torch.float64)  # basis C basis^T, its lower triangle by rows of blocks
    start = torch.randn(words, BLOCK, generator=torch.Generator().manual_seed(seed))
    basis[:BLOCK] = torch.linalg.qr(start).Q.T
    values, mixture = torch.empty(0), torch.empty(0, 0)
    size, check = 0, 2 * count - 2 * (count // STEPS)
    while size + BLOCK <= most:
        before, size = size, size + BLOCK
        known = basis[:size]
        product = cooccurrence.covariance_times(known[before:].T).T
        overlap = product @ known.T
        projected[before:size, :size] = overlap.double()
        # Twice, as float32 leaves some of the known directions in what little is new. Where nothing is new (the space is
        # whole, or holds all of the covariance) QR makes up directions, which the second round makes orthogonal too.
        fresh = torch.linalg.qr((product - overlap @ known).T).Q.T
        fresh -= (fresh @ known.T) @ known
        basis[size : size + BLOCK] = torch.linalg.qr(fresh.T).Q.T
        if size < check:
            continue
        check = size + max(count // STEPS, 1)
        old_values, old_mixture = values, mixture
        # In float32, as the products are: half the time. The values are the Rayleigh quotients in float64, exact to second order.
        mixture = torch.linalg.eigh(projected[:size, :size].float()).eigenvectors[:, -count:].flip(1)
        values = _quotients(projected[:size, :size], mixture)
        if len(old_values):
            gained = (values.sum() - old_values.sum()) / count
            turned = 1 - (old_mixture.T @ mixture[: len(old_mixture)]).square().sum() / count
            if gained <= ENOUGH * values[-1] and turned <= ENOUGH:
                return values, (mixture.T @ known).T.double()
        if values[-1] <= NOISE * values[0]:  # the space holds all of the covariance, which has too few dimensions
            return values, basis[:count].T.double()
    return None


def _quotients(lower: Tensor, vectors: Tensor) -> Tensor:
    """Return v^T A v / v^T v of each column v of (n, k) vectors, float64: A symmetric, (n, n), given by its lower triangle."""
    vectors = vectors.double()
    half = lower.tril()
    products = (vectors * (half @ vectors)).sum(0) * 2 - half.diagonal() @ vectors.square()
    return products / vectors.square().sum(0)
