"""status.json of a run folder: its state, error, times, versions and configuration key."""

import json
import logging
import os
import platform
import socket
import subprocess
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import bows
from bows.errors import DataError
from bows.files import file_digest, read_json, remove_left_overs, write_json

log = logging.getLogger(__name__)

STATES = ("running", "completed", "failed")
# Files of a run whose checksums status.json has: results and settings, no logs and no pictures.
RESULTS = {".json", ".csv", ".parquet", ".safetensors", ".txt", ".yaml"}
PACKAGES = (
    "torch", "pytorch-lightning", "numpy", "scipy", "scikit-learn", "pyarrow", "datasets", "hydra-core", "wandb",
)  # fmt: skip


def read_status(folder: Path) -> dict[str, Any]:
    """Return the content of a run's status.json; DataError where it is missing or damaged, or its `state` is none of STATES."""
    status = read_json(folder / "status.json")
    if status.get("state") not in STATES:
        raise DataError(
            f"{folder / 'status.json'} is damaged: state is {status.get('state')!r}; allowed: {', '.join(STATES)}"
        )
    return status


def result_files(folder: Path) -> list[Path]:
    """Return the result files and the settings of a run, without status.json itself."""
    files = sorted([*folder.glob("*"), *folder.glob(".hydra/*")])
    return [file for file in files if file.suffix in RESULTS and file.name != "status.json" and file.is_file()]


def whole(folder: Path, name: str, status: dict[str, Any]) -> Path:
    """Return the path of a file of a run, after checking it against its checksum in the run's status.json.

    Runs that are not completed, and those of earlier versions, have no checksums. A missing file is left to its reader.

    Raises:
        DataError: the file has another checksum.
    """
    path, digests = folder / name, status.get("files")
    expected = digests.get(name) if isinstance(digests, dict) else None
    if expected is not None and path.is_file():
        try:
            found = file_digest(path)
        except OSError as error:
            raise DataError(f"{path} cannot be read ({error.strerror})") from None
        if found != expected:
            raise DataError(f"{path} is damaged: its checksum is not the one in status.json")
    return path


@dataclass
class RunStatus:
    """Writes status.json.

    It has state, error, warnings on the result, started, finished, seconds (the sum over resumed runs), versions, commit, the hash of the
    corpus and of the corpus folder it was made of (they differ for controls), the key of the configuration (`config_key`), the process,
    and, once the run is completed, the checksums of its files.
    """

    folder: Path
    started: str = field(default_factory=lambda: _now())
    seconds_before: float = 0.0
    corpus: str | None = None
    stored_corpus: str | None = None
    config: str | None = None
    warnings: list[str] = field(default_factory=list)
    """What is wrong with the result of a completed run."""
    clock: float = field(default_factory=time.perf_counter)
    state: str = "running"
    """As last written."""

    @classmethod
    def start(cls, folder: Path, resumed: bool) -> "RunStatus":
        status = cls(folder)
        remove_left_overs(folder)
        remove_left_overs(folder / ".hydra")
        if resumed and (folder / "status.json").is_file():
            try:
                before = read_status(folder)
            except DataError as error:
                raise DataError(f"{error}; copy the run again, or start a new run without resume") from None
            status.started = str(before.get("started") or status.started)
            status.seconds_before = float(before.get("seconds") or 0.0)
        status.write("running")
        return status

    def write_failed(self, error: str) -> None:
        """Mark the run as failed; on a full disk by overwriting the old file in place."""
        try:
            self.write("failed", error)
        except OSError as full:
            log.debug("status.json is overwritten in place: %s", full)
            try:
                with (self.folder / "status.json").open("r+", encoding="utf-8") as file:
                    file.write(json.dumps({"state": "failed", "error": error, "started": self.started}))
                    file.truncate()
            except OSError as still_full:
                log.error(
                    "status.json cannot be written (%s): it does not state that this run failed", still_full.strerror
                )

    def write(self, state: str, error: str | None = None) -> None:
        self.state = state
        files = result_files(self.folder) if state == "completed" else []
        write_json(
            self.folder / "status.json",
            {
                "state": state,
                "error": error,
                "warnings": self.warnings,
                "started": self.started,
                "finished": None if state == "running" else _now(),
                "seconds": round(self.seconds_before + time.perf_counter() - self.clock, 3),
                "versions": versions(),
                "commit": commit(),
                "corpus": self.corpus,
                "stored_corpus": self.stored_corpus,
                "config": self.config,
                "process": process_name(),
                "files": {file.relative_to(self.folder).as_posix(): file_digest(file) for file in files},
            },
        )


def process_name() -> str:
    """Return the id and host of this process, by which a user can stop it."""
    return f"process {os.getpid()} on {socket.gethostname()}"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


@cache
def versions() -> dict[str, str]:
    """Return the versions of the packages that results depend on."""
    versions_of = {name: version(name) for name in PACKAGES}
    return {"bows": bows.__version__, "python": platform.python_version(), **versions_of}


@cache
def commit() -> str | None:
    """Return the commit of the checkout that bows runs from, with + where it has uncommitted changes; None outside a checkout."""
    here = Path(__file__).resolve().parents[2]
    if not (here / ".git").exists():
        return None

    def git(*words: str) -> str | None:
        try:
            done = subprocess.run(
                ["git", "-C", str(here), *words], capture_output=True, text=True, timeout=10, check=True
            )
        except (OSError, subprocess.SubprocessError):
            return None
        return done.stdout.strip()

    head = git("rev-parse", "HEAD")
    return head and head + ("+" if git("status", "--porcelain", "--untracked-files=no") else "")
