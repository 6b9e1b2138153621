"""The lock of a run folder, held by the process that writes into it.

The operating system releases it when that process ends, however it ends: a killed run can be resumed at once, and a job that outlives the
process that launched it is not started twice.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from filelock import Timeout

from bows.errors import DataError, SettingError, cannot_write
from bows.files import file_lock
from bows.runs.status import read_status

LOCK = ".lock"
# Seconds to try for: `is_locked` holds a free lock for an instant.
PATIENCE = 0.2


class RunInUse(SettingError):
    """Another process writes into the run folder."""


@contextmanager
def lock_runs(folders: Sequence[Path]) -> Iterator[None]:
    """Hold the locks of run folders; raise RunInUse where another process holds one, DataError where a folder cannot be written."""
    with ExitStack() as held:
        for folder in folders:
            lock = file_lock(folder / LOCK, PATIENCE)
            try:
                folder.mkdir(parents=True, exist_ok=True)
                lock.acquire()
            except Timeout:
                raise RunInUse(
                    f"{folder}: {user_of(folder)} is training this run; wait until it ends, or stop it first"
                ) from None
            except OSError as error:
                raise DataError(f"{cannot_write(error) or error}; change its permissions, or copy the folder") from None
            held.callback(lock.release)
        yield


def is_locked(folder: Path) -> bool:
    """Return whether a process writes into a run folder; True as well where this one may not."""
    if not (folder / LOCK).is_file():
        return False
    try:
        with file_lock(folder / LOCK, 0):
            return False
    except (Timeout, OSError):
        return True


def user_of(folder: Path) -> str:
    """Return the process that status.json names, such as `process 123 on host`."""
    try:
        return str(read_status(folder).get("process") or "another process")
    except DataError:
        return "another process"
