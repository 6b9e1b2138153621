"""The closing measurement: everything bows says about a trained autoencoder, on every held-out window."""

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from bows.analysis.alignment import alignment
from bows.analysis.clusters import category_labels, clusters
from bows.analysis.cooccurrence import Cooccurrence
from bows.analysis.cooccurrence_clusters import cooccurrence_ami, phi
from bows.analysis.directions import directions
from bows.analysis.geometry import geometry
from bows.analysis.interference import InterferenceSums
from bows.analysis.interference_energy import interference_energy
from bows.analysis.packing import cosine_extremes, self_terms, word_geometry
from bows.analysis.read_out import ReadOut, ReadOutSums
from bows.analysis.reconstruction import ReconstructionSums
from bows.analysis.regime import Thresholds, regime_shares, regimes, regimes_by_decile
from bows.analysis.word_table import word_table
from bows.config.schema import Analysis
from bows.data.datamodule import BagsDataModule
from bows.data.windows import Windows
from bows.model.autoencoder import Autoencoder, weights

log = logging.getLogger(__name__)

# Groups of metrics that a regime is made of.
OF_REGIME = {"read_out", "interference", "packing"}


# The metrics of a group that some models or documents have none of, by definition.
EXPECTED = {
    "read_out": ("reconstruction/r2_linear", "reconstruction/r2_one_hot", "reconstruction/false_positive_rate"),
    "interference": ("interference/gap", "interference/constructive_energy"),
    "capacity": ("capacity/dimensionality_mean",),
    "packing": ("packing/coherence", "packing/welch_ratio"),
    "alignment": ("alignment/covariance_cosine", "alignment/cka", "alignment/rsa", "alignment/pca_distance"),
    "cluster": ("cluster/purity", "cluster/silhouette", "cluster/cooccurrence_ami"),
    "regime": ("regime/absent",),
}


@dataclass
class Measurement:
    """What was measured."""

    metrics: dict[str, float]
    """By the names of summary.json."""
    words: pa.Table
    """The per-word table."""
    regimes: pa.Table | None
    """Counts of the regimes by frequency decile, where regimes were asked for."""


@torch.no_grad()
def measure(
    autoencoder: Autoencoder,
    data: BagsDataModule,
    sets: Mapping[str, Sequence[int]],
    analysis: Analysis,
    seed: int,
    device: torch.device,
    seconds_before: float = 0.0,
    training: BagsDataModule | None = None,
) -> Measurement:
    """Measure the groups that `analysis.groups` names; reconstruction's loss and R^2 always.

    `speed/analysis_seconds` is the time analysis took in all: `seconds_before`, spent while training, and this measurement, but for
    the pass over the held-out windows that every run makes. `training` is where the linear read-out is fitted, where that is not the
    training part of `data`. Where the training documents hold overlapping windows out (data.split=overlapping), `leak/` is measured on
    those; nothing else is.
    """
    groups = set(analysis.groups)
    if "regime" in groups:
        groups |= OF_REGIME
    autoencoder = autoencoder.to(device).eval()
    encoder, decoder = weights(autoencoder)
    held_out = partial(data.windows("validation").batches, data.evaluation_batch_size, device)

    began = time.perf_counter()
    read_out = fit_read_out(autoencoder, training or data, analysis, device) if "read_out" in groups else None
    seconds = time.perf_counter() - began
    natural = ReconstructionSums(autoencoder.features, device)
    linear = ReconstructionSums(autoencoder.features, device)
    interference = InterferenceSums(autoencoder.bias, self_terms(encoder, decoder), analysis.threshold)
    for bags in held_out():
        output = autoencoder(bags)
        began = time.perf_counter()
        if groups & {"read_out", "interference"}:
            interference.update(bags, output.pre_activation, output.reconstruction)
        if read_out:
            linear.update(bags, read_out(output.latent))
        seconds += time.perf_counter() - began
        natural.update(bags, output.reconstruction)

    metrics = natural.metrics()
    if (overlapping := (training or data).overlapping) is not None:
        metrics |= leak(autoencoder, overlapping, data.evaluation_batch_size, device, metrics["reconstruction/loss"])

    began = time.perf_counter()
    columns: dict[str, np.ndarray] = {}
    if "read_out" in groups:
        metrics |= interference.error_rates()
        columns["false_positive_rate"] = interference.false_positive_rate()
        columns["false_negative_rate"] = interference.false_negative_rate()
        one_hot = one_hot_sums(autoencoder, data.evaluation_batch_size, device)
        columns["r2_one_hot"] = one_hot.r2_by_word()
        metrics |= _renamed(one_hot, "r2_one_hot")
        if read_out:
            columns["r2_linear"] = linear.r2_by_word()
            metrics |= _renamed(linear, "r2_linear")
            if "reconstruction/r2_linear" in metrics:
                metrics["reconstruction/relu_gain"] = metrics["reconstruction/r2"] - metrics["reconstruction/r2_linear"]
    if "interference" in groups:
        metrics |= interference.metrics()
        columns |= {
            "interference_present": interference.when_present(),
            "interference_absent": interference.when_absent(),
            "rescued": interference.rescued(),
            "filtered": interference.filtered(),
        }

    unit, _ = directions(encoder)
    extremes = cosine_extremes(unit) if "packing" in groups and unit.shape[1] > 1 else None
    near = word_geometry(encoder, extremes) if extremes else None
    metrics |= geometry(encoder, decoder, sets, analysis.permutations, seed, groups, extremes)

    if groups & {"alignment", "interference", "cluster"}:
        together = Cooccurrence(held_out, autoencoder.features)
        if "interference" in groups:
            metrics |= interference_energy(encoder, decoder, together)
        if "alignment" in groups:
            metrics |= alignment(encoder, decoder, together, analysis.null_permutations, seed)
        if "cluster" in groups:
            metrics |= cluster_metrics(encoder, data.corpus.vocabulary, together, analysis, seed)

    labels, by_decile = None, None
    if "regime" in groups:
        limits = Thresholds(**vars(analysis.regimes))
        undefined = np.ma.masked_all(autoencoder.features)
        near = near or word_geometry(encoder)
        labels = regimes(
            natural.r2_by_word(), columns["r2_linear"] if read_out else undefined, interference.gap(), near, limits
        )
        metrics |= regime_shares(labels)
        by_decile = regimes_by_decile(labels, natural.frequency().filled(0.0))
    table = word_table(
        data.corpus.vocabulary,
        encoder,
        decoder,
        bias=autoencoder.bias,
        frequency=natural.frequency(),
        r2=natural.r2_by_word(),
        neighbours=max(analysis.neighbours, 1),
        held_out=columns,
        geometry=near,
        regimes=labels,
    )
    missing = sorted(name for group in groups for name in EXPECTED.get(group, ()) if name not in metrics)
    if missing:
        log.info("not defined for this model or these documents, and left out: %s", ", ".join(missing))
    if groups:
        metrics["speed/analysis_seconds"] = seconds_before + seconds + time.perf_counter() - began
    return Measurement(metrics, table, by_decile)


