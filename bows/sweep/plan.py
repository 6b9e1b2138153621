"""The jobs of a sweep and their folders.

A job is identified by the key of its configuration (`bows.config.identity.config_key`). The first digits of the key are in the name of its
folder, such as `3-1f2a9c04`. Resuming a sweep, widening it, and running it from two processes follow from that: the key
finds a job's folder, status.json there states what is left to do, and its lock (`bows.runs.lock`) whether a process is doing it.
"""

import math
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from bows.config.identity import config_key
from bows.config.resolve import plain
from bows.errors import DataError
from bows.files import file_lock, write_json
from bows.runs.discover import LIST, listed
from bows.runs.folder import read_run
from bows.runs.lock import is_locked
from bows.runs.status import process_name, read_status

# Held by the process that launches a sweep: the same command, given meanwhile, starts another one.
LAUNCH_LOCK = ".lock"
# Held while a process makes the folders of its jobs, so that two processes agree on them.
PLAN_LOCK = ".jobs.lock"
# Digits of the key in a folder's name. Two keys with the same ones get folders of different numbers.
DIGITS = 8


@dataclass
class Job:
    """One job of a sweep."""

    number: int
    """Its place in the sweep as it is now launched."""
    overrides: list[str]
    composed: DictConfig
    folder: Path = Path()

    @cached_property
    def config(self) -> dict[str, Any]:
        """`composed`, plain and resolved."""
        return plain(self.composed)

    @cached_property
    def key(self) -> str:
        """The key of the configuration."""
        return config_key(self.config)

    @property
    def state(self) -> str:
        """completed, interrupted, new, or running (by another process)."""
        return "running" if is_locked(self.folder) else progress(self.folder)


def plan(sweep: Path, jobs: Sequence[Job], command: dict[str, Any]) -> list[Job]:
    """Give each job its folder, make it, and list the jobs in jobs.json with how the sweep was asked for (`what_to_note`).

    Returns one job per configuration: of jobs with equal configurations the first. Raises DataError where jobs.json is damaged.
    """
    unique: dict[str, Job] = {}
    for job in jobs:
        unique.setdefault(job.key, job)
    with file_lock(sweep / PLAN_LOCK):
        known = {job["config"]: job for job in listed(sweep)}
        folders: dict[str, list[Path]] = {}
        for folder in sorted(path for path in sweep.iterdir() if path.is_dir()):
            number, _, digits = folder.name.partition("-")
            if number.isdecimal():  # without digits: of a version that named folders by number alone
                folders.setdefault(digits or stored_key(folder)[:DIGITS], []).append(folder)
        for job in unique.values():
            digits = job.key[:DIGITS]
            found = (folder for folder in folders.get(digits, []) if stored_key(folder) in ("", job.key))
            job.folder = next(found, sweep / f"{job.number}-{digits}")
            job.folder.mkdir(exist_ok=True)
            known[job.key] = {"folder": job.folder.name, "overrides": job.overrides, "config": job.key}
        write_json(sweep / LIST, {**command, "launcher": process_name(), "jobs": list(known.values())})
    return list(unique.values())


def stored_key(folder: Path) -> str:
    """Return the configuration's key in a run's status.json; empty where there is none."""
    with suppress(DataError):
        return str(read_status(folder).get("config") or "")
    return ""


def progress(folder: Path) -> str:
    """Return what is done of a run: completed, interrupted (also failed), or new."""
    try:
        return "completed" if read_status(folder)["state"] == "completed" else "interrupted"
    except DataError:
        return "new"  # its process was killed before it wrote status.json: there is nothing to resume from


def held_out_loss(folder: Path) -> float:
    """Return the held-out loss in a completed run's summary.json; NaN where it was not measured or cannot be read."""
    return read_run(folder).summary.get("reconstruction/loss", math.nan)


def what_to_note(hydra: Any) -> dict[str, Any]:
    """Return the part of jobs.json by which a sweep is found and resumed, from Hydra's composed node."""
    prefixes = ("hydra/launcher", "hydra.launcher", "hydra/sweeper", "hydra.sweeper")
    launching = [str(word) for word in hydra.overrides.hydra if str(word).lstrip("+~").startswith(prefixes)]
    return {
        "command": [str(word) for word in hydra.overrides.task],
        "launching": launching,
        "sweeper": plain(hydra.sweeper),
    }
