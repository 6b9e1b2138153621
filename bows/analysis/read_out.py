"""Fit the best linear read-out of the latent: what a linear map, rather than the model's own decoder, recovers of the bag."""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from bows.sparse_bags import SparseBags

FOLDS = 4
MOST_BLOCKS, LEAST_BLOCK = 10, 20  # blocks of a fold, at most; windows of a block, at least
# Penalties that cross-validation chooses from, in units of the latent's mean variance: half decades from 1e-8 to 10.
PATH = tuple(10 ** (step / 2) for step in range(-16, 3))
LEAST = 1e-10  # as good as no penalty, and keeps the solution defined where latent dimensions repeat each other


def folds(windows: int, rows: int, window: int) -> Tensor:
    """Return the fold, 0 to FOLDS - 1, of each of some windows that are spread evenly over rows: (windows,) int64.

    Each fold is up to ``MOST_BLOCKS`` blocks of consecutive windows; blocks are as long as ``LEAST_BLOCK`` windows or longer, so that few
    windows share rows with another fold.

    >>> folds(8, rows=800, window=1).tolist(), folds(8, rows=800, window=20).tolist()
    ([0, 1, 2, 3, 0, 1, 2, 3], [0, 0, 1, 1, 2, 2, 3, 3])
    """
    blocks = FOLDS * max(1, min(MOST_BLOCKS, rows // (FOLDS * LEAST_BLOCK * window)))
    return torch.arange(windows) * blocks // max(windows, 1) % FOLDS


class ReadOut(NamedTuple):
    """f ~ h @ weight + bias."""

    weight: Float[Tensor, "m V"]
    """float32."""
    bias: Float[Tensor, " V"]
    """float32."""
    ridge: float
    """The penalty, in units of the latent's mean variance."""

    def __call__(self, latent: Float[Tensor, "B m"]) -> Float[Tensor, "B V"]:
        """Return the read-out of latents."""
        return torch.addmm(self.bias, latent.float(), self.weight)


class ReadOutSums:
    """Float64 sums over latents h and bags f of training windows, from which the ridge regression of f on h is solved.

    Source: the read-out of linear superposition, Prieto et al. 2026, definition 2.

    >>> bags = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [0.0, 0.0]])
    >>> sums = ReadOutSums(latent=2, words=2)
    >>> sums.update(bags @ torch.tensor([[2.0, 1.0], [0.0, 3.0]]), bags)
    >>> read_out = sums.solve(ridge=1e-9)
    >>> bool((read_out(torch.tensor([[2.0, 1.0]])) - torch.tensor([[1.0, 0.0]])).abs().max() < 1e-5)
    True
    """

    def __init__(self, latent: int, words: int, device: torch.device | str = "cpu", folds: int = 1):
        """Start with no window.

        Args:
            latent: m.
            words: V.
            device: where the sums live; MPS has no float64, so there they live on the CPU.
            folds: of the cross-validation.
        """
        place = torch.device("cpu") if torch.device(device).type == "mps" else torch.device(device)
        shapes = ((), (latent,), (words,), (latent, latent), (words, latent))
        self._sums = [[torch.zeros(shape, dtype=torch.float64, device=place) for shape in shapes] for _ in range(folds)]
        """Of each fold: number of windows, sums of h, f, h h^T and f h^T."""
        self._place = place

    @torch.no_grad()
    def update(self, latent: Float[Tensor, "B m"], bags: Float[Tensor, "B V"] | SparseBags, fold: int = 0) -> None:
        """Add a batch of latents and bags to a fold."""
        latent = latent.to(self._place)
        # On a GPU float32 products may silently run in TF32, float64 ones never do.
        exact = torch.float32 if latent.device.type == "cpu" else torch.float64
        if isinstance(bags, SparseBags):
            counts, with_bags = bags.word_offsets.diff(), bags.sum_bags(latent.float())
        else:
            bags = bags.to(self._place)
            counts, with_bags = bags.sum(0), bags.to(exact).T @ latent.to(exact)
        own = latent.double().T @ latent.double()
        parts = (torch.tensor(float(len(bags))), latent.sum(0, dtype=torch.float64), counts.double(), own, with_bags)
        for total, part in zip(self._sums[fold], parts, strict=True):
            total += part.to(total)

    @torch.no_grad()
    def solve(self, ridge: float | None) -> ReadOut | None:
        """Return the B and c that minimise E|f - h B - c|^2 + ridge * v * |B|^2 (Frobenius).

        E is the mean over the windows and v the latent's mean variance, so that neither the latent's scale nor the number of windows
        matters. Overlapping windows of few documents have less information than their number suggests, and a read-out without a penalty may
        follow the training documents. Cross-validation chooses the penalty of the lowest squared error over folds of training documents,
        each read out by the fit to the other folds. None if the latent does not vary.

        Args:
            ridge: 0 or more; None to choose it from ``PATH`` by cross-validation, which needs two folds with windows (without them 0).
        """
        total = [sum(each, torch.zeros_like(each[0])) for each in zip(*self._sums, strict=True)]
        if not total[0]:
            return None
        mean_latent, mean_bags, own, with_bags = _centred(total)
        variance = own.trace() / len(own)
        if not float(variance) > 1e-12 * float(mean_latent.square().mean()):
            return None
        folds = [fold for fold in self._sums if fold[0]]
        if ridge is None:
            errors = sum(_errors([all_ - part for all_, part in zip(total, fold, strict=True)], fold) for fold in folds)
            ridge = PATH[int(torch.as_tensor(errors).argmin())] if len(folds) > 1 else 0.0
        penalty = max(ridge, LEAST) * variance * torch.eye(len(own), dtype=own.dtype, device=own.device)
        weight = torch.linalg.solve(own + penalty, with_bags.T)
        return ReadOut(weight.float(), (mean_bags - mean_latent @ weight).float(), ridge)


def _centred(sums: list[Tensor]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return the means of h and f, the covariance of h (m, m), and that of f with it (V, m)."""
    windows, latent, bags, latent_latent, bags_latent = sums
    latent, bags = latent / windows, bags / windows
    return (
        latent,
        bags,
        latent_latent / windows - torch.outer(latent, latent),
        (bags_latent / windows).addr_(bags, latent, alpha=-1),
    )


def _errors(fitted: list[Tensor], held_out: list[Tensor]) -> Tensor:
    """Return the squared error over held-out sums of the fit to other sums, up to a constant, for each penalty of ``PATH``.

    With the covariance Q diag(s) Q^T of h and G = Q^T (its covariance with f), (m, V), B = Q diag(d) G for d = 1 / (s + ridge v). The error
    |F - H B|^2 of centred held-out H, F is then sum over i, j of d_i d_j (Q^T H^T H Q)_ij (G G^T)_ij - 2 sum of d_i (G (Q^T H^T F)^T)_ii:
    one eigendecomposition serves all penalties.
    """
    mean_latent, mean_bags, own, with_bags = _centred(fitted)
    windows, latent, bags, latent_latent, bags_latent = held_out
    shift = latent - windows * mean_latent
    # sums of (h - c)(x - d)^T = sums of h x^T - c (sum of x)^T - (sum of h) d^T + n c d^T
    squares = latent_latent - torch.outer(mean_latent, latent) - torch.outer(shift, mean_latent)
    products = torch.addr(bags_latent, bags, mean_latent, alpha=-1).addr_(mean_bags, shift, alpha=-1)
    values, vectors = torch.linalg.eigh(own)
    # The (V, m) products in float32 where that is exact enough: they take most of the time.
    exact = torch.float32 if own.device.type == "cpu" else torch.float64
    turned = with_bags.to(exact) @ vectors.to(exact)
    linear = torch.linalg.vecdot(turned, products.to(exact) @ vectors.to(exact), dim=0).double()
    quadratic = (vectors.T @ squares @ vectors) * (turned.T @ turned).double()
    penalties = torch.tensor(PATH, dtype=own.dtype, device=own.device) * own.trace() / len(own)
    shrunk = 1 / (values.clamp_min(0) + penalties[:, None])
    return ((shrunk @ quadratic) * shrunk).sum(1) - 2 * shrunk @ linear
