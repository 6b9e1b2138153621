"""What is to be done of a sweep: its jobs beside what earlier starts left in its folder."""

import json
import os
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from bows.config.identity import config_key
from bows.config.resolve import plain
from bows.files import read_json, write_json
from bows.runs.discover import LIST, listed
from bows.sweep.locks import claimed

# Held by the process that launches a sweep.
LOCK = ".lock"


@dataclass
class Job:
    """One job of a sweep."""

    number: int
    """Its place in the sweep as it is now launched."""
    overrides: list[str]
    config: dict[str, Any]
    """Composed, plain and resolved."""
    key: str
    """Of its configuration (`bows.config.identity.config_key`)."""
    folder: str = ""
    """The name of its folder in that of the sweep."""
    state: str = "new"
    """new; completed; begun (it said so in its folder, and did not complete); running (another process is doing it); or double, of a job
    that stands in the sweep before."""


def plan(sweep: Path, jobs: Sequence[Job]) -> None:
    """Give each job its folder and state, by what earlier starts left: by its configuration, not by its number.

    A job whose configuration has a folder keeps that folder. A new one takes its own number where that is free, else the next free one.

    Raises:
        DataError: where the sweep's list of jobs cannot be read.
    """
    left = found(sweep)
    running = claimed(sweep)
    taken = {path.name for path in sweep.iterdir() if path.is_dir()} | set(left.values())
    first: dict[str, Job] = {}
    for job in jobs:
        if job.key in first:
            job.folder, job.state = first[job.key].folder, "double"
            continue
        first[job.key] = job
        if job.key in left:
            job.folder = left[job.key]
            job.state = "running" if job.folder in running else state_of(sweep / job.folder)
    free = 0
    for job in first.values():
        if job.folder:
            continue
        job.folder = str(job.number)
        if job.folder in taken:
            while str(free) in taken or free < len(jobs):
                free += 1
            job.folder = str(free)
        taken.add(job.folder)


def found(sweep: Path) -> dict[str, str]:
    """Configuration key -> folder, of all jobs ever asked of a sweep and of all run folders in it."""
    folders: dict[str, str] = {}
    for job in listed(sweep):
        folders.setdefault(job["config"], job["folder"])
    for status in sorted(sweep.glob("*/status.json")):
        if key := _key(status):
            folders.setdefault(key, status.parent.name)
    return folders


def write_list(sweep: Path, jobs: Sequence[Job], asked: dict[str, Any]) -> None:
    """jobs.json: how the sweep was asked for last (`bows.sweep.plan.what_to_note`), and every job that was ever asked of it."""
    known = {job["config"]: job for job in listed(sweep)}
    for job in jobs:
        known[job.key] = {"folder": job.folder, "overrides": job.overrides, "config": job.key}
    launcher = f"process {os.getpid()} on {socket.gethostname()}"
    write_json(sweep / LIST, {**asked, "launcher": launcher, "jobs": list(known.values())})


def state_of(folder: Path) -> str:
    """completed, begun or new, of a job's folder."""
    try:
        state = json.loads((folder / "status.json").read_text(encoding="utf-8"))["state"]
    except (OSError, ValueError, KeyError, TypeError):
        return "new"  # its process was killed before it said that it began: there is nothing to go on with
    return "completed" if state == "completed" else "begun"


def held_out_loss(folder: Path) -> float:
    """Of a completed run, by its summary.json; NaN where it was not measured."""
    return read_json(folder / "summary.json").get("reconstruction/loss", float("nan"))


def _key(status: Path) -> str | None:
    """Of a run's configuration; of versions that did not note it, from the configuration itself."""
    try:
        noted = json.loads(status.read_text(encoding="utf-8"))
        if noted.get("config"):
            return noted["config"]
        stored: Any = OmegaConf.to_container(OmegaConf.load(status.parent / ".hydra" / "config.yaml"), resolve=True)
        return config_key(stored)
    except (OSError, ValueError, AttributeError, yaml.YAMLError, OmegaConfBaseException):
        return None  # half written: its process was killed, and its job is done again


def what_to_note(hydra: Any) -> dict[str, Any]:
    """The part of jobs.json by which a sweep is found and taken up again; of Hydra's composed node."""
    launching = [
        str(word)
        for word in hydra.overrides.hydra
        if str(word).lstrip("+~").startswith(("hydra/launcher", "hydra.launcher", "hydra/sweeper", "hydra.sweeper"))
    ]
    return {
        "command": [str(word) for word in hydra.overrides.task],
        "launching": launching,
        "sweeper": _sweeper(hydra),
    }


def _sweeper(hydra: Any) -> dict[str, Any]:
    return plain(hydra.sweeper)
