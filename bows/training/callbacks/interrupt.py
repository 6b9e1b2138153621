"""Stop training on Ctrl-C or a scheduler's signal, with a checkpoint."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path
from typing import Any

import pytorch_lightning as pl

from bows.errors import Interrupted
from bows.training.checkpoint_files import LAST
from bows.training.lightning_internals import between_steps

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class InterruptGuard(pl.Callback):
    """On Ctrl-C or SIGTERM: finish the step, save ``last.ckpt``, and leave ``trainer.fit`` by raising `Interrupted`.

    The signal only sets a flag. After the optimizer's step the state is complete, and a run resumed from it ends with the weights of an
    uninterrupted one. If the signal comes in the last step of an epoch or in the validation after it, the epoch is completed first and
    saved by LastCheckpoint, which must be among the callbacks. A second signal stops at once and saves nothing. The former signal
    handlers are restored afterwards.

    It must be the last of the callbacks, so that the others have seen the step.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / LAST
        self._former: dict[int, Any] = {}
        self.signum: int | None = None

    @property
    def interrupted(self) -> bool:
        """Whether training was asked to stop."""
        return self.signum is not None

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        self.signum = None
        # Stored before Lightning installs its own handler of SIGTERM.
        if threading.current_thread() is threading.main_thread():
            self._former = {signum: signal.getsignal(signum) for signum in STOP_SIGNALS}

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        for signum in self._former:
            signal.signal(signum, self._ask)

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, *args: Any
    ) -> None:
        if self.interrupted and between_steps(trainer):
            trainer.save_checkpoint(self._path)
            self._leave(trainer)

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        # The previous epoch has logged its metrics, and LastCheckpoint has saved it.
        if self.interrupted:
            self._leave(trainer)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if self.interrupted:
            self._leave(trainer)

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        self._restore()
        if isinstance(exception, KeyboardInterrupt):
            # Lightning would end the process here by sys.exit(1).
            self.signum = self.signum or signal.SIGINT
            for logger in trainer.loggers:
                logger.finalize("failed")
            raise Interrupted(
                f"stopped at once at step {trainer.global_step}; nothing was saved for this stop", self.signum
            ) from exception

    def teardown(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        self._restore()

    def _ask(self, signum: int, frame: Any) -> None:
        if self.interrupted:
            raise KeyboardInterrupt
        self.signum = signum
        # Neither logging nor print, since the signal may have interrupted either.
        os.write(2, b"\nStopping after this step, with a checkpoint. Ctrl-C again stops at once.\n")

    def _leave(self, trainer: pl.Trainer) -> None:
        assert self.signum is not None
        where = f"stopped by {signal.Signals(self.signum).name} after step {trainer.global_step}"
        if not self._path.exists():
            raise Interrupted(f"{where}; nothing was saved yet", self.signum)
        run_folder = self._path.parent.parent
        raise Interrupted(f"{where}; saved, continue with resume={run_folder}", self.signum, self._path)

    def _restore(self) -> None:
        if threading.current_thread() is threading.main_thread():
            for signum, handler in self._former.items():
                signal.signal(signum, handler if handler is not None else signal.SIG_DFL)
        self._former = {}
