"""Checkpoint files: written so that a crash never leaves a damaged one, and verified by their checksums before they are read."""

from __future__ import annotations

import errno
import io
import logging
import os
import pickle
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning.plugins import CheckpointIO

from bows.errors import DataError, TrainingError
from bows.files import remove_left_overs

log = logging.getLogger(__name__)

CHECKPOINTS, LAST, PREVIOUS, BEST = "checkpoints", "last.ckpt", "previous.ckpt", "best.ckpt"


def last_checkpoint(run_folder: Path) -> Path | None:
    """Return the path of the ``last.ckpt`` of a run to resume; None, with a line in the log, if nothing was saved.

    Raises TrainingError where it is missing although ``previous.ckpt`` is there.
    """
    path = run_folder / CHECKPOINTS / LAST
    if path.exists():
        return path
    if path.with_name(PREVIOUS).exists():
        raise TrainingError(f"resume={run_folder}: it has no {CHECKPOINTS}/{LAST}{_remedy(path)}")
    log.info("no checkpoint found: restarting from step 0")
    return None


class AtomicCheckpointIO(CheckpointIO):
    """Lightning's plugin that writes checkpoints under a temporary name and renames them, and refuses to read damaged ones.

    Replacing ``last.ckpt`` keeps the file before it as ``previous.ckpt``. At no moment is ``last.ckpt`` missing or incomplete.
    """

    def __init__(self) -> None:
        self._content: dict[Path, dict[str, Any]] = {}

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None) -> None:
        """Write a checkpoint; raise DataError where the disk is full or the folder cannot be written, without leaving a temporary file."""
        path = Path(path)
        temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            remove_left_overs(path.parent)
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

    def read(self, path: Path) -> dict[str, Any]:
        """Return the content of a checkpoint, and keep it for the `load_checkpoint` that follows: the file is read once."""
        self._content[path] = self.load_checkpoint(path)
        return self._content[path]

    def load_checkpoint(
        self, path: str | Path, map_location: Callable | None = None, weights_only: bool | None = None
    ) -> dict[str, Any]:
        """Return the content of a checkpoint.

        Args:
            path: The file.
            map_location: Where its tensors go; None for the CPU.
            weights_only: False also reads files that can run code. None is True: bows writes tensors and plain values only.

        Raises:
            TrainingError: The file is missing, damaged, or contains other objects than tensors and plain values.
        """
        path = Path(path)
        if path in self._content:
            return self._content.pop(path)
        if not path.exists():
            raise TrainingError(f"there is no checkpoint {path}{_remedy(path)}")
        try:
            content = io.BytesIO(path.read_bytes())
        except OSError as error:
            raise TrainingError(f"the checkpoint {path} cannot be read ({error.strerror})") from error
        if damage := _damage(content):
            raise TrainingError(f"the checkpoint {path} is damaged ({damage}){_remedy(path)}")
        content.seek(0)
        location = "cpu" if map_location is None else map_location
        try:
            return torch.load(content, map_location=location, weights_only=weights_only is not False)
        except pickle.UnpicklingError as error:
            raise TrainingError(
                f"the checkpoint {path} contains objects other than tensors and plain values; was it written by bows?"
            ) from error
        except Exception as error:  # headers of the archive have no checksum, and torch's errors no class in common
            raise TrainingError(f"the checkpoint {path} is damaged ({_line(error)}){_remedy(path)}") from error

    def remove_checkpoint(self, path: str | Path) -> None:
        """Remove a checkpoint if it exists."""
        Path(path).unlink(missing_ok=True)


def _write(checkpoint: dict[str, Any], file: Any) -> None:
    """Call torch.save, and raise the OSError that its archive writer replaces by an error of its own."""
    try:
        torch.save(checkpoint, file)
    except RuntimeError as error:
        if isinstance(error.__context__, OSError):
            raise error.__context__ from error
        if "inline_container" in str(error) or "PytorchStreamWriter" in str(error):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)) from error
        raise


def _damage(file: Path | io.BytesIO) -> str | None:
    """Return what is wrong with a checkpoint by the checksums of its archive, which torch.load ignores; None if nothing is."""
    try:
        with zipfile.ZipFile(file) as archive:
            record = archive.testzip()
    except Exception as error:  # zipfile's errors on damaged headers have no class in common
        return _line(error)
    return None if record is None else f"checksum of {record}"


def _line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def _remedy(path: Path) -> str:
    """Return the end of a message about an unusable checkpoint: the one before it, if that can be used."""
    previous = path.with_name(PREVIOUS)
    if path.name == LAST and previous.exists() and _damage(previous) is None:
        return f"; the one before it is undamaged: copy {previous} over {path} and resume again"
    return "; there is no earlier one to use: start the run anew"


def _keep(path: Path, previous: Path) -> None:
    """Give a file a second name, replacing any file of that name, without a moment in which either is missing."""
    temporary = previous.with_name(f".{previous.name}.{os.getpid()}.tmp")
    temporary.unlink(missing_ok=True)
    try:
        try:
            os.link(path, temporary)
        except OSError:  # not every file system has links
            shutil.copyfile(path, temporary)
        os.replace(temporary, previous)
    finally:
        temporary.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    """Make a rename survive a power failure."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
