"""Stop training on Ctrl-C or a scheduler's signal, with a checkpoint."""

from __future__ import annotations

import logging
import os
import signal
import threading
from pathlib import Path
from typing import Any

import pytorch_lightning as pl

from bows.errors import Interrupted

log = logging.getLogger(__name__)

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class InterruptGuard(pl.Callback):
    """Ctrl-C or SIGTERM: finish the step, save ``last.ckpt``, leave ``trainer.fit`` by `Interrupted`.

    The signal only sets a flag. After the optimizer's step the state is whole, and a run resumed from it ends with the
    weights of an unbroken one. At the last step of an epoch, or during the validation after it, the epoch is ended
    first, and `bows.training.callbacks.checkpoints.LastCheckpoint`, which belongs beside this, saves it. A second signal stops
    at once and saves nothing. The signals' former handlers are put back afterwards.

    Put it last among the callbacks, so that the others have seen the step.

    Args:
        folder: The checkpoints' folder.
    """

    def __init__(self, folder: str | Path) -> None:
        self._path = Path(folder) / "last.ckpt"
        self._former: dict[int, Any] = {}
        self.signum: int | None = None

    @property
    def interrupted(self) -> bool:
        """Whether training was asked to stop."""
        return self.signum is not None

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        self.signum = None
        # Kept before Lightning puts its own handler for SIGTERM in place.
        if threading.current_thread() is threading.main_thread():
            self._former = {signum: signal.getsignal(signum) for signum in STOP_SIGNALS}

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        for signum in self._former:
            signal.signal(signum, self._ask)

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, *args: Any
    ) -> None:
        # The epoch's last step waits for its validation and on_train_epoch_end: resumed from here they would be lost.
        # With accumulated gradients a step ends only where the optimizer has moved.
        ends_epoch = trainer.fit_loop.epoch_loop.batch_progress.is_last_batch
        if self.interrupted and not ends_epoch and not trainer.fit_loop._should_accumulate():
            trainer.save_checkpoint(self._path)
            self._leave(trainer)

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        # The epoch before has logged its metrics and LastCheckpoint has saved it.
        if self.interrupted:
            self._leave(trainer)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if self.interrupted:
            self._leave(trainer)

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        self._put_back()
        if isinstance(exception, KeyboardInterrupt):
            # Lightning would end the process here by sys.exit(1).
            self.signum = self.signum or signal.SIGINT
            for logger in trainer.loggers:
                logger.finalize("failed")
            raise Interrupted(
                f"stopped at once at step {trainer.global_step}; nothing was saved for this stop", self.signum
            ) from exception

    def teardown(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        self._put_back()

    def _ask(self, signum: int, frame: Any) -> None:
        if self.interrupted:
            raise KeyboardInterrupt
        self.signum = signum
        # Not through logging or print: the signal may have come in the middle of either.
        os.write(2, b"\nStopping: this step is finished and saved first. Ctrl-C again stops at once.\n")

    def _leave(self, trainer: pl.Trainer) -> None:
        assert self.signum is not None
        where = f"stopped by {signal.Signals(self.signum).name} after step {trainer.global_step}"
        if not self._path.exists():
            raise Interrupted(f"{where}; nothing was saved yet", self.signum)
        run_folder = self._path.parent.parent
        raise Interrupted(f"{where}; saved, continue with resume={run_folder}", self.signum, self._path)

    def _put_back(self) -> None:
        if threading.current_thread() is threading.main_thread():
            for signum, handler in self._former.items():
                signal.signal(signum, handler if handler is not None else signal.SIG_DFL)
        self._former = {}
