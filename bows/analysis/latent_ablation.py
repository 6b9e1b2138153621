"""Ablate a plane of the latent: reconstruct words with the plane removed, and with it alone kept."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from bows.analysis.gated_map import GatedMap, gated_map
from bows.analysis.interference import InterferenceSums
from bows.analysis.packing import self_terms
from bows.analysis.reconstruction import ReconstructionSums

# Windows taken at a time on a CPU, whose cache then holds their cells: four times as fast as batches of 512 at V = 10,000.
ROWS = 32


@dataclass(frozen=True)
class Readout:
    """How a latent h becomes a reconstruction s(D h + b)."""

    weight: Tensor
    """(V, m) D, float32 or float64."""
    bias: Tensor
    """(V,) b."""
    activate: Callable[[Tensor], Tensor]
    """s, cell by cell."""


class PlaneErrors:
    """Squared errors of every word with each of K planes of the latent removed, and with it alone kept, streamed over windows.

    With P the projector on a plane and c a centre, h - P (h - c) is decoded for the plane removed, and c + P (h - c) for it alone. With
    c = 0 these are h - P h and P h. With c the mean latent what all windows have in common stays, which a bias could make up for: only
    what windows differ in is taken away.

    >>> readout = Readout(torch.eye(3), torch.zeros(3), torch.relu)
    >>> errors = PlaneErrors(torch.eye(3, dtype=torch.float64)[None, :, :2], readout)
    >>> bags = torch.tensor([[1.0, 0.0, 1.0]])
    >>> errors.update(bags, bags, bags)
    >>> errors.removed.tolist(), errors.kept.tolist()
    ([[1.0, 0.0, 0.0]], [[0.0, 0.0, 1.0]])
    """

    def __init__(self, planes: Tensor, readout: Readout, centre: Tensor | None = None):
        """Prepare the planes and what each adds to the words.

        Args:
            planes: (K, m, 2) orthonormal bases.
            readout: of the model.
            centre: (m,) c; None for the origin.
        """
        weight = readout.weight.detach()
        self.readout = readout
        self._centre = torch.zeros_like(weight[0]) if centre is None else centre.to(weight)
        # What is in the plane reaches the words by two numbers a window: the (V, m) product is made once, not once a plane.
        exact = weight.double().cpu() @ planes.double().cpu()
        self._read = [each.T.contiguous().to(weight) for each in exact]
        self._planes = planes.to(weight)
        self._base = readout.bias.detach() + weight @ self._centre
        place = torch.device("cpu") if weight.device.type == "mps" else weight.device
        shape = (len(planes), len(weight))
        self.removed = torch.zeros(shape, dtype=torch.float64, device=place)
        """(K, V) sum of (f - f^)^2 without the plane."""
        self.kept = torch.zeros(shape, dtype=torch.float64, device=place)
        """(K, V) the same with the plane alone."""

    @torch.no_grad()
    def pre_activations(self, latent: Tensor, pre_activation: Tensor, plane: int) -> tuple[Tensor, Tensor]:
        """Return the pre-activations with one of the planes removed, and with it alone: (B, V) each, from those of the model."""
        inside = (latent - self._centre) @ self._planes[plane]
        read = self._read[plane]
        return torch.addmm(pre_activation, inside, read, alpha=-1), torch.addmm(self._base, inside, read)

    @torch.no_grad()
    def update(self, bags: Tensor, latent: Tensor, pre_activation: Tensor) -> None:
        """Add a batch: bags (B, V), their latents (B, m), and the pre-activations D h + b (B, V) as they are."""
        rows = ROWS if bags.device.type == "cpu" else len(bags)
        parts = zip(bags.split(rows), latent.split(rows), pre_activation.split(rows), strict=True)
        for some_bags, some_latents, some_values in parts:
            for plane in range(len(self._read)):
                both = self.pre_activations(some_latents, some_values, plane)
                for values, sums in zip(both, (self.removed, self.kept), strict=True):
                    error = self.readout.activate(values).sub_(some_bags)
                    sums[plane] += torch.linalg.vecdot(error, error, dim=0).to(sums)


class AblationSums:
    """One plane's ablation in full: reconstruction, error rates and interference as is, without the plane, and with it alone."""

    def __init__(
        self,
        encoder: Tensor,
        readout: Readout,
        plane: Tensor,
        threshold: float,
        centre: Tensor | None = None,
        units: tuple[Tensor, Tensor | None] | None = None,
    ):
        """Start with no window.

        Args:
            encoder: (m, V).
            readout: of the model.
            plane: (m, 2), orthonormal columns.
            threshold: above which a rebuilt word counts as named.
            centre: (m,), as of :class:`PlaneErrors`.
            units: the `unit_weights` of an encoder with rectified units; None for an affine one.
        """
        self._ablated = PlaneErrors(plane[None], readout, centre)
        self._readout = readout
        words, place = len(readout.weight), readout.weight.device
        inside = plane.to(encoder) @ (plane.to(encoder).T @ encoder)
        # The plane is taken from what a word adds to itself, too: interference stays what the other words add.
        of_model = {"": encoder, "_removed": encoder - inside, "_kept": inside}
        self.rebuilt = {name: ReconstructionSums(words, place) for name in of_model}
        """By `""`, `"_removed"` and `"_kept"`."""
        self.interference = {
            name: InterferenceSums(readout.bias, self_terms(seen, readout.weight), threshold)
            for name, seen in of_model.items()
        }
        """By the same names."""
        self._gated: dict[str, GatedMap] = {}
        if units is not None:
            decoder = readout.weight
            inside_rows = decoder @ plane.to(decoder) @ plane.to(decoder).T
            rows = {"": decoder, "_removed": decoder - inside_rows, "_kept": inside_rows}
            self._gated = {name: gated_map(*units, read) for name, read in rows.items()}

    @torch.no_grad()
    def update(self, bags: Tensor, latent: Tensor, pre_activation: Tensor, active: Tensor | None = None) -> None:
        """Add a batch, as of :meth:`PlaneErrors.update`; with rectified units also which are active (B, G)."""
        removed, kept = self._ablated.pre_activations(latent, pre_activation, 0)
        for name, values in (("", pre_activation), ("_removed", removed), ("_kept", kept)):
            rebuilt = self._readout.activate(values)
            self.rebuilt[name].update(bags, rebuilt)
            terms = None if active is None else self._gated[name].self_terms(active)
            self.interference[name].update(bags, values, rebuilt, terms)

    def metrics(self, groups: Mapping[str, np.ndarray]) -> dict[str, float]:
        """Return the metrics of each group of words (name: indices), under `<group>/`.

        - ``r2``, ``r2_removed``, ``r2_kept``: R^2 pooled over the group's words, 1 or less.
        - ``drop``: r2 - r2_removed.
        - ``false_positive_rate``, ``false_negative_rate``, with the same three endings: means over its words, in [0, 1].
        - ``gap``, ``gap_removed``: interference/gap, mean over its words: how much more the other words add where the word is.

        Means are over words seen both present and absent. What no word of a group defines is left out.
        """
        found: dict[str, float] = {}
        for group, words in groups.items():
            for name, sums in self.rebuilt.items():
                r2 = pooled_r2(sums.squared_error[None].cpu().numpy(), self.total_squares(), words)
                if r2 is not None:
                    found[f"{group}/r2{name}"] = float(r2[0])
            if f"{group}/r2" in found:
                found[f"{group}/drop"] = found[f"{group}/r2"] - found[f"{group}/r2_removed"]
            for name, sums in self.interference.items():
                columns = {"false_positive_rate": sums.false_positive_rate()}
                columns["false_negative_rate"] = sums.false_negative_rate()
                if name != "_kept":
                    columns["gap"] = sums.gap()
                varying = self.total_squares()[words] > 0
                if varying.any():
                    found |= {
                        f"{group}/{key}{name}": float(values[words][varying].mean()) for key, values in columns.items()
                    }
        return found

    def total_squares(self) -> np.ndarray:
        """Return SST of each word around its own held-out mean, p (n - p) / n for binary bags: (V,)."""
        sums = self.rebuilt[""]
        present = sums.present.cpu().numpy()
        return present * (sums.windows - present) / max(sums.windows, 1)


def pooled_r2(squared_error: np.ndarray, total: np.ndarray, words: np.ndarray) -> np.ndarray | None:
    """Return 1 - SSE / SST, both summed over the words: (K,) of squared errors (K, V) and total squares (V,); None where no word varies."""
    whole = total[words].sum()
    return None if whole <= 0 else 1 - squared_error[:, words].sum(1) / whole
