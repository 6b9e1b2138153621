"""Two ways training must stop: a loss that is not a number, and a person who asks."""

from __future__ import annotations

import logging
import os
import signal
import threading
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch

from bows.errors import BowsError, TrainingError

log = logging.getLogger(__name__)

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupted(BowsError):
    """A person (Ctrl-C) or a scheduler (SIGTERM) stopped training.

    Attributes:
        checkpoint: Where the run can be taken up again; None where nothing was saved for this stop.
        exit_code: What a shell expects: 130 after Ctrl-C, 143 after SIGTERM.
    """

    exit_code = 130

    def __init__(self, message: str, signum: int = signal.SIGINT, checkpoint: Path | None = None) -> None:
        super().__init__(message)
        self.checkpoint = checkpoint
        self.exit_code = 128 + signum


class LossGuard(pl.Callback):
    """Stops training on a loss that is not finite, naming the step and the likely cause.

    On a CPU each loss is looked at before its backward pass. On an accelerator that would make every step wait, so
    losses are kept there and looked at together. In both cases no checkpoint is written whose losses or weights are
    not finite.

    Args:
        every: Steps between looks on an accelerator.

    Raises:
        TrainingError: From within ``trainer.fit``.
    """

    def __init__(self, every: int = 50) -> None:
        self._every = every
        self._losses: list[torch.Tensor] = []
        self._first = 0  # the step of the oldest loss kept

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._losses = []

    def on_before_backward(self, trainer: pl.Trainer, pl_module: pl.LightningModule, loss: torch.Tensor) -> None:
        if not self._losses:
            self._first = trainer.global_step
        self._losses.append(loss.detach())
        if loss.device.type == "cpu" or len(self._losses) >= self._every:
            self._look(trainer)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._look(trainer)

    def on_save_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        self._look(trainer)
        for name, weight in pl_module.named_parameters():
            if not torch.isfinite(weight).all():
                where = f"the weights {name} are not finite after step {trainer.global_step}, no checkpoint was written"
                raise TrainingError(f"{where}; {likely_cause(trainer)}")

    def _look(self, trainer: pl.Trainer) -> None:
        if not self._losses:
            return
        losses, self._losses = torch.stack(self._losses).float().cpu(), []
        wrong = (~torch.isfinite(losses)).nonzero().flatten().tolist()
        if wrong:
            last = self._first + (len(losses) - 1) // trainer.accumulate_grad_batches
            step = self._first + wrong[0] // trainer.accumulate_grad_batches
            covered = f" (looked at steps {self._first} to {last} together)" if len(losses) > 1 else ""
            raise TrainingError(
                f"the loss is {losses[wrong[0]].item()} at step {step}{covered}; {likely_cause(trainer)}"
            )


def likely_cause(trainer: pl.Trainer) -> str:
    """Why the loss of this trainer went astray, most likely, and what to set instead."""
    optimizer = trainer.optimizers[0] if trainer.optimizers else None
    group = optimizer.param_groups[0] if optimizer else {}
    lr, decay = float(group.get("initial_lr", group.get("lr", 0.0))), float(group.get("weight_decay", 0.0))
    return cause(optimizer, lr, decay, str(trainer.precision))


def cause(optimizer: torch.optim.Optimizer | None, lr: float, decay: float, precision: str) -> str:
    """Why a loss went astray, most likely, under this optimizer with its peak rate and decay, and what to set instead."""
    # With decoupled decay, and with plain descent, decay shrinks weights by lr * wd; Adam rescales it with the gradient.
    shrinks = isinstance(optimizer, torch.optim.AdamW | torch.optim.SGD)
    if shrinks and lr * decay >= 1:
        return (
            f"weights shrink by lr * wd = {lr:g} * {decay:g} = {lr * decay:g} a step, and from 1 on they flip their "
            f"sign: lower wd or lr until the product is far below 1"
        )
    said = f"most likely the learning rate is too high: try lr={lr / 10:g} (it is {lr:g})"
    if "16" in precision:
        said += f", or trainer.precision=32-true instead of {precision}"
    return said


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
