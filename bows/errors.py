"""Expected errors. Their message is one line that names the setting, its value, what is allowed and the remedy."""

import errno
import signal
from pathlib import Path


class BowsError(Exception):
    """An expected failure. Commands print its one line without a traceback."""

    exit_code = 1


class SettingError(BowsError):
    """A setting that is not allowed: a misspelt key, a value out of range."""

    exit_code = 2


class SweepError(SettingError):
    """A sweep that cannot be launched."""


class DataError(BowsError):
    """A file, text or corpus that cannot be read or built, or is damaged."""


class UnavailableError(DataError):
    """A corpus that could not be loaded on this machine, for example without a network."""


class TrainingError(BowsError):
    """Training that cannot continue: a loss that is not finite, a damaged checkpoint."""


def cannot_write(error: OSError, unnamed: str = "a file") -> str | None:
    """Describe why a file cannot be written (a full disk, permissions); return None for another kind of error.

    Args:
        error: the error; one of a write does not name the file.
        unnamed: names the file then.
    """
    if error.errno not in {
        errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST, errno.EFBIG,
        errno.ENAMETOOLONG,
    }:  # fmt: skip
        return None
    return f"{error.filename or unnamed} cannot be written ({error.strerror})"


class Interrupted(BowsError):
    """Training was stopped by Ctrl-C or, by a scheduler, with SIGTERM.

    Attributes:
        checkpoint: The checkpoint to resume from; None where none was saved.
        exit_code: 130 after Ctrl-C, 143 after SIGTERM.
    """

    exit_code = 130

    def __init__(self, message: str, signum: int = signal.SIGINT, checkpoint: Path | None = None) -> None:
        super().__init__(message)
        self.checkpoint = checkpoint
        self.exit_code = 128 + signum
