"""The task of an autoencoder of bags: trained by gradient steps, or fitted in closed form."""

import logging
import time
from collections.abc import Mapping
from pathlib import Path

import pytorch_lightning as pl
import torch

from bows.analysis.geometry import GROUPS
from bows.analysis.ordered_sets import whole_sets
from bows.config.resolve import instantiate_plain
from bows.config.schema import TrainConfig
from bows.data.datamodule import BagsDataModule
from bows.evaluation.evaluate import Evaluation, evaluate
from bows.evaluation.save import write_results
from bows.figures.render_pool import Picture
from bows.model.autoencoder import Autoencoder
from bows.model.lightning import BagsModule
from bows.runs.weights import make_autoencoder
from bows.training.callbacks.checkpoints import MONITOR
from bows.training.callbacks.geometry import GeometryMonitor
from bows.training.callbacks.nan_guard import LossGuard
from bows.training.callbacks.reconstruction import ReconstructionMonitor
from bows.training.callbacks.throughput import peak_memory_bytes
from bows.training.callbacks.training_loss import TrainingLoss
from bows.training.checkpoint_files import CHECKPOINTS, LAST
from bows.training.sparse import choose_bags
from bows.training.task import RunTask
from bows.training.trainer import training_steps

log = logging.getLogger(__name__)


class AutoencoderTask(RunTask[BagsDataModule]):
    """Trains an autoencoder and evaluates its reconstruction and its geometry.

    Args:
        settings: The settings.
        folder: The run folder.
        data: The opened data if another task has opened it, as the members of a stack share it.
    """

    objective = MONITOR
    autoencoder: Autoencoder

    def __init__(self, settings: TrainConfig, folder: Path, data: BagsDataModule | None = None):
        super().__init__(settings, folder)
        if data is None:
            data = open_bags(settings)
            windows = f"{len(data.windows('train')):,}"
            log.info("%s windows of %d rows, %d per batch", windows, data.window, data.batch_size)
        self.data = data
        self.vocabulary = self.data.corpus.vocabulary
        self.words = len(self.vocabulary)
        self.sets: dict[str, list[int]] = {}

    @property
    def data_hash(self) -> str:
        return self.data.corpus.hash

    @property
    def stored_hash(self) -> str | None:
        return self.data.corpus.stored_hash

    def build(self, quiet: bool = False) -> None:
        """Create the model and find the ordered sets in the vocabulary; quiet: without a log line on incomplete sets."""
        self.autoencoder = make_autoencoder(self.settings.model, len(self.vocabulary))
        if self.autoencoder.bias_start == "frequency":
            self.autoencoder.start_bias(self.data.windows("train").frequency())
        self.sets = whole_sets(self.settings.analysis.ordered_sets, self.vocabulary, quiet=quiet)

    def monitors(self) -> list[pl.Callback]:
        analysis, monitors = self.settings.analysis, [TrainingLoss(), ReconstructionMonitor()]
        if geometry_groups(self.settings):
            monitors.append(
                GeometryMonitor(
                    self.sets,
                    analysis.permutations,
                    self.settings.seed,
                    analysis.looks,
                    geometry_groups(self.settings),
                    analysis.linear_sets,
                )
            )
        return [*monitors, LossGuard()]

    def module(self, trainer: pl.Trainer) -> BagsModule:
        compiled = self.settings.trainer.compile
        steps = training_steps(self.settings, self.data)
        module = BagsModule(self.autoencoder, self.settings.optimizer, steps=steps, compile=compiled)
        if not self.autoencoder.closed_form:
            choose_bags(trainer, module, self.data, compiled, self.settings.trainer.precision)
        return module

    def fit(self, trainer: pl.Trainer, checkpoint: Path | None) -> None:
        if self.autoencoder.closed_form:
            self._fit_closed_form(trainer)
        else:
            super().fit(trainer, checkpoint)
        # In the precision and the order of memory of model.safetensors, so that the evaluation can be repeated on the stored weights.
        self.autoencoder.float()
        for weight in self.autoencoder.parameters():
            weight.data = weight.data.contiguous()

    def evaluate(self, trainer: pl.Trainer) -> Evaluation:
        callbacks: list = trainer.callbacks  # type: ignore[attr-defined]
        seconds = sum(callback.seconds for callback in callbacks if isinstance(callback, GeometryMonitor))
        found = self.evaluate_on(trainer.strategy.root_device, seconds)
        if (r2 := found.metrics.get("reconstruction/r2", 0.0)) < 0:
            log.warning(
                "held-out R² is %.2g: worse than predicting each word by its frequency; more text, a smaller data.vocab_size, a larger "
                "latent, more wd or fewer epochs may help", r2,
            )  # fmt: skip
        return found

    def evaluate_on(self, device: torch.device, seconds_before: float) -> Evaluation:
        """Evaluate the model on a device; seconds_before: spent on the geometry during training."""
        settings = self.settings
        return evaluate(
            self.autoencoder, self.data, self.sets, settings.analysis, settings.seed, device, seconds_before
        )

    def write(self, evaluation: Evaluation, summary: Mapping[str, float]) -> dict[str, Picture]:
        corpus, analysis = self.data.corpus, self.settings.analysis
        return write_results(self.folder, self.autoencoder, corpus, evaluation, summary, self.sets, analysis)

    def _fit_closed_form(self, trainer: pl.Trainer) -> None:
        """Fit the model to the training windows, then validate and save it as a trained one."""
        module, windows = self.module(trainer), self.data.windows("train")
        began = time.perf_counter()
        # Large batches: counting co-occurrences is one matrix product per batch.
        self.autoencoder.fit(windows.batches(self.data.evaluation_batch_size, trainer.strategy.root_device))
        seconds = time.perf_counter() - began
        metrics = trainer.validate(module, datamodule=self.data, verbose=False)[0]
        trainer.save_checkpoint(self.folder / CHECKPOINTS / LAST)
        speed = {
            "speed/windows_per_second": len(windows) / seconds,
            "speed/seconds": seconds,
            "speed/peak_memory_mb": peak_memory_bytes() / 1e6,
        }
        for logger in trainer.loggers:
            logger.log_metrics({**metrics, **speed, "epoch": 0}, step=0)


def open_bags(settings: TrainConfig) -> BagsDataModule:
    """Open the corpus of the settings and cut it into windows, so that a window longer than a split is refused before anything else."""
    data: BagsDataModule = instantiate_plain(settings.data)
    data.setup("fit")
    return data


def geometry_groups(settings: TrainConfig) -> list[str]:
    """Return the groups of metrics that are evaluated during training; none with analysis.looks=0."""
    return sorted(set(settings.analysis.groups) & set(GROUPS)) if settings.analysis.looks != 0 else []
