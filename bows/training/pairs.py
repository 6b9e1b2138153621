"""One run of a value-coding task: a classifier of pairs, its probe and its ablations, to a complete run folder."""

import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from torch import Tensor

from bows.analysis.plane_ablation import plane_ablation
from bows.analysis.probe import fit_probe
from bows.analysis.ring import ring
from bows.config.resolve import instantiate_plain
from bows.config.schema import Analysis, TrainConfig
from bows.console import four_digits, quiet_libraries
from bows.data.pairs import EVALUATION_BATCH, PairsDataModule, PairTask
from bows.evaluation.device import check_accelerator
from bows.model.pair_classifier import PairClassifier
from bows.model.pair_module import PairModule
from bows.runs.status import RunStatus
from bows.tracking.csv_logger import MetricsTable
from bows.tracking.loggers import extra_loggers
from bows.training.callbacks.checkpoints import checkpoint_callbacks
from bows.training.callbacks.classification import ClassificationMonitor
from bows.training.callbacks.interrupt import InterruptGuard
from bows.training.callbacks.nan_guard import LossGuard
from bows.training.callbacks.progress import progress_callback
from bows.training.callbacks.throughput import SpeedMonitor
from bows.training.save_pairs import PairMeasurement, write_pair_results
from bows.training.trainer import find_checkpoint_or_start, make_trainer, optimizer_settings, training_steps

log = logging.getLogger(__name__)

# What chooses best.ckpt, and what a sweep's job returns.
OBJECTIVE = "classification/loss"
# A frequency can be read from the embeddings where its leave-one-out R² is above this. Those in use stand near 1, all others below 0.
READABLE = 0.5


def train_pairs(
    settings: TrainConfig,
    config: dict[str, Any],
    folder: Path,
    status: RunStatus | None,
    group: str | None = None,
    run_name: str | None = None,
) -> dict[str, float]:
    """Train one classifier of pairs and fill its run folder. Returns the metrics of `summary.json`."""
    quiet_libraries()
    if settings.trainer.threads:
        torch.set_num_threads(settings.trainer.threads)
    pl.seed_everything(settings.seed, verbose=False)
    check_accelerator(settings.trainer.accelerator)

    data: PairsDataModule = instantiate_plain(config["data"])
    task = data.task
    pairs = {name: f"{len(split):,}" for name, split in task.splits.items()}
    log.info(
        "%d items, %d classes; %s training pairs, %d a batch; %s validation pairs",
        len(task.items), len(task.classes), pairs["train"], data.batch_size, pairs["validation"],
    )  # fmt: skip
    if status:
        status.corpus = task.hash
        status.write("running")
    classifier: PairClassifier = instantiate_plain(config["model"], items=len(task.items), classes=len(task.classes))

    checkpoint = find_checkpoint_or_start(folder) if settings.resume else None
    step = (
        torch.load(checkpoint, weights_only=True)["global_step"] - 1 if checkpoint else -1 if settings.resume else None
    )
    table = MetricsTable(folder, resume_step=step)
    with extra_loggers(settings.logger, config, folder, group, run_name or settings.name, table) as loggers:
        trainer = make_trainer(settings, folder, [table, *loggers], callbacks_of_pairs(settings, folder))
        module = PairModule(
            classifier,
            optimizer_settings(settings),
            steps=training_steps(settings, data),
            compile=settings.trainer.compile,
        )
        trainer.fit(module, datamodule=data, ckpt_path=checkpoint, weights_only=True)
        measured = measure_pairs(
            classifier.to(trainer.strategy.root_device).eval(), task, settings.analysis, settings.seed
        )
        last_step = max(trainer.global_step - 1, 0)
        for logger in trainer.loggers:
            logger.log_metrics({**measured.metrics, "epoch": max(trainer.current_epoch - 1, 0)}, step=last_step)
            logger.save()
        write_pair_results(
            folder, classifier, task, measured, table.summary, settings.analysis.figures, loggers, last_step
        )
    for name in ("classification/accuracy", "probe/r2", *(name for name in measured.metrics if "ablation/" in name)):
        log.info("%-36s %s", name, four_digits(table.summary[name]))
    return table.summary


def callbacks_of_pairs(settings: TrainConfig, folder: Path) -> list[pl.Callback]:
    checkpoints = folder / "checkpoints"
    return [
        SpeedMonitor(),
        ClassificationMonitor(),
        LossGuard(),
        progress_callback(plain=None),
        *checkpoint_callbacks(checkpoints, settings.trainer.checkpoint_every_steps, monitor=OBJECTIVE),
        InterruptGuard(checkpoints),
    ]


@torch.no_grad()
def measure_pairs(classifier: PairClassifier, task: PairTask, analysis: Analysis, seed: int) -> PairMeasurement:
    """The closing measurement: the probe, its plane kept and removed on the validation pairs, and on a ring the items' order.

    `ablation/accuracy_majority` is the share of the most frequent class among the validation pairs: what can be had without
    knowing any item. On a ring, `probe/frequency` is the one the probe chose and `ring/residues/...` are of the whole embeddings at that
    frequency; `probe/frequencies` counts those that can be read (READABLE), and where they are several `..._keep_frequencies`,
    `..._remove_frequencies` and their random controls are of the span of all their planes.
    """
    embeddings = classifier.embedding.weight.detach()
    candidates = np.stack([each.values for each in task.coordinates])
    probe = fit_probe(embeddings, candidates, task.held_out, permutations=analysis.null_permutations, seed=seed)
    metrics = {"probe/r2": probe.r2}
    if probe.p is not None:
        metrics["probe/p"] = probe.p
    accuracy = accuracy_of(classifier, task)
    ablation = plane_ablation(embeddings, torch.from_numpy(probe.weights[probe.chosen]), accuracy, seed=seed)
    metrics |= ablation.metrics()
    classes = task.splits["validation"].rows[:, 2]
    metrics["ablation/accuracy_majority"] = float(classes.bincount().max()) / len(classes)
    chosen, together = task.coordinates[probe.chosen], None
    if chosen.frequency is not None and chosen.order is not None:
        metrics["probe/frequency"] = float(chosen.frequency)
        found = ring(embeddings.T, None, chosen.order, analysis.permutations, seed)
        metrics |= {f"ring/residues/{name}": value for name, value in found.items()}
        readable = np.flatnonzero(probe.scores > READABLE)
        metrics["probe/frequencies"] = float(len(readable))
        if 1 < len(readable) < embeddings.shape[1] / 2:
            planes = torch.from_numpy(np.concatenate(probe.weights[readable], axis=1))
            together = plane_ablation(embeddings, planes, accuracy, seed=seed)
            metrics |= together.metrics("frequencies")
    return PairMeasurement(metrics, probe, ablation, together)


def accuracy_of(classifier: PairClassifier, task: PairTask, split: str = "validation") -> Callable[[Tensor], float]:
    """The classifier's accuracy on all pairs of a split, as a function of the embeddings (items, m) it is given."""
    return partial(_accuracy, classifier, task, split)


@torch.no_grad()
def _accuracy(classifier: PairClassifier, task: PairTask, split: str, embeddings: Tensor) -> float:
    pairs = task.splits[split]
    device = classifier.embedding.weight.device
    right = 0
    for numbers in torch.arange(len(pairs)).split(EVALUATION_BATCH):
        rows = pairs.gather(numbers, device)
        right += int((classifier(rows[:, :2], embeddings.to(device)).argmax(1) == rows[:, 2]).sum())
    return right / len(pairs)
