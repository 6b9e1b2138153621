"""Measure commands of bows from launch to exit, each in a process of its own: start-up, reports, sweeps."""

import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bows.bench.text import write_text

Row = tuple[str, float, str]
"""What was measured, its value, and its unit with the limit."""

TURNS = 3
IMPORTS = "import torch, pytorch_lightning, wandb"
ONE_STEP = ("epochs=1", "trainer.limit_train_batches=1")
# The log line that follows the first step, and a validation, of a run of one step.
TRAINED = "training done"
LARGE = ("data=files", "data.vocab_size=10000", "data.window=20", "data.batch_size=512", "latent=1000", "epochs=1",
         "trainer.limit_train_batches=4")  # fmt: skip
QUICK = ("logger=none", "analysis=full", "analysis.figures=false", "analysis.null_permutations=9",
         "analysis.permutations=9")  # fmt: skip
# The paper's synthetic figure: 4 structures x 11 latent sizes x linear and ReLU x two weight decays.
GRID = ("data=circular,figure8,iid,sphere", "model=tied,linear", "wd=1,6", "latent=range(2,13)")
GRID_JOBS = 176
EIGHT = ("data=circular,sphere", "model=tied,linear", "wd=6", "latent=4,10")
AS_IN_THE_PAPER = ("epochs=200", "lr=1e-2", "optimizer.clip_norm=1", "logger=none")
TEXT_GRID = ("latent=50,100,200", "wd=0,1", "seed=1,2")


def start() -> list[Row]:
    """Measure start-up: --help, launch to the first step, and launch to prompt without training, with W&B offline."""
    turns = []
    with tempfile.TemporaryDirectory() as outputs:
        first_start = train_run(outputs, *ONE_STEP)[1]  # builds the corpus
        for _ in range(TURNS):
            help_seconds = _seconds_of(["-m", "bows.train", "--help"], outputs)
            imports = _seconds_of(["-c", IMPORTS], outputs)
            first_step = _first_step_seconds(outputs)
            folder, seconds = train_run(outputs)
            summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
            turns.append((help_seconds, imports, first_step, seconds - summary["speed/seconds"]))
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


def default_run() -> list[Row]:
    """Measure the default run from launch to prompt: wall and CPU seconds, with its own number of threads and with one per core."""
    rows: list[Row] = []
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with tempfile.TemporaryDirectory() as outputs:
        train_run(outputs, *ONE_STEP, *QUICK)  # builds the corpus
        for name, overrides in (("default run", ()), (f"trainer.threads={cores}", (f"trainer.threads={cores}",))):
            before = _cpu_seconds()
            _, seconds = train_run(outputs, *overrides)
            rows += [(f"{name}: wall", seconds, "s"), (f"{name}: CPU", _cpu_seconds() - before, "s")]
    return rows


def _cpu_seconds() -> float:
    """Return the CPU seconds of the child processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _first_step_seconds(outputs: str) -> float:
    command = [sys.executable, "-m", "bows.train", *ONE_STEP, "analysis=none"]
    began = time.perf_counter()
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=_environment(outputs)
    ) as process:
        assert process.stderr is not None
        found = [time.perf_counter() - began for line in process.stderr if TRAINED in line]
    if process.returncode or len(found) != 1:
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}, with {len(found)} lines {TRAINED!r}")
    return found[0]


def pages() -> list[Row]:
    """Measure report.html of the default run and of one with 10,000 words, m = 1000; the browser where playwright finds chromium."""
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as outputs:
        text = Path(outputs) / "text.txt"
        write_text(text, megabytes=8)
        for name, overrides, limits in (
            ("default run", ("epochs=2",), (5, 3)),
            ("V = 10,000, m = 1000", (*LARGE, f"data.train={text}"), (20, 8)),
        ):
            run, _ = train_run(outputs, *overrides, *QUICK)
            seconds = _seconds_of(["-m", "bows.report", str(run)], outputs)
            page = run / "report.html"
            rows.append((f"{name}: launch to report written", seconds, f"s (at most {limits[0]})"))
            rows.append((f"{name}: size of the report", page.stat().st_size / 1e6, f"MB (at most {limits[1]})"))
            if (responds := _seconds_in_browser(page)) is not None:
                rows.append((f"{name}: seconds until it responds in chromium", responds, "s (at most 2)"))
    return rows


def _seconds_in_browser(page: Path) -> float | None:
    """Return the seconds from loading until the page's script ended and a frame is drawn; None without a browser."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    try:
        from playwright.sync_api import sync_playwright  # an extra of the tests
    except ImportError:
        return None
    if browser is None:
        return None
    with sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=browser, args=["--no-sandbox", "--disable-gpu"])
        tab = opened.new_page(viewport={"width": 1280, "height": 900})
        tab.goto(page.as_uri())
        tab.wait_for_selector("html[data-ready]", state="attached")
        drawn = "() => new Promise(d => requestAnimationFrame(() => setTimeout(() => d(performance.now()))))"
        milliseconds = tab.evaluate(drawn)
        opened.close()
    return milliseconds / 1e3


