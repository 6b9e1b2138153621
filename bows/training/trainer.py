"""Build Lightning's trainer from the settings of a run or a stack."""

import logging
import sys
from collections.abc import Sequence
from pathlib import Path

import pytorch_lightning as pl
import torch
from pytorch_lightning.plugins import CheckpointIO

from bows.config.schema import TrainConfig, TrainerSettings
from bows.data.datamodule import BagsDataModule
from bows.data.pairs import PairsDataModule
from bows.model.sparse_loss import fast_bfloat16

log = logging.getLogger(__name__)

# The most validations of a run; more would take small models longer than their training.
VALIDATIONS = 20
# The largest vocabulary whose models train in double precision on a CPU. The time it takes is negligible there, and the rounding of the
# directions that a model does not use, which training amplifies step by step, stays far below every metric.
DOUBLE_PRECISION_WORDS = 64


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


def make_trainer(
    settings: TrainConfig,
    folder: Path,
    loggers: list,
    callbacks: Sequence[pl.Callback],
    files: CheckpointIO,
    words: int | None = None,
) -> pl.Trainer:
    """Return Lightning's trainer of a run or a stack.

    Args:
        settings: The settings.
        folder: The run folder.
        loggers: Lightning's loggers.
        callbacks: Lightning's callbacks.
        files: The plugin that reads and writes checkpoints.
        words: Size of the vocabulary; None where the model does not read bags.
    """
    chosen = settings.trainer
    trainer = pl.Trainer(
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
        plugins=[files],
        default_root_dir=folder,
        num_sanity_val_steps=0,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
    )
    warn_of_slow_precision(str(trainer.precision), trainer.strategy.root_device)
    return trainer
