"""Evaluate an autoencoder on every held-out window: the metrics of summary.json and the word table."""

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa
import torch

from bows.analysis.ordered_sets import whole_sets
from bows.analysis.reconstruction import ReconstructionSums
from bows.analysis.word_table import word_table
from bows.config.schema import Analysis
from bows.data.datamodule import BagsDataModule
from bows.evaluation.context import Context
from bows.evaluation.groups import METRIC_GROUPS, NEEDED_FOR_REGIMES
from bows.evaluation.request import compose_analysis
from bows.model.autoencoder import Autoencoder

log = logging.getLogger(__name__)


@dataclass
class Evaluation:
    """The result of an evaluation."""

    metrics: dict[str, float]
    """By the names of summary.json."""
    words: pa.Table
    """The per-word table."""
    regimes: pa.Table | None
    """Counts of the regimes by frequency decile, where regimes were asked for."""


@torch.no_grad()
def evaluate(
    autoencoder: Autoencoder,
    data: BagsDataModule,
    sets: Mapping[str, Sequence[int]] | None = None,
    analysis: Analysis | None = None,
    seed: int = 0,
    device: torch.device | None = None,
    seconds_before: float = 0.0,
    training: BagsDataModule | None = None,
) -> Evaluation:
    """Evaluate the groups that `analysis.groups` names; reconstruction's loss and R^2 always.

    `speed/analysis_seconds` is the total time of analysis: `seconds_before`, spent during training, and this evaluation without the
    pass over the held-out windows that every run makes. Where the training documents hold out overlapping windows
    (data.split=overlapping), `leak/` is measured on those; nothing else is.

    Args:
        autoencoder: the model; moved to `device` and set to evaluation mode.
        data: whose held-out windows are evaluated.
        sets: word indices of each ordered set; None for those of `analysis.sets` that are wholly in the vocabulary.
        analysis: which groups, and their settings; None for those of analysis=full.
        seed: of every random draw.
        device: where the model runs; None for the CPU.
        seconds_before: seconds of analysis during training.
        training: whose training windows fit the linear read-out; None for those of `data`.
    """
    analysis = analysis or Analysis(**compose_analysis("run=none")["analysis"])
    sets = whole_sets(analysis.ordered_sets, data.corpus.vocabulary) if sets is None else sets
    device = device or torch.device("cpu")
    asked = frozenset(analysis.groups)
    asked |= NEEDED_FOR_REGIMES if "regime" in asked else frozenset()
    autoencoder = autoencoder.to(device).eval()
    context = Context(autoencoder, data, training or data, sets, analysis, seed, device, asked)
    seconds = seconds_before + pass_over_held_out(context)
    metrics = context.natural.metrics()
    if context.training.overlapping is not None:
        metrics |= leak(context, metrics["reconstruction/loss"])
    began = time.perf_counter()
    by_decile = None
    for name, group in METRIC_GROUPS.items():
        if name in asked:
            measured = group.compute(context)
            metrics |= measured.metrics
            context.columns |= measured.columns
            by_decile = measured.by_decile or by_decile
    table = _word_table(context)
    undefined = sorted(name for group in asked for name in METRIC_GROUPS[group].expected if name not in metrics)
    if undefined:
        log.info("skipping metrics not defined for this model or these documents: %s", ", ".join(undefined))
    if asked:
        metrics["speed/analysis_seconds"] = seconds + time.perf_counter() - began
    return Evaluation(metrics, table, by_decile)


def pass_over_held_out(context: Context) -> float:
    """Stream the held-out windows into the sums of the context; return the seconds spent on more than reconstruction."""
    began = time.perf_counter()
    read_out = context.read_out
    seconds = time.perf_counter() - began
    for bags, output in context.outputs():
        began = time.perf_counter()
        if context.groups & {"read_out", "interference"}:
            context.add_interference(context.interference, bags, output)
        if read_out:
            linear = read_out(output.latent)
            context.linear.update(bags, linear)
            context.rectified.update(bags, linear.clamp_min_(0))
        seconds += time.perf_counter() - began
        context.natural.update(bags, output.reconstruction)
    return seconds


def leak(context: Context, loss: float) -> dict[str, float]:
    """Compute the loss over held-out windows that share rows with training windows, against that over held-out documents.

    Returns:
        `leak/loss` and `leak/r2`, defined as `reconstruction/loss` and `/r2`, and `leak/loss_gap` = `loss` - `leak/loss`, in units of
        loss: by how much the overlapping split understates it. Above 0, having trained on a window's rows or documents helps.

    Source: the validation split of Prieto et al. 2026.
    """
    overlapping = context.training.overlapping
    assert overlapping is not None
    sums = ReconstructionSums(context.autoencoder.features, context.device)
    for bags in overlapping.batches(context.data.evaluation_batch_size, context.device):
        sums.update(bags, context.autoencoder(bags).reconstruction)
    found = sums.metrics()
    metrics = {
        f"leak/{name}": found[f"reconstruction/{name}"] for name in ("loss", "r2") if f"reconstruction/{name}" in found
    }
    return {**metrics, "leak/loss_gap": loss - metrics["leak/loss"]}


def _word_table(context: Context) -> pa.Table:
    natural = context.natural
    columns = {
        "frequency": natural.frequency(),
        "r2": natural.r2_by_word(),
        "bias": context.autoencoder.bias.detach().double().cpu().numpy(),
    }
    return word_table(
        context.data.corpus.vocabulary,
        context.encoder,
        context.decoder,
        columns | context.columns,
        max(context.analysis.neighbours, 1),
        context.word_geometry if "packing" in context.groups else None,
    )
