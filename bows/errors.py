"""Errors a user can act on: one line that names the setting, its value and the remedy."""

import errno


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
