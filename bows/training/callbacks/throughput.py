"""Measure throughput, time and peak memory."""

from __future__ import annotations

import resource
import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

import pytorch_lightning as pl
import torch

from bows.training.lightning_internals import last_batch_of_epoch, last_epoch

WARM_UP_STEPS = 5
MEGABYTE = 1e6


class TrainingClock:
    """Counts windows and the seconds spent on them, without those between `pause` and `start`. `now` returns the time in seconds."""

    def __init__(self, now: Callable[[], float] | None = None) -> None:
        self._now = now or perf_counter
        self._since: float | None = None
        self._seconds = 0.0
        self.windows = 0
        self.steps = 0
        self._warm = (0, 0.0)  # windows and seconds of the first steps

    @property
    def seconds(self) -> float:
        """Seconds of training so far."""
        return self._seconds + (0.0 if self._since is None else self._now() - self._since)

    def start(self) -> None:
        """Start, or continue after `pause`."""
        if self._since is None:
            self._since = self._now()

    def pause(self) -> None:
        """Stop counting seconds until `start`."""
        self._seconds = self.seconds
        self._since = None

    def count(self, windows: int) -> None:
        """Count a step over this number of windows."""
        self.windows += windows
        self.steps += 1
        if self.steps == WARM_UP_STEPS:
            self._warm = (self.windows, self.seconds)

    def windows_per_second(self) -> float | None:
        """Return the rate, without the first steps once more than as many again have followed; None before any step."""
        warm_windows, warm_seconds = self._warm if self.steps > 2 * WARM_UP_STEPS else (0, 0.0)
        seconds = self.seconds - warm_seconds
        return (self.windows - warm_windows) / seconds if seconds > 0 and self.windows else None


class SpeedMonitor(pl.Callback):
    """Logs ``speed/windows_per_second`` (of training alone) at each epoch; ``speed/seconds`` and peak memory at the end.

    ``speed/seconds`` is the time of the whole fit in this process, with validation and analysis. ``speed/peak_memory_mb`` is the largest
    resident memory of the process so far, ``speed/peak_gpu_memory_mb`` the largest memory that PyTorch held on the GPU during the fit;
    both in megabytes of 1,000,000 bytes.

    It must be the first of the callbacks, so that the time of the others at the end of an epoch is not counted as training.
    """

    def __init__(self) -> None:
        self.clock = TrainingClock()
        self._begun = 0.0

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.clock = TrainingClock()
        self._begun = perf_counter()
        if pl_module.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(pl_module.device)

    def on_train_batch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, *args: Any) -> None:
        self.clock.start()

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        # Before the first batch is made; a run resumed within an epoch starts its clock with a batch.
        self.clock.start()

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, *args: Any
    ) -> None:
        self.clock.count(len(batch) * trainer.world_size)

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._pause(pl_module)

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if not (trainer.sanity_checking or last_batch_of_epoch(trainer)):
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
            # Queued steps are training too, and must not be counted with what follows.
            torch.cuda.synchronize(pl_module.device)
        self.clock.pause()

    def _rate(self) -> dict[str, float]:
        rate = self.clock.windows_per_second()
        return {} if rate is None else {"speed/windows_per_second": rate}

    def _log(self, trainer: pl.Trainer, metrics: dict[str, float]) -> None:
        # At the index of the last step, as Lightning logs the end of an epoch: in the same row.
        step = max(trainer.global_step - 1, 0)
        if metrics:
            for logger in trainer.loggers:
                logger.log_metrics({**metrics, "epoch": last_epoch(trainer)}, step=step)
                logger.save()


def peak_memory_bytes() -> int:
    """Return the largest resident memory of this process so far, in bytes."""
    status = Path("/proc/self/status")
    if status.exists():
        # Not getrusage, whose peak a process inherits from its parent.
        line = next((line for line in status.read_text().splitlines() if line.startswith("VmHWM:")), None)
        if line is not None:
            return int(line.split()[1]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
