"""Checkpoints that a crash cannot tear: when they are written, how, and how they are found again."""

from __future__ import annotations

import errno
import math
import os
import pickle
import shutil
import time
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from lightning_fabric.plugins.io.checkpoint_io import CheckpointIO
from pytorch_lightning.callbacks import Checkpoint
from pytorch_lightning.trainer.states import TrainerFn

from bows.errors import DataError, SettingError, TrainingError
from bows.training.callbacks.interrupt import InterruptGuard

FOLDER, LAST, PREVIOUS, BEST = "checkpoints", "last.ckpt", "previous.ckpt", "best.ckpt"
MONITOR = "reconstruction/loss"
# The share of a training that writing checkpoints at epochs' ends may take.
WRITING = 0.05


def checkpoint_callbacks(
    folder: str | Path, every_steps: int | None = None, pause: float = 2.0, monitor: str = MONITOR
) -> list[pl.Callback]:
    """The callbacks that write ``last.ckpt`` and ``best.ckpt``.

    Args:
        folder: The checkpoints' folder, ``<run folder>/checkpoints``.
        every_steps: Write ``last.ckpt`` also each that many optimizer steps; None for the ends of epochs only.
        pause: Seconds within which no second ``last.ckpt`` is written at an epoch's end.
        monitor: The metric of validation whose lowest value is best.

    Returns:
        The callbacks; use them beside the plug-in `AtomicCheckpointIO`.

    Raises:
        SettingError: ``every_steps`` is below 1.
    """
    if every_steps is not None and every_steps < 1:
        raise SettingError(f"every_steps={every_steps}: give 1 or more, or null for the ends of epochs only")
    return [BestCheckpoint(folder, monitor), LastCheckpoint(folder, every_steps, pause)]


def find_checkpoint(run_folder: str | Path) -> Path:
    """The checkpoint to take a run up again from, checked to be whole.

    Args:
        run_folder: The run folder.

    Returns:
        The path of its ``last.ckpt``.

    Raises:
        SettingError: There is no such folder.
        TrainingError: There is no checkpoint in it, or a damaged one; names the one before it where that is whole.
    """
    run_folder = Path(run_folder)
    if not run_folder.is_dir():
        raise SettingError(f"resume={run_folder}: there is no such run folder")
    path = run_folder / FOLDER / LAST
    if not path.exists():
        raise TrainingError(f"resume={run_folder}: there is no {FOLDER}/{LAST} in it{_offer(path)}")
    check(path)
    return path


def check(path: str | Path) -> None:
    """Read a checkpoint through and compare its checksums.

    Raises:
        TrainingError: It is damaged; names the one before it where that is whole.
    """
    path = Path(path)
    if damage := _damage(path):
        raise TrainingError(f"the checkpoint {path} is damaged ({damage}){_offer(path)}")


