"""The closing measurement: a trained autoencoder on every held-out window."""

import time
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
    seconds_before: float = 0.0,
) -> tuple[dict[str, float], ReconstructionSums]:
    """Metrics of `summary.json` that are measured at the end, and the sums per word they come from.

    `speed/analysis_seconds` is the time geometry took in all: `seconds_before`, spent while training, and this last look.
    """
    autoencoder = autoencoder.to(device).eval()
    sums = ReconstructionSums(autoencoder.features, device)
    for bags in data.windows("validation").batches(data.evaluation_batch_size, device):
        sums.update(bags, autoencoder(bags).reconstruction)
    metrics = sums.metrics()
    if analysis.looks != 0:
        began = time.perf_counter()
        metrics |= measure(autoencoder, sets, analysis.permutations, seed)
        metrics["speed/analysis_seconds"] = seconds_before + time.perf_counter() - began
    return metrics, sums
