"""One run, from checked settings to a complete run folder."""

import logging
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch

from bows.analysis.geometry import GROUPS
from bows.analysis.ordered_sets import whole_sets
from bows.config.resolve import instantiate_plain
from bows.config.schema import TrainConfig
from bows.console import quiet_libraries
from bows.data.datamodule import BagsDataModule
from bows.evaluation.device import check_accelerator
from bows.evaluation.evaluate import measure
from bows.evaluation.save import log_results, write_results
from bows.figures.render_pool import draw
from bows.model.autoencoder import Autoencoder
from bows.model.lightning import BagsModule
from bows.runs.status import RunStatus
from bows.runs.weights import make_autoencoder
from bows.tracking.csv_logger import MetricsTable
from bows.tracking.loggers import extra_loggers
from bows.training.callbacks.checkpoints import checkpoint_callbacks
from bows.training.callbacks.geometry import GeometryMonitor
from bows.training.callbacks.interrupt import InterruptGuard
from bows.training.callbacks.nan_guard import LossGuard
from bows.training.callbacks.progress import progress_callback
from bows.training.callbacks.reconstruction import ReconstructionMonitor
from bows.training.callbacks.throughput import SpeedMonitor, peak_memory_bytes
from bows.training.sparse import choose_bags
from bows.training.trainer import find_checkpoint_or_start, make_trainer, optimizer_settings, training_steps

log = logging.getLogger(__name__)


def train(
    settings: TrainConfig,
    config: dict[str, Any],
    folder: Path,
    status: RunStatus | None,
    group: str | None = None,
    run_name: str | None = None,
) -> dict[str, float]:
    """Train one autoencoder and fill its run folder. Returns the metrics of `summary.json`."""
    quiet_libraries()
    if settings.trainer.threads:
        torch.set_num_threads(settings.trainer.threads)
    pl.seed_everything(settings.seed, verbose=False)
    check_accelerator(settings.trainer.accelerator)

    data: BagsDataModule = instantiate_plain(config["data"])
    words = len(data.corpus.vocabulary)
    data.setup("fit")  # a window longer than a split is said before anything else is made
    log.info("%s windows of %d rows, %d a batch", f"{len(data.windows('train')):,}", data.window, data.batch_size)
    if status:
        status.corpus = data.corpus.hash
        status.write("running")
    autoencoder = make_autoencoder(config["model"], words)
    sets = whole_sets(settings.analysis.sets, data.corpus.vocabulary)

    checkpoint = find_checkpoint_or_start(folder) if settings.resume else None
    step = (
        torch.load(checkpoint, weights_only=True)["global_step"] - 1 if checkpoint else -1 if settings.resume else None
    )
    table = MetricsTable(folder, resume_step=step)
    with extra_loggers(settings.logger, config, folder, group, run_name or settings.name, table) as loggers:
        trainer = make_trainer(settings, folder, [table, *loggers], callbacks_of(settings, folder, sets), words)
        module = BagsModule(
            autoencoder,
            optimizer_settings(settings),
            steps=training_steps(settings, data),
            compile=settings.trainer.compile,
        )
        if autoencoder.closed_form:
            fit_closed_form(trainer, module, data, folder)
        else:
            choose_bags(trainer, module, data, settings.trainer.compile)
            trainer.fit(module, datamodule=data, ckpt_path=checkpoint, weights_only=True)
        as_kept(autoencoder)
        if trainer.global_rank == 0:
            last_step = max(trainer.global_step - 1, 0)
            measured = measure(
                autoencoder,
                data,
                sets,
                settings.analysis,
                settings.seed,
                trainer.strategy.root_device,
                sum(callback.seconds for callback in trainer.callbacks if isinstance(callback, GeometryMonitor)),  # type: ignore[attr-defined]
            )
            if (r2 := measured.metrics.get("reconstruction/r2", 0.0)) < 0:
                log.warning(
                    "held-out R² is %.2g: worse than naming each word by its frequency; more text, a smaller data.vocab_size, a larger "
                    "latent, more wd or fewer epochs may help", r2,
                )  # fmt: skip
            for logger in trainer.loggers:
                logger.log_metrics({**measured.metrics, "epoch": max(trainer.current_epoch - 1, 0)}, step=last_step)
                logger.save()
            pictures = write_results(folder, autoencoder, data.corpus, measured, table.summary, sets, settings.analysis)
            log_results(loggers, draw(folder / "figures", pictures), measured, last_step)
    return table.summary


def as_kept(autoencoder: Autoencoder) -> None:
    """Give the weights the precision and the order in memory that model.safetensors will give them: what is measured can be measured
    again."""
    autoencoder.float()
    for weight in autoencoder.parameters():
        weight.data = weight.data.contiguous()


def callbacks_of(settings: TrainConfig, folder: Path, sets: dict[str, list[int]]) -> list[pl.Callback]:
    """What watches the training of one autoencoder."""
    checkpoints, analysis = folder / "checkpoints", settings.analysis
    callbacks: list[pl.Callback] = [SpeedMonitor(), ReconstructionMonitor()]
    if analysis.looks != 0 and set(analysis.groups) & set(GROUPS):
        callbacks.append(GeometryMonitor(sets, analysis.permutations, settings.seed, analysis.looks, analysis.groups))
    return [
        *callbacks,
        LossGuard(),
        progress_callback(plain=None),
        *checkpoint_callbacks(checkpoints, settings.trainer.checkpoint_every_steps),
        InterruptGuard(checkpoints),
    ]


def fit_closed_form(trainer: pl.Trainer, module: BagsModule, data: BagsDataModule, folder: Path) -> None:
    """The closed-form model: fitted from the training windows' moments, then validated and saved like a trained one."""
    import time

    began = time.perf_counter()
    device = trainer.strategy.root_device
    windows = data.windows("train")
    # Large batches: counting co-occurrences is one matrix product a batch.
    module.autoencoder.fit(windows.batches(data.evaluation_batch_size, device))
    seconds = time.perf_counter() - began
    metrics = trainer.validate(module, datamodule=data, verbose=False)[0]
    trainer.save_checkpoint(folder / "checkpoints" / "last.ckpt")
    speed = {
        "speed/windows_per_second": len(windows) / seconds,
        "speed/seconds": seconds,
        "speed/peak_memory_mb": peak_memory_bytes() / 1e6,
    }
    for logger in trainer.loggers:
        logger.log_metrics({**metrics, **speed, "epoch": 0}, step=0)