class AtomicCheckpointIO(CheckpointIO):
    """Writes checkpoints under a temporary name and renames them; reads none that is damaged.

    When ``last.ckpt`` is replaced, the one before it stays as ``previous.ckpt``. At no moment is ``last.ckpt`` missing
    or in pieces.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None) -> None:
        """Write a checkpoint.

        Raises:
            DataError: The disk is full or the folder cannot be written. No temporary file is left.
        """
        path = Path(path)
        temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            _remove_left_over(path)
            try:
                with temporary.open("wb") as file:
                    _write(checkpoint, file)
                    file.flush()
                    os.fsync(file.fileno())
                if path.name == LAST and path.exists():
                    _keep(path, path.with_name(PREVIOUS))
                os.replace(temporary, path)
                _sync_folder(path.parent)
            finally:
                temporary.unlink(missing_ok=True)
        except OSError as error:
            reason = error.strerror or str(error)
            raise DataError(
                f"cannot write the checkpoint {path}: {reason}; free space or choose another run folder"
            ) from error

    def load_checkpoint(
        self, path: str | Path, map_location: Callable | None = None, weights_only: bool | None = None
    ) -> dict[str, Any]:
        """Read a checkpoint.

        Args:
            path: The file.
            map_location: Where its tensors go; None leaves them on the CPU.
            weights_only: False also reads files that can run code. None is True: ours hold tensors and plain values.

        Raises:
            TrainingError: The file is missing, damaged, or holds other objects than tensors and plain values.
        """
        path = Path(path)
        if not path.exists():
            raise TrainingError(f"there is no checkpoint {path}{_offer(path)}")
        check(path)
        try:
            return torch.load(
                path,
                map_location="cpu" if map_location is None else map_location,
                weights_only=weights_only is not False,
            )
        except pickle.UnpicklingError as error:
            raise TrainingError(
                f"the checkpoint {path} holds objects other than tensors and plain values; was it written by bows?"
            ) from error

    def remove_checkpoint(self, path: str | Path) -> None:
        """Remove a checkpoint, if it is there."""
        Path(path).unlink(missing_ok=True)


class LastCheckpoint(Checkpoint):
    """Writes ``last.ckpt`` at the ends of epochs and, if asked, each so many optimizer steps.

    Epochs of a small model last milliseconds, a checkpoint that is safe on the disk takes longer: an epoch's end is
    passed over where the last checkpoint is younger than ``pause`` seconds, or than twenty times what it took to write.
    The first, the last, and one at which training was asked to stop are always saved.

    Args:
        folder: The checkpoints' folder.
        every_steps: Optimizer steps between two; None for the ends of epochs only.
        pause: Seconds; 0 saves at the end of every epoch.
    """

    def __init__(self, folder: str | Path, every_steps: int | None = None, pause: float = 2.0) -> None:
        self.path = Path(folder) / LAST
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
        if self._every_steps is None or step % self._every_steps or step == self._saved_step:
            return
        # With accumulated gradients a batch may leave the step where it was; in the middle of one nothing is whole.
        # At an epoch's last step, on_train_epoch_end saves, after the validation that a resumed run would miss.
        loop = trainer.fit_loop
        if loop.epoch_loop.batch_progress.is_last_batch or loop._should_accumulate():
            return
        self._save(trainer)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        young = time.monotonic() < self._young_until
        is_last = trainer.current_epoch + 1 == trainer.max_epochs or trainer.should_stop
        stopping = any(isinstance(guard, InterruptGuard) and guard.interrupted for guard in trainer.callbacks)  # type: ignore[attr-defined]
        # Processes of one run must save together, and their clocks differ.
        if not young or is_last or stopping or trainer.world_size > 1:
            self._save(trainer)

    def _save(self, trainer: pl.Trainer) -> None:
        if not trainer.fast_dev_run:
            began = time.monotonic()
            trainer.save_checkpoint(self.path)
            ended = time.monotonic()
            rest = max(self._pause, (ended - began) / WRITING) if self._pause else 0.0
            self._saved_step, self._young_until = trainer.global_step, ended + rest


class BestCheckpoint(Checkpoint):
    """Writes ``best.ckpt`` after each validation with a lower ``monitor`` than any before.

    The lowest value is part of the checkpoints, so that a resumed run does not take a worse state for the best.

    Args:
        folder: The checkpoints' folder.
        monitor: The name of a metric, ``reconstruction/loss`` where nothing else is said.

    Raises:
        TrainingError: Validation did not log it.
    """

    def __init__(self, folder: str | Path, monitor: str = MONITOR) -> None:
        self.path = Path(folder) / BEST
        self.monitor = monitor
        self.best: float | None = None

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if trainer.sanity_checking or trainer.fast_dev_run or trainer.state.fn != TrainerFn.FITTING:
            return
        if self.monitor not in trainer.callback_metrics:
            raise TrainingError(f"validation logged no {self.monitor}, which chooses {BEST}; log it in validation_step")
        value = float(trainer.callback_metrics[self.monitor])
        # A value that is not a number is lower than none.
        if value < (float("inf") if self.best is None else self.best):
            self.best = value
            trainer.save_checkpoint(self.path)

    def state_dict(self) -> dict[str, Any]:
        return {"best": self.best}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.best = state_dict["best"]


def _write(checkpoint: dict[str, Any], file: Any) -> None:
    """torch.save, whose archive writer hides the disk's own error behind one of its own."""
    try:
        torch.save(checkpoint, file)
    except RuntimeError as error:
        if isinstance(error.__context__, OSError):
            raise error.__context__ from error
        if "inline_container" in str(error) or "PytorchStreamWriter" in str(error):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)) from error
        raise


def _damage(path: Path) -> str | None:
    """What is wrong with a checkpoint file, or None."""
    try:
        with zipfile.ZipFile(path) as archive:
            record = archive.testzip()
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError) as error:
        return str(error) or type(error).__name__
    return None if record is None else f"checksum of {record}"


def _offer(path: Path) -> str:
    """The end of a message: the checkpoint before a bad one, if it can be used."""
    previous = path.with_name(PREVIOUS)
    if path.name == LAST and previous.exists() and _damage(previous) is None:
        return f"; the one before it is whole: copy {previous} over {path} and resume again"
    return "; no earlier one is whole, start the run anew"


def _keep(path: Path, previous: Path) -> None:
    """Give a file a second name, in the place of any file of that name, without a moment where either is missing."""
    temporary = previous.with_name(f".{previous.name}.{os.getpid()}.tmp")
    temporary.unlink(missing_ok=True)
    try:
        try:
            os.link(path, temporary)
        except OSError:
            # Not every file system can link; a copy is the same, only slower.
            shutil.copyfile(path, temporary)
        os.replace(temporary, previous)
    finally:
        temporary.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    """Make a rename last through a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove_left_over(path: Path) -> None:
    """Remove what processes that were killed while they wrote this checkpoint left of it."""
    for file in path.parent.glob(f".{path.name}.*.tmp"):
        writer = file.name.split(".")[-2]
        if writer.isdecimal() and int(writer) != os.getpid() and not _runs(int(writer)):
            file.unlink(missing_ok=True)


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:  # it is another user's
        return True
    return True