def leak(
    autoencoder: Autoencoder, overlapping: Windows, batch_size: int, device: torch.device, loss: float
) -> dict[str, float]:
    """The loss over held-out windows that share rows with training windows, beside `loss`, that over held-out documents.

    Returns `leak/loss` and `leak/r2`, defined as `reconstruction/loss` and `/r2` are, and `leak/loss_gap` = `loss` - `leak/loss`, in units
    of loss: by how much the overlapping split understates it. Above 0, to have seen a window's rows, or its documents, in training helps.
    Source: the validation split of Prieto et al. 2026.
    """
    sums = ReconstructionSums(autoencoder.features, device)
    for bags in overlapping.batches(batch_size, device):
        sums.update(bags, autoencoder(bags).reconstruction)
    metrics = {name.replace("reconstruction/", "leak/"): value for name, value in sums.metrics().items()}
    return {**metrics, "leak/loss_gap": loss - metrics["leak/loss"]}


def fit_read_out(
    autoencoder: Autoencoder, data: BagsDataModule, analysis: Analysis, device: torch.device
) -> ReadOut | None:
    """The linear read-out of the latent, fitted on training windows, at most `analysis.read_out_windows`, evenly spaced."""
    sums = ReadOutSums(autoencoder.latent, autoencoder.features, device)
    for bags in data.windows("train").batches(data.evaluation_batch_size, device, analysis.read_out_windows):
        sums.update(autoencoder.encode(bags), bags)
    return sums.solve(analysis.ridge)


def one_hot_sums(autoencoder: Autoencoder, batch_size: int, device: torch.device) -> ReconstructionSums:
    """Reconstruction of the V bags that hold one word each."""
    words = autoencoder.features
    sums = ReconstructionSums(words, device)
    for first in range(0, words, batch_size):
        count = min(batch_size, words - first)
        bags = torch.zeros(count, words, device=device)
        bags.diagonal(first).fill_(1.0)
        sums.update(bags, autoencoder(bags).reconstruction)
    return sums


def cluster_metrics(
    encoder: Tensor, vocabulary: Sequence[str], together: Cooccurrence, analysis: Analysis, seed: int
) -> dict[str, float]:
    """The cluster group: categories of words, and clusters of the most frequent words beside those of the data."""
    frequency = together.present.cpu().numpy() / together.windows
    categories = {
        name: words.split() if isinstance(words, str) else words for name, words in analysis.categories.items()
    }
    labels, names, _ = category_labels(categories, vocabulary)
    log.info("%d of %d categories have ten words or more in the vocabulary", len(names), len(categories))
    metrics: dict[str, float] = {}
    if len(names) > 1:
        metrics = clusters(encoder, labels, frequency, analysis.null_permutations, seed)
    unit, kept = directions(encoder)
    kept = kept.cpu().numpy()
    varying = (frequency[kept] > 0) & (frequency[kept] < 1)
    places = np.flatnonzero(varying)
    places = places[np.argsort(-frequency[kept[places]], kind="stable")[: analysis.cluster_words]]
    count = min(max(len(names), 2), len(places) // 4)
    if count >= 2:
        words = kept[places]
        data_phi = phi(together.among(words), together.present.cpu().numpy()[words], together.windows)
        metrics |= cooccurrence_ami(
            unit[:, places], data_phi, count, frequency[words], analysis.null_permutations, seed
        )
    return metrics


def _renamed(sums: ReconstructionSums, name: str) -> dict[str, float]:
    return {f"reconstruction/{name}": value for key, value in sums.metrics().items() if key.endswith("/r2")}
