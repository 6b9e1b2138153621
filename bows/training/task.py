"""The training skeleton that autoencoders, pair classifiers and stacks share."""

import logging
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar, Generic, TypeVar

import pytorch_lightning as pl
import torch
from pytorch_lightning.loggers import Logger
from torch import nn

from bows.config.schema import TrainConfig, TrainerSettings
from bows.console import quiet_libraries
from bows.data.datamodule import BagsDataModule
from bows.data.pairs import PairsDataModule
from bows.evaluation.device import check_accelerator
from bows.evaluation.evaluate import Evaluation
from bows.figures.render_pool import Picture
from bows.model.sparse_loss import fast_bfloat16
from bows.tracking.csv_logger import MetricsTable
from bows.training.callbacks.checkpoints import BestCheckpoint, LastCheckpoint
from bows.training.callbacks.interrupt import InterruptGuard
from bows.training.callbacks.progress import TrainingProgress
from bows.training.callbacks.throughput import SpeedMonitor
from bows.training.checkpoint_files import BEST, CHECKPOINTS, AtomicCheckpointIO

log = logging.getLogger(__name__)

Data = TypeVar("Data", bound=pl.LightningDataModule)

# The most validations of a run; more would take small models longer than their training.
VALIDATIONS = 20
# The largest vocabulary whose models train in double precision on a CPU. The time it takes is negligible there, and the rounding of the
# directions that a model does not use, which training amplifies step by step, stays far below every metric.
DOUBLE_PRECISION_WORDS = 64


class Task(ABC, Generic[Data]):
    """One training: its data, its module, and the callbacks that observe it. `folder` gets checkpoints/."""

    data: Data
    words: int | None = None
    """Size of the vocabulary, which decides the precision; None where the model does not read bags."""

    def __init__(self, settings: TrainConfig, folder: Path):
        self.settings = settings
        self.folder = folder

    @property
    def work(self) -> float:
        """Multiplications of the largest matrix product of a step, which decide the number of threads. Known once there is a model."""
        return 0.0

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

    @property
    def evaluation_work(self) -> float:
        """Multiplications of the largest matrix product of the evaluation."""
        return self.work

    def take_best(self, trainer: pl.Trainer) -> None:
        """With `trainer.weights=best`, give the module the weights of best.ckpt."""
        path = self.folder / CHECKPOINTS / BEST
        if self.settings.trainer.weights == "best" and path.exists():
            content = AtomicCheckpointIO().load_checkpoint(path)
            trainer.lightning_module.load_state_dict(content["state_dict"])
            log.info("measuring the weights after step %d, of the lowest %s", content["global_step"], self.objective)

    @abstractmethod
    def evaluate(self, trainer: pl.Trainer) -> Evaluation:
        """Evaluate the trained model."""

    @abstractmethod
    def write(self, evaluation: Evaluation, summary: Mapping[str, float]) -> dict[str, Picture]:
        """Write the results into the run folder; return the figures to draw."""

    def checkpoints(self, folder: Path) -> list[pl.Callback]:
        every_steps = self.settings.trainer.checkpoint_every_steps
        return [BestCheckpoint(folder, self.objective), LastCheckpoint(folder, every_steps)]


def prepare(settings: TrainConfig) -> None:
    """Set the seed, quiet the libraries; raise SettingError where this machine lacks the accelerator."""
    quiet_libraries()
    pl.seed_everything(settings.seed, verbose=False)
    check_accelerator(settings.trainer.accelerator)


def make_trainer(task: Task, loggers: list, files: AtomicCheckpointIO) -> pl.Trainer:
    """Return Lightning's trainer of a task."""
    folder = task.folder / CHECKPOINTS
    # The order matters: throughput is logged before other callbacks use time, and the interrupt comes after all have seen the step.
    monitors = [SpeedMonitor(), *task.monitors(), TrainingProgress()]
    callbacks = [*monitors, *task.checkpoints(folder), InterruptGuard(folder)]
    settings, chosen = task.settings, task.settings.trainer
    trainer = pl.Trainer(
        accelerator=chosen.accelerator,
        devices=chosen.devices,
        strategy=chosen.strategy,
        num_nodes=chosen.num_nodes,
        precision=chosen_precision(chosen, task.words),  # type: ignore[arg-type]
        max_epochs=settings.epochs,
        check_val_every_n_epoch=-(-settings.epochs // VALIDATIONS),
        limit_train_batches=chosen.limit_train_batches,
        detect_anomaly=chosen.detect_anomaly,
        logger=loggers,
        callbacks=callbacks,
        plugins=[files],
        default_root_dir=task.folder,
        num_sanity_val_steps=0,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
    )
    warn_of_slow_precision(str(trainer.precision), trainer.strategy.root_device)
    return trainer


def conclude(
    task: RunTask, evaluation: Evaluation, trainer: pl.Trainer, table: MetricsTable, loggers: Sequence[Logger] = ()
) -> dict[str, Picture]:
    """Log an evaluation at the last step, and write the results; return the figures to draw."""
    step, epoch = max(trainer.global_step - 1, 0), max(trainer.current_epoch - 1, 0)
    for logger in (table, *loggers):
        logger.log_metrics({**evaluation.metrics, "epoch": epoch}, step=step)
        logger.save()
    return task.write(evaluation, table.summary)


def largest_product(batch: int, model: nn.Module) -> float:
    """Return the multiplications of a step's largest product: a batch by the largest weight matrix."""
    return float(batch * max(weight.numel() for weight in model.parameters()))


def training_steps(settings: TrainConfig, data: BagsDataModule | PairsDataModule) -> int:
    """Return the number of optimizer steps of the whole training."""
    return settings.epochs * min(len(data.train_dataloader()), settings.trainer.limit_train_batches or sys.maxsize)


def warn_of_slow_precision(precision: str, device: torch.device) -> None:
    """Log a warning where a precision is asked for that the processor has no instructions for."""
    if device.type == "cpu" and precision.startswith("bf16") and not fast_bfloat16():
        log.warning(
            "trainer.precision=%s: this processor has no bfloat16 instructions (amx_bf16, avx512_bf16), so training is slower than in "
            "float32; trainer.precision=auto or 32-true", precision,
        )  # fmt: skip


def chosen_precision(chosen: TrainerSettings, words: int | None) -> str:
    """Return Lightning's name of the precision; auto is double precision for small vocabularies on a CPU."""
    if chosen.precision != "auto":
        return chosen.precision
    on_cpu = chosen.accelerator == "cpu" or (
        chosen.accelerator == "auto" and not torch.cuda.is_available() and not torch.backends.mps.is_available()
    )
    return "64-true" if on_cpu and words is not None and words <= DOUBLE_PRECISION_WORDS else "32-true"
