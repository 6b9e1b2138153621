"""The training skeleton that autoencoders, pair classifiers and stacks share."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar, Generic, TypeVar

import pytorch_lightning as pl
import torch
from pytorch_lightning.loggers import Logger

from bows.config.schema import TrainConfig
from bows.console import quiet_libraries
from bows.evaluation.device import check_accelerator
from bows.evaluation.evaluate import Evaluation
from bows.figures.render_pool import Picture
from bows.tracking.csv_logger import MetricsTable
from bows.training.callbacks.checkpoints import checkpoint_callbacks
from bows.training.callbacks.interrupt import InterruptGuard
from bows.training.callbacks.progress import TrainingProgress
from bows.training.callbacks.throughput import SpeedMonitor
from bows.training.checkpoint_files import CHECKPOINTS, AtomicCheckpointIO
from bows.training.trainer import make_trainer

Data = TypeVar("Data", bound=pl.LightningDataModule)


class Task(ABC, Generic[Data]):
    """One training: its data, its module, and the callbacks that observe it.

    Args:
        settings: The settings; of a stack, those of its first member.
        folder: The folder that gets checkpoints/.
    """

    data: Data
    words: int | None = None
    """Size of the vocabulary, which decides the precision; None where the model does not read bags."""

    def __init__(self, settings: TrainConfig, folder: Path):
        self.settings = settings
        self.folder = folder

    @abstractmethod
    def monitors(self) -> list[pl.Callback]:
        """Return the callbacks that log metrics and watch for failures."""

    @abstractmethod
    def checkpoints(self, folder: Path) -> list[pl.Callback]:
        """Return the callbacks that write checkpoints into a folder."""

    @abstractmethod
    def module(self, trainer: pl.Trainer) -> pl.LightningModule:
        """Return the module to train."""

    def fit(self, trainer: pl.Trainer, checkpoint: Path | None) -> None:
        """Train the module, from a checkpoint if one is given."""
        trainer.fit(self.module(trainer), datamodule=self.data, ckpt_path=checkpoint, weights_only=True)


class RunTask(Task[Data]):
    """The training and the evaluation of one model. Creating one opens the data; `build` creates the model."""

    objective: ClassVar[str]
    """The metric of validation whose lowest value chooses best.ckpt; the result of a job."""

    @property
    @abstractmethod
    def data_hash(self) -> str:
        """The hash of the corpus or of the pairs."""

    @property
    def stored_hash(self) -> str | None:
        """The hash of the corpus folder that the data come from; None where there is none."""
        return None

    @abstractmethod
    def build(self) -> None:
        """Create the model."""

    @abstractmethod
    def evaluate(self, trainer: pl.Trainer) -> Evaluation:
        """Evaluate the trained model."""

    @abstractmethod
    def write(self, evaluation: Evaluation, summary: Mapping[str, float]) -> dict[str, Picture]:
        """Write the results into the run folder; return the figures to draw."""

    def checkpoints(self, folder: Path) -> list[pl.Callback]:
        return checkpoint_callbacks(folder, self.settings.trainer.checkpoint_every_steps, monitor=self.objective)


def prepare(settings: TrainConfig) -> None:
    """Set threads and seed, quiet the libraries, and check the accelerator.

    Raises:
        SettingError: This machine does not have the accelerator.
    """
    quiet_libraries()
    if settings.trainer.threads:
        torch.set_num_threads(settings.trainer.threads)
    pl.seed_everything(settings.seed, verbose=False)
    check_accelerator(settings.trainer.accelerator)


def conclude(
    task: RunTask, evaluation: Evaluation, trainer: pl.Trainer, table: MetricsTable, loggers: Sequence[Logger] = ()
) -> dict[str, Picture]:
    """Log an evaluation at the last step, and write the results; return the figures to draw."""
    step, epoch = max(trainer.global_step - 1, 0), max(trainer.current_epoch - 1, 0)
    for logger in (table, *loggers):
        logger.log_metrics({**evaluation.metrics, "epoch": epoch}, step=step)
        logger.save()
    return task.write(evaluation, table.summary)


def fit(task: Task, loggers: list, files: AtomicCheckpointIO, checkpoint: Path | None) -> pl.Trainer:
    """Train a task and return the trainer.

    Args:
        task: The training.
        loggers: Lightning's loggers.
        files: The plugin that reads and writes checkpoints.
        checkpoint: The checkpoint to resume from; None to start at step 0.
    """
    folder = task.folder / CHECKPOINTS
    # The order matters: throughput is logged before other callbacks use time, and the interrupt comes after all have seen the step.
    callbacks = [
        SpeedMonitor(),
        *task.monitors(),
        TrainingProgress(),
        *task.checkpoints(folder),
        InterruptGuard(folder),
    ]
    trainer = make_trainer(task.settings, task.folder, loggers, callbacks, files, task.words)
    task.fit(trainer, checkpoint)
    return trainer
