"""How fast and how large: windows a second, seconds, peak memory."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

import pytorch_lightning as pl
import torch

WARM_UP_STEPS = 5
MEGABYTE = 1e6


class TrainingClock:
    """Counts windows and the seconds spent on them; it stands still while paused.

    Args:
        now: The time in seconds; a test passes its own.
    """

    def __init__(self, now: Callable[[], float] | None = None) -> None:
        self._now = now or perf_counter
        self._since: float | None = None
        self._seconds = 0.0
        self.windows = 0
        self.steps = 0
        self._warm = (0, 0.0)  # windows and seconds of the first steps

    @property
    def seconds(self) -> float:
        """Seconds spent training so far."""
        return self._seconds + (0.0 if self._since is None else self._now() - self._since)

    def start(self) -> None:
        """Run, or go on after `pause`."""
        if self._since is None:
            self._since = self._now()

    def pause(self) -> None:
        """Stand still: what follows is no training."""
        self._seconds = self.seconds
        self._since = None

    def count(self, windows: int) -> None:
        """One more step is done, over that many windows."""
        self.windows += windows
        self.steps += 1
        if self.steps == WARM_UP_STEPS:
            self._warm = (self.windows, self.seconds)

    def windows_per_second(self) -> float | None:
        """The rate; the first steps are left out once as many again and more have followed. None before any step."""
        warm_windows, warm_seconds = self._warm if self.steps > 2 * WARM_UP_STEPS else (0, 0.0)
        seconds = self.seconds - warm_seconds
        return (self.windows - warm_windows) / seconds if seconds > 0 and self.windows else None


class SpeedMonitor(pl.Callback):
    """Logs ``speed/windows_per_second`` (training alone) each epoch; ``speed/seconds`` and peak memory at the end.

    ``speed/seconds`` is this process's whole fit, validation and analysis with it. ``speed/peak_memory_mb`` is the
    largest resident memory of the process so far, ``speed/peak_gpu_memory_mb`` the largest PyTorch held on the GPU
    during the fit; both in megabytes of 1,000,000 bytes.

    Put it first among the callbacks: what others do at an epoch's end is then not counted as training. A callback
    that works for long in the middle of an epoch brackets that by ``clock.pause()`` and ``clock.start()``.
    """

    def __init__(self) -> None:
        self.clock = TrainingClock()
        self._begun = 0.0

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.clock = TrainingClock()
        self._begun = perf_counter()
        if pl_module.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(pl_module.device)

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.clock.start()

    def on_train_batch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, *args: Any) -> None:
        # A run resumed in the middle of an epoch has no start of an epoch.
        self.clock.start()

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, *args: Any
    ) -> None:
        self.clock.count(len(batch) * trainer.world_size)

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._pause(pl_module)

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if trainer.sanity_checking or trainer.fit_loop.epoch_loop.batch_progress.is_last_batch:
            return
        self.clock.start()

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._pause(pl_module)
        self._log(trainer, self._rate())

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._pause(pl_module)
        metrics = self._rate() | {"speed/seconds": perf_counter() - self._begun}
        metrics["speed/peak_memory_mb"] = peak_memory_bytes() / MEGABYTE
        if pl_module.device.type == "cuda":
            metrics["speed/peak_gpu_memory_mb"] = torch.cuda.max_memory_allocated(pl_module.device) / MEGABYTE
        self._log(trainer, metrics)

    def _pause(self, pl_module: pl.LightningModule) -> None:
        if pl_module.device.type == "cuda":
            # Steps that were only queued are training too, and shall not be charged to what comes next.
            torch.cuda.synchronize(pl_module.device)
        self.clock.pause()

    def _rate(self) -> dict[str, float]:
        rate = self.clock.windows_per_second()
        return {} if rate is None else {"speed/windows_per_second": rate}

    def _log(self, trainer: pl.Trainer, metrics: dict[str, float]) -> None:
        # Lightning logs an epoch's end at the index of its last step: the same row.
        step = max(trainer.global_step - 1, 0)
        if metrics:
            for logger in trainer.loggers:
                logger.log_metrics({**metrics, "epoch": last_epoch(trainer)}, step=step)
                logger.save()


def last_epoch(trainer: pl.Trainer) -> int:
    """The epoch that the last step belongs to; at the end of training ``current_epoch`` is already one more."""
    return max(trainer.fit_loop.epoch_progress.current.ready - 1, 0)


def peak_memory_bytes() -> int:
    """The largest resident memory of this process so far, in bytes."""
    status = Path("/proc/self/status")
    if status.exists():
        # Better than getrusage, whose peak a process inherits from the one that started it.
        line = next((line for line in status.read_text().splitlines() if line.startswith("VmHWM:")), None)
        if line is not None:
            return int(line.split()[1]) * 1024
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
