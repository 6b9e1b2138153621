"""Errors a user can act on: one line that names the setting, its value and the remedy."""

import errno
import signal
from pathlib import Path


class BowsError(Exception):
    """An expected failure. Its message is one line for a person; commands print it without a traceback."""

    exit_code = 1


class SettingError(BowsError):
    """A setting that cannot be met: a misspelt key, a value out of its range."""

    exit_code = 2


class SweepError(SettingError):
    """A sweep that cannot be launched as a whole."""


class DataError(BowsError):
    """Text or a corpus that cannot be read, built or trusted."""


class UnavailableError(DataError):
    """A corpus that cannot be had here, as without a network."""


class TrainingError(BowsError):
    """Training that cannot go on: a loss that is not a number, a damaged checkpoint."""


def cannot_write(error: OSError) -> str | None:
    """What keeps a file from being written (a full disk, permissions), with the file; None for another kind of error."""
    if error.errno not in {
        errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST, errno.EFBIG
    }:  # fmt: skip
        return None
    return f"{error.filename or 'a file'} cannot be written ({error.strerror})"


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
