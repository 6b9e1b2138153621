"""Measure, at the end of every run with few words, what tells most: R² of principal components, and whether categories lie together."""

import logging
from functools import partial

import numpy as np
import torch

from bows.analysis.clusters import category_labels, clusters
from bows.analysis.cooccurrence import Cooccurrence
from bows.analysis.principal_directions import principal_directions
from bows.analysis.reconstruction import ReconstructionSums
from bows.config.schema import Analysis
from bows.data.datamodule import BagsDataModule
from bows.errors import SettingError
from bows.model.autoencoder import Autoencoder, weights

log = logging.getLogger(__name__)

# Up to here each of the two takes 0.4 s or less on one core (V = 2,000, m = 32, 999 labellings).
MOST_WORDS = 4000


@torch.no_grad()
def inexpensive(
    autoencoder: Autoencoder,
    data: BagsDataModule,
    frequency: np.ndarray,
    analysis: Analysis,
    seed: int,
    device: torch.device,
) -> dict[str, float]:
    """Compute `baseline/r2_pca`, `cluster/purity` and `cluster/silhouette` with their nulls where their groups are not asked for.

    The values are those of `analysis=full`. Nothing with `analysis=none`, or for more than MOST_WORDS words.

    Args:
        autoencoder: The model.
        data: Its data.
        frequency: (V,), of the words in the held-out windows.
        analysis: The settings of the evaluation.
        seed: Of the random draws.
        device: Where the windows are evaluated.
    """
    asked = set(analysis.groups)
    if not asked or autoencoder.features > MOST_WORDS:
        return {}
    found: dict[str, float] = {}
    if "baseline" not in asked:
        found |= principal_r2(data, autoencoder.latent, analysis.read_out_windows, seed, device)
    if "cluster" not in asked:
        found |= purity(autoencoder, data, frequency, analysis, seed)
    return found


def principal_r2(
    data: BagsDataModule, latent: int, most: int | None, seed: int, device: torch.device
) -> dict[str, float]:
    """Return `baseline/r2_pca`; nothing where the training windows vary in fewer than `latent` dimensions."""
    windows = data.windows("train")
    if latent > windows.words:
        return {}
    together = Cooccurrence(partial(windows.sparse_batches, most), windows.words)
    directions = principal_directions(together, latent, seed)
    if directions is None:
        return {}
    mean = (together.present / together.windows).to(device)
    weight = directions.to(device)
    # In float32, as the components of the group baseline.
    bias, weight = (mean - weight @ (weight.T @ mean)).float(), weight.float()
    sums = ReconstructionSums(windows.words, device)
    for bags in data.windows("validation").batches(data.evaluation_batch_size, device):
        sums.update(bags, (bags @ weight) @ weight.T + bias)
    metrics = sums.metrics()
    return {"baseline/r2_pca": metrics["reconstruction/r2"]} if "reconstruction/r2" in metrics else {}


def purity(
    autoencoder: Autoencoder, data: BagsDataModule, frequency: np.ndarray, analysis: Analysis, seed: int
) -> dict[str, float]:
    """Return `cluster/purity` and `cluster/silhouette` with their nulls; nothing for fewer than two categories of ten words."""
    try:
        labels, names, _ = category_labels(analysis.category_words, data.corpus.vocabulary)
    except SettingError as error:  # of a group that was not asked for
        log.warning("clusters are not measured: %s", error)
        return {}
    if len(names) < 2:
        return {}
    encoder, _ = weights(autoencoder)
    return clusters(encoder.cpu(), labels, frequency, analysis.null_permutations, seed)
