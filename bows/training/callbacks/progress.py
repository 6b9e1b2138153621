"""Show the progress of training: a bar on a terminal, log lines elsewhere."""

from __future__ import annotations

import logging
import time
from datetime import timedelta
from typing import Any

import pytorch_lightning as pl
import torch
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

from bows.console import console, on_terminal
from bows.training.callbacks.throughput import SpeedMonitor

log = logging.getLogger(__name__)

# Reading a loss waits for the accelerator; the bar changes at most four times a second.
REFRESH_SECONDS = 0.25
# A log line per tenth of the training, but not within ten seconds of the last one, and one at least every ten minutes.
LINES, LINE_SECONDS, SILENCE_SECONDS = 10, 10.0, 600.0


class TrainingProgress(pl.Callback):
    """Shows epoch, loss, windows per second (of the SpeedMonitor among the callbacks) and the time left.

    Not Lightning's RichProgressBar: that has a console of its own, on which log lines would break the bar, and no log lines for output
    that is not a terminal.

    Args:
        plain: True for log lines, False for a bar; None for a bar if standard error is a terminal.
    """

    def __init__(self, plain: bool | None = None) -> None:
        self.plain = not on_terminal() if plain is None else plain
        self._bar: Progress | None = None
        self._total = self._first = 0  # steps of the training, and those before this process
        self._begun = self._shown = 0.0
        self._lines = 0  # tenths of the training that had a line

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if not trainer.is_global_zero:
            return
        self._total, self._first = int(trainer.estimated_stepping_batches), trainer.global_step
        self._begun = self._shown = time.monotonic()
        if self.plain:
            self._lines = LINES * self._first // self._total
            log.info("training: %s steps%s", f"{self._total:,}", f", from step {self._first:,}" if self._first else "")
            return
        columns = TextColumn("{task.description}"), BarColumn(bar_width=None), TaskProgressColumn()
        facts = TextColumn("{task.fields[facts]}")
        self._bar = Progress(*columns, facts, console=console(), refresh_per_second=4, transient=True)
        self._bar.add_task(_epoch(trainer), total=self._total, completed=self._first, facts="")
        self._bar.start()

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, *args: Any
    ) -> None:
        if not trainer.is_global_zero:
            return
        now, step = time.monotonic(), trainer.global_step
        if self._bar is not None:
            if now - self._shown >= REFRESH_SECONDS:
                self._shown = now
                facts = self._facts(trainer, outputs)
                self._bar.update(self._bar.task_ids[0], description=_epoch(trainer), completed=step, facts=facts)
            return
        tenths, silence = LINES * step // self._total, now - self._shown
        if (tenths > self._lines and silence >= LINE_SECONDS) or silence >= SILENCE_SECONDS:
            self._lines, self._shown = tenths, now
            percent = 100 * step / self._total
            log.info("%3.0f %%  %s  %s", percent, _epoch(trainer), self._facts(trainer, outputs))

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if trainer.is_global_zero and self.plain:
            took = timedelta(seconds=round(time.monotonic() - self._begun))
            log.info("training done in %s%s", took, f": {rate}" if (rate := _rate(trainer)) else "")
        self._stop()

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        self._stop()

    def _facts(self, trainer: pl.Trainer, outputs: Any) -> str:
        done = max(trainer.global_step - self._first, 1)
        left = (time.monotonic() - self._begun) / done * (self._total - trainer.global_step)
        facts = (f"loss {loss_of(outputs):.4g}", _rate(trainer), f"{timedelta(seconds=round(left))} left")
        return "  ".join(filter(None, facts))

    def _stop(self) -> None:
        """Leave the terminal as it was."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


def loss_of(outputs: Any) -> float:
    """Return the loss of a training step from its outputs; waits for the accelerator."""
    # A stack of models returns the sum of their losses, which is minimised, and their mean, which is shown.
    loss = outputs.get("mean_loss", outputs["loss"]) if isinstance(outputs, dict) else outputs
    return float(torch.as_tensor(loss).detach())


def _epoch(trainer: pl.Trainer) -> str:
    return f"epoch {trainer.current_epoch + 1}/{trainer.max_epochs}"


def _rate(trainer: pl.Trainer) -> str:
    callbacks: list = trainer.callbacks  # type: ignore[attr-defined]
    rates = [each.clock.windows_per_second() for each in callbacks if isinstance(each, SpeedMonitor)]
    return f"{rates[0]:,.0f} windows/s" if rates and rates[0] is not None else ""
