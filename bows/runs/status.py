"""The run folder: what a run leaves behind, written so that a reader never sees half a file."""

import copy
import hashlib
import json
import logging
import math
import os
import platform
import subprocess
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from bows.errors import DataError

log = logging.getLogger(__name__)

# Settings that say how and where a run is done, not what comes out.
NOT_OF_THE_RESULT = (
    "hydra", "logger", "debug", "outputs", "resume", "data.folder", "trainer.accelerator", "trainer.devices", "trainer.strategy",
    "trainer.num_nodes", "trainer.threads", "trainer.compile", "trainer.checkpoint_every_steps", "trainer.detect_anomaly",
)  # fmt: skip


def write_whole(path: Path, text: str) -> None:
    """Write a file under a temporary name, then rename it: readers see the old or the new file, never half of one."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_json(path: Path, value: Any) -> None:
    write_whole(path, json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: Path) -> dict[str, Any]:
    """Raises DataError where the file is missing or no JSON."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read ({error})") from None


@dataclass
class RunStatus:
    """`status.json`: state (running, completed, failed), error, started, finished, seconds, versions, commit, corpus hash, and the key of
    the configuration (`config_key`).

    `seconds` adds up over resumed stretches.
    """

    folder: Path
    started: str = field(default_factory=lambda: _now())
    seconds_before: float = 0.0
    corpus: str | None = None
    config: str | None = None
    clock: float = field(default_factory=time.perf_counter)
    state: str = "running"
    """As it was last written."""

    @classmethod
    def start(cls, folder: Path, resumed: bool) -> "RunStatus":
        status = cls(folder)
        if resumed and (folder / "status.json").is_file():
            before = read_json(folder / "status.json")
            status.started, status.seconds_before = before["started"], before.get("seconds") or 0.0
        status.write("running")
        return status

    def write_failed(self, error: str) -> None:
        """Mark the run as failed, also on a full disk: there the old file is written over in place."""
        try:
            self.write("failed", error)
        except OSError as full:
            log.debug("status.json is written over in place: %s", full)
            try:
                with (self.folder / "status.json").open("r+", encoding="utf-8") as file:
                    file.write(json.dumps({"state": "failed", "error": error, "started": self.started}))
                    file.truncate()
            except OSError as still_full:
                log.error(
                    "status.json cannot be written (%s): it does not tell that this run failed", still_full.strerror
                )

    def write(self, state: str, error: str | None = None) -> None:
        self.state = state
        write_json(
            self.folder / "status.json",
            {
                "state": state,
                "error": error,
                "started": self.started,
                "finished": None if state == "running" else _now(),
                "seconds": round(self.seconds_before + time.perf_counter() - self.clock, 3),
                "versions": versions(),
                "commit": commit(),
                "corpus": self.corpus,
                "config": self.config,
            },
        )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


@cache
def versions() -> dict[str, str]:
    """Versions of what a result depends on."""
    from importlib.metadata import version

    packages = [
        "torch",
        "pytorch-lightning",
        "numpy",
        "scipy",
        "scikit-learn",
        "pyarrow",
        "datasets",
        "hydra-core",
        "wandb",
    ]
    import bows

    return {"bows": bows.__version__, "python": platform.python_version(), **{name: version(name) for name in packages}}


@cache
def commit() -> str | None:
    """The commit of the checkout that bows runs from, with + where it has uncommitted changes; None outside a checkout."""
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


def config_key(config: dict[str, Any]) -> str:
    """A hash of a resolved configuration, the same for runs that train and measure the same, wherever they do it and lie."""
    told = copy.deepcopy(config)
    for setting in NOT_OF_THE_RESULT:
        *path, last = setting.split(".")
        node: Any = told
        for part in path:
            node = node.get(part) if isinstance(node, dict) else None
        if isinstance(node, dict):
            node.pop(last, None)
    return hashlib.sha256(json.dumps(told, sort_keys=True, default=str).encode()).hexdigest()


def is_of_the_result(setting: str) -> bool:
    """Whether a setting, by its dotted name, is part of what `config_key` tells apart."""
    return not any(setting == name or setting.startswith(f"{name}.") for name in NOT_OF_THE_RESULT)


def finite(metrics: dict[str, float]) -> dict[str, float]:
    """Only the metrics that are numbers."""
    return {name: value for name, value in metrics.items() if math.isfinite(value)}