def synthetic_sweep() -> list[Row]:
    """Measure the paper's synthetic figure, 176 models with metrics and figures, in one stack; 8 of them one by one, scaled to 176."""
    with tempfile.TemporaryDirectory() as outputs:
        stacked = _sweep_seconds(outputs, "stack", *GRID, *AS_IN_THE_PAPER, "hydra/launcher=vectorized", jobs=GRID_JOBS)
        # The start of the command is counted once.
        eight = _sweep_seconds(outputs, "eight", *EIGHT, *AS_IN_THE_PAPER, jobs=8)
        _, one = train_run(outputs, "data=circular", "model=tied", "wd=6", "latent=4", *AS_IN_THE_PAPER)
    job = (eight - one) / 7
    alone = one + (GRID_JOBS - 1) * job
    return [
        ("176 models in one stack", stacked, "s"),
        ("one model, one by one", job, "s"),
        ("176 models one by one, scaled from 8", alone, "s"),
        ("one by one / stack", alone / stacked, "times (at least 20)"),
    ]


def text_sweep() -> list[Row]:
    """Measure 12 models of text, V = 4,000, latent 50 to 200, in a stack and one by one."""
    with tempfile.TemporaryDirectory() as outputs:
        path = Path(outputs) / "text.txt"
        write_text(path, megabytes=16)
        text = ("data=files", f"data.train={path}", "data.vocab_size=4000", "data.window=20", "data.batch_size=512")
        rest = ("lr=5e-4", "logger=none", "analysis=none")
        train_run(outputs, *text, *rest, "latent=50", "epochs=1")  # builds the corpus
        stacked, alone = [], []
        for turn in range(2):
            grid = (*text, *TEXT_GRID, *rest, "epochs=2", f"name=turn{turn}")
            stacked.append(_sweep_seconds(outputs, f"stack-{turn}", *grid, "hydra/launcher=vectorized", jobs=12))
            alone.append(_sweep_seconds(outputs, f"alone-{turn}", *grid, jobs=12))
    return [
        ("12 models of text in a stack, best of 2", min(stacked), "s"),
        ("one by one, best of 2, measured in turn", min(alone), "s"),
        ("stack / one by one", min(stacked) / min(alone), "times (at most 1.0)"),
    ]


def train_run(outputs: str, *overrides: str) -> tuple[Path, float]:
    """Train one run and return its folder and the seconds of the command."""
    seconds = _seconds_of(["-m", "bows.train", *overrides], outputs)
    states = sorted(Path(outputs).glob("runs/*/*/status.json"), key=lambda path: path.stat().st_mtime)
    _check_completed(states[-1:], 1)
    return states[-1].parent, seconds


def _sweep_seconds(outputs: str, folder: str, *overrides: str, jobs: int) -> float:
    """Return the seconds of a sweep, all of whose jobs must complete."""
    sweep = Path(outputs) / "bench" / folder
    seconds = _seconds_of(["-m", "bows.train", "-m", *overrides, f"hydra.sweep.dir={sweep}"], outputs)
    _check_completed(list(sweep.glob("*/status.json")), jobs)
    return seconds


def _check_completed(files: list[Path], jobs: int) -> None:
    states = [json.loads(file.read_text(encoding="utf-8"))["state"] for file in files]
    if states.count("completed") != jobs:
        raise RuntimeError(f"{states.count('completed')} of {jobs} jobs completed")


def _seconds_of(words: list[str], outputs: str) -> float:
    """Return the seconds of `python <words>`, from launch to exit. Raises RuntimeError where the command fails."""
    command = [sys.executable, *words]
    began = time.perf_counter()
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=_environment(outputs))
    seconds = time.perf_counter() - began
    if done.returncode:
        raise RuntimeError(f"{' '.join(words)} failed: {done.stderr[-2000:]}")
    return seconds


def _environment(outputs: str) -> dict[str, str]:
    """Return the environment of a command: outputs in a folder, and no W&B settings or keys, so that W&B runs offline."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("WANDB_")}
    return {**kept, "BOWS_OUTPUTS": outputs, "NETRC": os.devnull}
