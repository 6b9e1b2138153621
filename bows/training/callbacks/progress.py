"""Progress of training: a bar on a terminal, a handful of lines elsewhere."""

from __future__ import annotations

import logging
import math
import time
from typing import Any

import pytorch_lightning as pl
import torch
from rich.progress import BarColumn, Progress, TextColumn

from bows.console import console, on_terminal
from bows.training.callbacks.throughput import TrainingClock

log = logging.getLogger(__name__)

# Reading a loss waits for the accelerator; four times a second is more than an eye follows.
REFRESH_SECONDS = 0.25
# A line each tenth of training, but no two within ten seconds, and a sign of life each ten minutes.
LINES, LINE_SECONDS, SILENCE_SECONDS = 10, 10.0, 600.0


def progress_callback(plain: bool | None = None) -> pl.Callback:
    """The callback that shows how training goes, in place of Lightning's bars.

    Args:
        plain: True for lines through logging, False for a bar; None for a bar where standard error is a terminal.

    Returns:
        The callback. Pass ``enable_progress_bar=False`` to the Trainer beside it.
    """
    return PlainProgress() if (plain if plain is not None else not on_terminal()) else BarProgress()


class _Course:
    """How far training is, how fast it goes, how long it takes on; counted in batches."""

    def __init__(self, trainer: pl.Trainer) -> None:
        self._trainer = trainer
        self._begun = time.monotonic()
        self._done_before: int | None = None
        self.total = _total_batches(trainer)
        self.clock = TrainingClock()

    @property
    def done(self) -> int:
        """Batches done, those before a resumed run included."""
        return self._trainer.fit_loop.total_batch_idx + 1

    @property
    def share(self) -> float:
        """Share of training done, 0 to 1; 0 where the end is not known."""
        return min(self.done / self.total, 1.0) if math.isfinite(self.total) and self.total else 0.0

    def count(self, windows: int) -> None:
        if self._done_before is None:
            self._done_before = self.done - 1
        self.clock.count(windows)

    def seconds_left(self) -> float | None:
        """Seconds to the end at the pace so far, validation with it; None where it cannot be told."""
        here = self.done - (self._done_before or 0)
        if not math.isfinite(self.total) or self._done_before is None or here <= 0:
            return None
        return (time.monotonic() - self._begun) / here * max(self.total - self.done, 0)

    def rate_text(self) -> str:
        rate = self.clock.windows_per_second()
        return "" if rate is None else f"{rate:,.0f} windows/s"

    def left_text(self) -> str:
        left = self.seconds_left()
        return "" if left is None else f"{duration(left)} left"

    def epoch_text(self) -> str:
        epochs = self._trainer.max_epochs
        return f"epoch {self._trainer.current_epoch + 1}" + (f"/{epochs}" if epochs not in (None, -1) else "")


class _Progress(pl.Callback):
    """What both ways of showing share: the course, and a clock that stands still during validation."""

    def __init__(self) -> None:
        self.course: _Course | None = None

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if trainer.is_global_zero:
            self.course = _Course(trainer)
            self.begin(self.course)

    def on_train_batch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, *args: Any) -> None:
        if self.course is not None:
            self.course.clock.start()

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, *args: Any
    ) -> None:
        if self.course is not None:
            self.course.count(len(batch) * trainer.world_size)
            self.step(self.course, outputs)

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if self.course is not None:
            self.course.clock.pause()

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if self.course is not None:
            self.course.clock.pause()

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if self.course is not None:
            self.end(self.course)
            self.course = None

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        if self.course is not None:
            self.stop()
            self.course = None

    def begin(self, course: _Course) -> None:
        """Training begins."""
        raise NotImplementedError

    def step(self, course: _Course, outputs: Any) -> None:
        """A batch is done."""
        raise NotImplementedError

    def end(self, course: _Course) -> None:
        """Training ended as it should."""
        raise NotImplementedError

    def stop(self) -> None:
        """Training broke off: leave the terminal as it was."""
        raise NotImplementedError


class BarProgress(_Progress):
    """A bar with the epoch, the loss, windows a second and the time left."""

    def __init__(self) -> None:
        super().__init__()
        self._progress: Progress | None = None
        self._shown = -math.inf

    def begin(self, course: _Course) -> None:
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),
            TextColumn("{task.percentage:>3.0f}%"),
            TextColumn("{task.fields[facts]}"),
            console=console(),
            refresh_per_second=4,
            transient=True,
        )
        total = course.total if math.isfinite(course.total) else None
        self._task = self._progress.add_task(course.epoch_text(), total=total, completed=course.done, facts="")
        self._progress.start()

    def step(self, course: _Course, outputs: Any) -> None:
        now = time.monotonic()
        if now - self._shown < REFRESH_SECONDS or self._progress is None:
            return
        self._shown = now
        facts = "  ".join(filter(None, (loss_text(outputs), course.rate_text(), course.left_text())))
        self._progress.update(self._task, description=course.epoch_text(), completed=course.done, facts=facts)

    def end(self, course: _Course) -> None:
        self.stop()

    def stop(self) -> None:
        if self._progress is not None:
            self._progress.stop()
            self._progress = None


class PlainProgress(_Progress):
    """A line at the start, one about each tenth of training, one at the end; through logging."""

    def __init__(self) -> None:
        super().__init__()
        self._line_part = 0  # the tenth of training that the last line told of
        self._line_time = 0.0
        self._loss: Any = None

    def begin(self, course: _Course) -> None:
        self._line_part, self._line_time = int(LINES * course.share), time.monotonic()
        batches = f"{course.total:,.0f} batches" if math.isfinite(course.total) else "batches without a known end"
        start = f", from batch {course.done:,}" if course.done > 0 else ""
        log.info("training: %s%s", batches, start)

    def step(self, course: _Course, outputs: Any) -> None:
        self._loss = outputs
        now, part = time.monotonic(), int(LINES * course.share)
        silence = now - self._line_time
        if (part > self._line_part and silence >= LINE_SECONDS) or silence >= SILENCE_SECONDS:
            self._line_part, self._line_time = part, now
            facts = filter(None, (course.epoch_text(), loss_text(outputs), course.rate_text(), course.left_text()))
            log.info("%3.0f %%  %s", 100 * course.share, "  ".join(facts))

    def end(self, course: _Course) -> None:
        facts = filter(None, (loss_text(self._loss), course.rate_text()))
        log.info("training done: %s", "  ".join(facts) or "nothing was left to do")
        self._loss = None

    def stop(self) -> None:
        self._loss = None


def loss_text(outputs: Any) -> str:
    """The loss in a training step's output, as text; waits for the accelerator."""
    # A stack of models gives the sum of their losses to be minimised, and their mean to be shown.
    loss = outputs.get("mean_loss", outputs.get("loss")) if isinstance(outputs, dict) else outputs
    return f"loss {float(loss.detach()):.4g}" if isinstance(loss, torch.Tensor) else ""


def duration(seconds: float) -> str:
    """Seconds in the units a person would say.

    >>> duration(7), duration(95), duration(7384)
    ('7 s', '1 min 35 s', '2 h 03 min')
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def _total_batches(trainer: pl.Trainer) -> float:
    """Batches of the whole training; infinite where neither epochs nor steps bound it."""
    by_epochs, by_steps = math.inf, math.inf
    if trainer.max_epochs is not None and trainer.max_epochs >= 0:
        by_epochs = trainer.max_epochs * trainer.num_training_batches
    if trainer.max_steps >= 0:
        by_steps = trainer.max_steps * trainer.accumulate_grad_batches
    return min(by_epochs, by_steps)
