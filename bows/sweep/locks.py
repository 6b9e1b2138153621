"""Which jobs of a sweep some process is doing at this moment, so that none is done by two.

A process that does jobs holds a file lock, <sweep>/.running/<first job>.lock, beside a note of what it does. The operating system frees the
lock when the process ends, however it ends; so a job may outlive the process that launched it, and a killed one is free at once.
"""

import os
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from bows.errors import DataError, SweepError
from bows.files import read_json, write_json

FOLDER = ".running"
# Held for a moment by whoever makes, ends or looks at claims.
GUARD = ".guard"
# Seconds between two looks at jobs that are waited for.
PAUSE = 1.0


class Claimed(SweepError):
    """Another process is doing the job."""


@contextmanager
def claim(sweep: Path, folders: Sequence[str]) -> Iterator[None]:
    """While this lasts, the jobs of these folders are this process's, and nobody else does them.

    Raises:
        Claimed: where another process is doing one of them.
    """
    place = sweep / FOLDER
    place.mkdir(exist_ok=True)
    lock, note = FileLock(place / f"{folders[0]}.lock"), place / f"{folders[0]}.json"
    with FileLock(place / GUARD):
        theirs = _claims(place)
        for folder in folders:
            if folder in theirs:
                raise Claimed(f"{sweep / folder}: {theirs[folder]} is doing this job")
        lock.acquire(timeout=0)
        write_json(note, {"jobs": list(folders), "process": f"process {os.getpid()} on {socket.gethostname()}"})
    try:
        yield
    finally:
        with FileLock(place / GUARD):
            note.unlink(missing_ok=True)
            lock.release()
            Path(lock.lock_file).unlink(missing_ok=True)


def claimed(sweep: Path) -> dict[str, str]:
    """Folder -> process, of the jobs that some process is doing now."""
    place = sweep / FOLDER
    if not place.is_dir():
        return {}
    with FileLock(place / GUARD):
        return _claims(place)


def wait_for_one(sweep: Path, folders: Sequence[str]) -> None:
    """Return when one of these jobs at least is done by no process any more."""
    while claimed(sweep).keys() >= set(folders):
        time.sleep(PAUSE)


def _claims(place: Path) -> dict[str, str]:
    held: dict[str, str] = {}
    for path in sorted(place.glob("*.lock")):
        try:
            with FileLock(path, timeout=0):
                continue  # of a process that is gone
        except Timeout:
            pass
        try:
            note = read_json(path.with_suffix(".json"))
            held |= dict.fromkeys(note["jobs"], note["process"])
        except (DataError, KeyError, TypeError):
            held[path.stem] = "another process"
    return held
