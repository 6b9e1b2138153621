"""Measure how long commands take besides their work, relative to the imports that they need."""

import json
import subprocess
import sys
import tempfile
import time

from bows.bench.commands import Row, environment, seconds_of, train

TURNS = 3
IMPORTS = "import torch, pytorch_lightning, wandb"
ONE_STEP = ("epochs=1", "trainer.limit_train_batches=1")
# The log line that follows the first step, and a validation, of a run of one step.
TRAINED = "training done"


def start() -> list[Row]:
    """Measure start-up: --help, launch to the first step, and launch to prompt without training, with W&B offline."""
    with tempfile.TemporaryDirectory() as outputs:
        first_start = train(outputs, *ONE_STEP)[1]  # builds the corpus
        turns = [_turn(outputs) for _ in range(TURNS)]
    # The least of several turns: other processes only add to it.
    help_seconds, imports, first_step, rest = (min(each) for each in zip(*turns, strict=True))
    return [
        ("first start: corpus built, one step, run folder complete", first_start, "s"),
        ("--help", help_seconds, "s (at most 0.8)"),
        (f"{IMPORTS}", imports, "s"),
        ("warm start: launch to the end of the first step", first_step, "s"),
        ("warm start / imports", first_step / imports, "times (at most 1.3)"),
        ("default run: launch to prompt, without training", rest, "s"),
        ("the same / imports", rest / imports, "times (at most 1.6)"),
    ]


def _turn(outputs: str) -> tuple[float, float, float, float]:
    """Return the seconds of --help, of the imports, of a launch to the end of the first step, and of a run but its training."""
    help_seconds = seconds_of(["-m", "bows.train", "--help"], outputs)
    imports = seconds_of(["-c", IMPORTS], outputs)
    first_step = _first_step_seconds(outputs)
    folder, seconds = train(outputs)
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    return help_seconds, imports, first_step, seconds - summary["speed/seconds"]


def _first_step_seconds(outputs: str) -> float:
    command = [sys.executable, "-m", "bows.train", *ONE_STEP, "analysis=none"]
    began = time.perf_counter()
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=environment(outputs)
    ) as process:
        assert process.stderr is not None
        found = [time.perf_counter() - began for line in process.stderr if TRAINED in line]
    if process.returncode or len(found) != 1:
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}, with {len(found)} lines {TRAINED!r}")
    return found[0]
