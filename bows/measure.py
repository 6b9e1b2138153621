"""The closing measurement: a trained autoencoder on every held-out window."""

from collections.abc import Mapping, Sequence

import torch

from bows.analysis.reconstruction import ReconstructionSums
from bows.callbacks.geometry import measure
from bows.config import Analysis
from bows.data.datamodule import BagsDataModule
from bows.model.autoencoder import Autoencoder


@torch.no_grad()
def closing_metrics(
    autoencoder: Autoencoder,
    data: BagsDataModule,
    sets: Mapping[str, Sequence[int]],
    analysis: Analysis,
    seed: int,
    device: torch.device,
) -> tuple[dict[str, float], ReconstructionSums]:
    """Metrics of `summary.json` that are measured at the end, and the sums per word they come from."""
    autoencoder = autoencoder.to(device).eval()
    sums = ReconstructionSums(autoencoder.features, device)
    for bags in data.windows("validation").batches(data.batch_size, device):
        sums.update(bags, autoencoder(bags).reconstruction)
    metrics = sums.metrics()
    if analysis.looks != 0:
        metrics |= measure(autoencoder, sets, analysis.permutations, seed)
    return metrics, sums
