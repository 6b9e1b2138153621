"""Run and time commands of bows, each in a process of its own."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

Row = tuple[str, float, str]
"""What was measured, its value, and its unit with the limit."""


def seconds_of(words: list[str], outputs: str) -> float:
    """Return the seconds of `python <words>`, from launch to exit.

    Args:
        words: The arguments of Python.
        outputs: The folder of outputs. No W&B key is found there, so that W&B runs offline.

    Raises:
        RuntimeError: The command failed.
    """
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, *words], check=False, capture_output=True, text=True, env=environment(outputs)
    )
    seconds = time.perf_counter() - began
    if done.returncode:
        raise RuntimeError(f"{' '.join(words)} failed: {done.stderr[-2000:]}")
    return seconds


def environment(outputs: str) -> dict[str, str]:
    """Return the environment of a command: outputs in a folder, and no W&B settings or keys."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("WANDB_")}
    return {**kept, "BOWS_OUTPUTS": outputs, "NETRC": os.devnull}


def train(outputs: str, *overrides: str) -> tuple[Path, float]:
    """Train one run and return its folder and the seconds of the command."""
    seconds = seconds_of(["-m", "bows.train", *overrides], outputs)
    states = sorted(Path(outputs).glob("runs/*/*/status.json"), key=lambda path: path.stat().st_mtime)
    _check_completed(states[-1:], 1)
    return states[-1].parent, seconds


def sweep_seconds(outputs: str, folder: str, *overrides: str, jobs: int) -> float:
    """Return the seconds of a sweep, all of whose jobs must complete."""
    sweep = Path(outputs) / "bench" / folder
    seconds = seconds_of(["-m", "bows.train", "-m", *overrides, f"hydra.sweep.dir={sweep}"], outputs)
    _check_completed(list(sweep.glob("*/status.json")), jobs)
    return seconds


def _check_completed(files: list[Path], jobs: int) -> None:
    states = [json.loads(file.read_text(encoding="utf-8"))["state"] for file in files]
    if states.count("completed") != jobs:
        raise RuntimeError(f"{states.count('completed')} of {jobs} jobs completed")
