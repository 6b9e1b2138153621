"""Measure reconstruction: sums streamed over batches, metrics at the end."""

import numpy as np
import torch
from torch import Tensor


class ReconstructionSums:
    """Float64 sums per word over held-out windows, from which loss, R^2 and frequencies follow.

    Few passes over the cells of a batch: one difference, two column sums. A batch's sums are taken in float32 and
    added up in float64, so the number of batches costs no precision. Bags must be binary: a square is taken to be the
    number itself.

    >>> sums = ReconstructionSums(2)
    >>> sums.update(torch.tensor([[1.0, 0.0], [0.0, 0.0]]), torch.tensor([[0.5, 0.0], [0.5, 0.0]]))
    >>> sums.metrics()
    {'reconstruction/loss': 0.125, 'reconstruction/r2': 0.0, 'reconstruction/r2_macro': 0.0}
    >>> sums.r2_by_word().tolist()  # the second word is never there: its R^2 is not defined
    [0.0, None]
    """

    def __init__(self, words: int, device: torch.device | str = "cpu"):
        """Start with no window.

        Args:
            words: V, the size of the vocabulary.
            device: where the sums live; best that of the batches. MPS has no float64, so there they live on the CPU.
        """
        place = torch.device(device)
        place = torch.device("cpu") if place.type == "mps" else place
        self.windows = 0
        """How many windows were seen."""
        self.squared_error = torch.zeros(words, dtype=torch.float64, device=place)
        """(V,) sum of (f - f^)^2."""
        self.present = torch.zeros(words, dtype=torch.float64, device=place)
        """(V,) how many windows hold the word."""

    @torch.no_grad()
    def update(self, bags: Tensor, reconstruction: Tensor) -> None:
        """Add a batch: binary bags f (B, V) and their reconstructions f^ (B, V), of any float type; bags may be bool.

        Raises:
            ValueError: if the two are not of one shape (B, V).
        """
        if bags.shape != reconstruction.shape or bags.ndim != 2 or bags.shape[1] != len(self.present):
            raise ValueError(
                f"bags {tuple(bags.shape)} and reconstruction {tuple(reconstruction.shape)} must both be "
                f"(batch, {len(self.present)})"
            )
        bags = bags.float()
        error = bags - reconstruction
        self.windows += len(bags)
        self.squared_error += error.square_().sum(0).to(self.squared_error)
        self.present += bags.sum(0).to(self.present)

    def _total_squares(self) -> Tensor:
        """Return SST, the sum of (f - mean f)^2 around each word's own held-out mean, p (n - p) / n for binary f: (V,)."""
        return self.present * (self.windows - self.present) / max(self.windows, 1)

    def metrics(self) -> dict[str, float]:
        """Return the reconstruction metrics so far.

        - ``reconstruction/loss``: mean of (f - f^)^2 over all cells, 0 or more.
        - ``reconstruction/r2``: 1 - SSE / SST, both summed over all words, 1 or less. Words that no window, or every
          window, contains have no SST; their errors count all the same.
        - ``reconstruction/r2_macro``: the mean of 1 - SSE_i / SST_i over the words with SST_i > 0, 1 or less: rare words weigh as much as
          frequent ones.

        Left out where not defined: both before any window; R^2 if no word varies.
        """
        if not self.windows:
            return {}
        error, total = self.squared_error.sum().item(), self._total_squares().sum().item()
        metrics = {"reconstruction/loss": error / (self.windows * len(self.present))}
        if total > 0:
            metrics["reconstruction/r2"] = 1 - error / total
            metrics["reconstruction/r2_macro"] = float(self.r2_by_word().mean())
        return metrics

    def r2_by_word(self) -> np.ma.MaskedArray:
        """Return 1 - SSE_i / SST_i of each word: (V,) float64, masked where the word is in every window or in none."""
        error, total = self.squared_error.cpu().numpy(), self._total_squares().cpu().numpy()
        constant = total <= 0
        return np.ma.masked_array(1 - error / np.where(constant, 1.0, total), mask=constant)

    def frequency(self) -> np.ma.MaskedArray:
        """Return the share of the windows that contain each word: (V,) float64 in [0, 1]; all masked before any window."""
        share = self.present.cpu().numpy() / max(self.windows, 1)
        return np.ma.masked_array(share, mask=np.full(share.shape, self.windows == 0))
