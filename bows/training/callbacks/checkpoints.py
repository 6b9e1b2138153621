"""The callbacks that write ``last.ckpt`` and ``best.ckpt``."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Checkpoint
from pytorch_lightning.trainer.states import TrainerFn

from bows.errors import SettingError, TrainingError
from bows.training.callbacks.interrupt import InterruptGuard
from bows.training.checkpoint_files import BEST, LAST
from bows.training.lightning_internals import between_steps

MONITOR = "reconstruction/loss"
# The share of the training time that checkpoints at the ends of epochs may take.
WRITING = 0.05


class LastCheckpoint(Checkpoint):
    """Writes ``last.ckpt`` at the ends of epochs and, if asked, every so many optimizer steps.

    An epoch of a small model takes milliseconds, a checkpoint synced to the disk takes longer: the end of an epoch is skipped if the
    last checkpoint is younger than ``pause`` seconds, or than twenty times the time it took to write. The first epoch, the last, and one
    at which training was asked to stop are always saved.

    Args:
        folder: The checkpoints' folder, ``<run folder>/checkpoints``.
        every_steps: Optimizer steps between two; None for the ends of epochs only.
        pause: Seconds; 0 saves at the end of every epoch.

    Raises:
        SettingError: ``every_steps`` is below 1.
    """

    def __init__(self, folder: Path, every_steps: int | None = None, pause: float = 2.0) -> None:
        if every_steps is not None and every_steps < 1:
            raise SettingError(
                f"every_steps={every_steps} is not allowed; allowed: 1 or more, or null for the ends of epochs only"
            )
        self.path = folder / LAST
        self._every_steps = every_steps
        self._pause = pause
        self._saved_step: int | None = None
        self._young_until = -math.inf

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._saved_step, self._young_until = None, -math.inf

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, *args: Any
    ) -> None:
        step = trainer.global_step
        # With accumulated gradients a batch may leave the step unchanged. The last step of an epoch is saved by on_train_epoch_end.
        if self._every_steps and step % self._every_steps == 0 and step != self._saved_step and between_steps(trainer):
            self._save(trainer)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        young = time.monotonic() < self._young_until
        is_last = trainer.current_epoch + 1 == trainer.max_epochs or trainer.should_stop
        stopping = any(isinstance(guard, InterruptGuard) and guard.interrupted for guard in trainer.callbacks)  # type: ignore[attr-defined]
        # All processes of a run must save together, and their clocks differ.
        if not young or is_last or stopping or trainer.world_size > 1:
            self._save(trainer)

    def _save(self, trainer: pl.Trainer) -> None:
        began = time.monotonic()
        trainer.save_checkpoint(self.path)
        ended = time.monotonic()
        rest = max(self._pause, (ended - began) / WRITING) if self._pause else 0.0
        self._saved_step, self._young_until = trainer.global_step, ended + rest


class BestCheckpoint(Checkpoint):
    """Writes ``best.ckpt`` after each validation with a lower ``monitor`` than all before.

    The lowest value is part of the checkpoints, so that a resumed run does not replace the best state by a worse one.

    Raises:
        TrainingError: Validation did not log the monitor.
    """

    def __init__(self, folder: Path, monitor: str = MONITOR) -> None:
        self.path = folder / BEST
        self.monitor = monitor
        self.best: float | None = None

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if trainer.sanity_checking or trainer.state.fn != TrainerFn.FITTING:
            return
        if self.monitor not in trainer.callback_metrics:
            raise TrainingError(f"validation logged no {self.monitor}, which chooses {BEST}; log it in validation_step")
        value = float(trainer.callback_metrics[self.monitor])
        if value < (math.inf if self.best is None else self.best):  # false for NaN
            self.best = value
            trainer.save_checkpoint(self.path)

    def state_dict(self) -> dict[str, Any]:
        return {"best": self.best}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.best = state_dict["best"]
