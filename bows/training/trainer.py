"""Build Lightning's trainer from the settings of a run or a stack."""

import logging
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import pytorch_lightning as pl
import torch

from bows.config.schema import TrainConfig, TrainerSettings
from bows.data.datamodule import BagsDataModule
from bows.data.pairs import PairsDataModule
from bows.model.optimizers import OptimizerSettings
from bows.training.callbacks.checkpoints import AtomicCheckpointIO, find_checkpoint

log = logging.getLogger(__name__)


# Validations over a run, at most; more would cost small models more time than their training.
VALIDATIONS = 20


# Words of a vocabulary up to which models train in double precision on a CPU. It costs them nothing that is felt, and what rounding does to
# the directions a model does not use, which it amplifies step by step, then stays far below anything that is read off a model.
DOUBLE_PRECISION_WORDS = 64


def optimizer_settings(settings: TrainConfig) -> OptimizerSettings:
    chosen = asdict(settings.optimizer)
    del chosen["allow_negative_decay"]
    return OptimizerSettings(**chosen)


def training_steps(settings: TrainConfig, data: BagsDataModule | PairsDataModule) -> int:
    """Optimizer steps of the whole training."""
    return settings.epochs * min(len(data.train_dataloader()), settings.trainer.limit_train_batches or sys.maxsize)


def find_checkpoint_or_start(folder: Path) -> Path | None:
    if not (folder / "checkpoints" / "last.ckpt").exists():
        log.info("no checkpoint was written before this run stopped: it starts from its first step again")
        return None
    return find_checkpoint(folder)


def chosen_precision(chosen: TrainerSettings, words: int | None) -> str:
    """Lightning's name of the precision that trainer.precision=auto stands for."""
    if chosen.precision != "auto":
        return chosen.precision
    on_cpu = chosen.accelerator == "cpu" or (
        chosen.accelerator == "auto" and not torch.cuda.is_available() and not torch.backends.mps.is_available()
    )
    return "64-true" if on_cpu and words is not None and words <= DOUBLE_PRECISION_WORDS else "32-true"


def make_trainer(
    settings: TrainConfig, folder: Path, loggers: list, callbacks: Sequence[pl.Callback], words: int | None = None
) -> pl.Trainer:
    """Lightning's trainer of a run, or of a stack. words: of the vocabulary; None where the model is not of bags."""
    chosen = settings.trainer
    return pl.Trainer(
        accelerator=chosen.accelerator,
        devices=chosen.devices,
        strategy=chosen.strategy,
        num_nodes=chosen.num_nodes,
        precision=chosen_precision(chosen, words),  # type: ignore[arg-type]
        max_epochs=settings.epochs,
        check_val_every_n_epoch=-(-settings.epochs // VALIDATIONS),
        limit_train_batches=chosen.limit_train_batches,
        detect_anomaly=chosen.detect_anomaly,
        logger=loggers,
        callbacks=list(callbacks),
        plugins=[AtomicCheckpointIO()],
        default_root_dir=folder,
        num_sanity_val_steps=0,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
    )
