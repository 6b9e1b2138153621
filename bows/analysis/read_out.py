"""The best linear read-out of the latent: what a linear map, rather than the model's own decoder, recovers of the bag."""

from typing import NamedTuple

import torch
from torch import Tensor

RIDGES = tuple(10.0**power for power in range(-7, 2))


class ReadOut(NamedTuple):
    """f ~ h @ weight + bias."""

    weight: Tensor
    """(m, V) float32."""
    bias: Tensor
    """(V,) float32."""
    ridge: float
    """The penalty it was fitted with, in units of the latent's mean variance."""

    def __call__(self, latent: Tensor) -> Tensor:
        """(B, m) latents to (B, V)."""
        return torch.addmm(self.bias, latent.float(), self.weight)


class _Moments:
    """Sums of products of latents and bags, in float64."""

    def __init__(self, latent: int, words: int, device: torch.device):
        self.count = 0
        self.latent = torch.zeros(latent, dtype=torch.float64, device=device)
        self.bags = torch.zeros(words, dtype=torch.float64, device=device)
        self.latent_latent = torch.zeros(latent, latent, dtype=torch.float64, device=device)
        self.latent_bags = torch.zeros(latent, words, dtype=torch.float64, device=device)

    def update(self, latent: Tensor, bags: Tensor) -> None:
        # On a GPU float32 products may silently run in TF32, float64 ones never do.
        exact = torch.float32 if latent.device.type == "cpu" else torch.float64
        if latent.device.type == "mps":
            latent, bags, exact = latent.cpu(), bags.cpu(), torch.float32
        latent, bags = latent.to(exact), bags.to(exact)
        self.count += len(bags)
        self.latent += latent.sum(0, dtype=torch.float64)
        self.bags += bags.sum(0).double()
        self.latent_latent += latent.double().T @ latent.double()
        self.latent_bags += latent.T @ bags

    def __add__(self, other: "_Moments") -> "_Moments":
        total = _Moments(len(self.latent), len(self.bags), self.latent.device)
        for name in ("count", "latent", "bags", "latent_latent", "latent_bags"):
            setattr(total, name, getattr(self, name) + getattr(other, name))
        return total

    def centred(self) -> tuple[Tensor, Tensor]:
        """Covariances a window of the latent with itself (m, m) and with the bags (m, V)."""
        mean = self.latent / self.count
        own = self.latent_latent / self.count - torch.outer(mean, mean)
        return own, self.latent_bags / self.count - torch.outer(mean, self.bags / self.count)


class ReadOutSums:
    """Streams latents and bags of training windows; then solves the ridge regression of the bags on the latent.

    minimise E|f - h B - c|^2 + ridge * v * |B|^2, with v the latent's mean variance, so that the scale of the latent does not matter.
    The ridge is the one of ``RIDGES`` that predicts the last fifth of the windows best (pooled squared error) when fitted on the
    first four fifths: windows come in the order of the documents, so that these are other documents but for one at the cut. Then it
    is fitted again on all. All of this follows from sums; nothing is held per window.

    Source: the read-out of linear superposition, Prieto et al. 2026, definition 2.

    >>> bags = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [0.0, 0.0]]).repeat(5, 1)
    >>> sums = ReadOutSums(latent=2, words=2, windows=20)
    >>> sums.update(bags @ torch.tensor([[2.0, 1.0], [0.0, 3.0]]), bags)
    >>> bool((sums.solve()(torch.tensor([[2.0, 1.0]])) - torch.tensor([[1.0, 0.0]])).abs().max() < 1e-5)
    True
    """

    def __init__(self, latent: int, words: int, windows: int, device: torch.device | str = "cpu"):
        """
        Args:
            latent: m.
            words: V.
            windows: how many windows will come in all.
            device: where the sums live.
        """
        place = torch.device("cpu") if torch.device(device).type == "mps" else torch.device(device)
        self._first = _Moments(latent, words, place)
        self._last = _Moments(latent, words, place)
        self._cut = -(-4 * windows // 5)

    @torch.no_grad()
    def update(self, latent: Tensor, bags: Tensor) -> None:
        """Add a batch, in the order of the documents: latents (B, m), bags (B, V)."""
        room = max(self._cut - self._first.count, 0)
        for part, moments in ((slice(None, room), self._first), (slice(room, None), self._last)):
            if len(bags[part]):
                moments.update(latent[part], bags[part])

    @torch.no_grad()
    def solve(self) -> ReadOut | None:
        """The read-out; None if the latent does not vary, or fewer than two windows came."""
        whole = self._first + self._last
        if whole.count < 2 or not float(whole.centred()[0].trace()) > 0:
            return None
        ridge = self._best_ridge() if self._last.count and self._first.count > 1 else RIDGES[0]
        own, with_bags = whole.centred()
        penalty = ridge * own.trace() / len(own) * torch.eye(len(own), dtype=own.dtype, device=own.device)
        weight = torch.linalg.solve(own + penalty, with_bags)
        bias = (whole.bags - whole.latent @ weight) / whole.count
        return ReadOut(weight.float(), bias.float(), ridge)

    def _best_ridge(self) -> float:
        """The squared error on the last windows is a quadratic form of the fit, so each ridge costs one sum over m numbers."""
        own, with_bags = self._first.centred()
        variance = own.trace() / len(own)
        if not float(variance) > 0:
            return RIDGES[0]
        values, vectors = torch.linalg.eigh(own)
        fitted = vectors.T @ with_bags  # the fit is vectors @ diag(1 / (values + penalty)) @ fitted
        # The last windows, centred on the first ones' means, which is what the first fit's intercept does.
        last, first = self._last, self._first
        latent_mean, bags_mean = first.latent / first.count, first.bags / first.count
        own_last = last.latent_latent - torch.outer(last.latent, latent_mean) - torch.outer(latent_mean, last.latent)
        own_last += last.count * torch.outer(latent_mean, latent_mean)
        cross_last = last.latent_bags - torch.outer(last.latent - last.count * latent_mean, bags_mean)
        cross_last -= torch.outer(latent_mean, last.bags)
        agreement = (fitted * (vectors.T @ cross_last)).sum(1)
        square = (fitted @ fitted.T) * (vectors.T @ own_last @ vectors)
        errors = []
        for ridge in RIDGES:
            shrunk = 1 / (values.clamp_min(0) + ridge * variance)
            errors.append(float(shrunk @ square @ shrunk - 2 * (shrunk * agreement).sum()))
        return RIDGES[min(range(len(RIDGES)), key=errors.__getitem__)]
