"""Fit the best linear read-out of the latent: what a linear map, rather than the model's own decoder, recovers of the bag."""

from typing import NamedTuple

import torch
from torch import Tensor


class ReadOut(NamedTuple):
    """f ~ h @ weight + bias."""

    weight: Tensor
    """(m, V) float32."""
    bias: Tensor
    """(V,) float32."""

    def __call__(self, latent: Tensor) -> Tensor:
        """(B, m) latents to (B, V)."""
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

    def __init__(self, latent: int, words: int, device: torch.device | str = "cpu"):
        """
        Args:
            latent: m.
            words: V.
            device: where the sums live; MPS has no float64, so there they live on the CPU.
        """
        place = torch.device("cpu") if torch.device(device).type == "mps" else torch.device(device)
        self.windows = 0
        self._latent = torch.zeros(latent, dtype=torch.float64, device=place)
        self._bags = torch.zeros(words, dtype=torch.float64, device=place)
        self._latent_latent = torch.zeros(latent, latent, dtype=torch.float64, device=place)
        self._latent_bags = torch.zeros(latent, words, dtype=torch.float64, device=place)

    @torch.no_grad()
    def update(self, latent: Tensor, bags: Tensor) -> None:
        """Add a batch: latents (B, m), bags (B, V)."""
        latent, bags = latent.to(self._latent.device), bags.to(self._latent.device)
        # On a GPU float32 products may silently run in TF32, float64 ones never do.
        exact = torch.float32 if latent.device.type == "cpu" else torch.float64
        self.windows += len(bags)
        self._latent += latent.sum(0, dtype=torch.float64)
        self._bags += bags.sum(0).double()
        self._latent_latent += latent.double().T @ latent.double()
        self._latent_bags += latent.to(exact).T @ bags.to(exact)

    @torch.no_grad()
    def solve(self, ridge: float) -> ReadOut | None:
        """The B and c that minimise E|f - h B - c|^2 + ridge * v * |B|^2 (Frobenius), E over the windows and v the latent's mean
        variance, so that neither the latent's scale nor the number of windows matters.

        Overlapping windows of few documents say little for their number, and a read-out without a penalty then follows the training
        documents: it is the penalty that makes it the best one for others. None if the latent does not vary.

        Args:
            ridge: 0 or more.
        """
        if not self.windows:
            return None
        mean = self._latent / self.windows
        own = self._latent_latent / self.windows - torch.outer(mean, mean)
        variance = own.trace() / len(own)
        if not float(variance) > 1e-12 * float(mean.square().mean()):
            return None
        with_bags = self._latent_bags / self.windows - torch.outer(mean, self._bags / self.windows)
        # A trace of rounding where ridge = 0 and some latent dimensions say the same.
        penalty = max(ridge, 1e-10) * variance * torch.eye(len(own), dtype=own.dtype, device=own.device)
        weight = torch.linalg.solve(own + penalty, with_bags)
        return ReadOut(weight.float(), (self._bags / self.windows - mean @ weight).float())
