"""Sweeps: models stacked into one, beside the same jobs one after another."""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

Row = tuple[str, float, str]  # what, value, unit

# The paper's synthetic figure: 4 structures x 11 latent sizes x linear and ReLU x two weight decays.
GRID = ("data=circular,figure8,iid,sphere", "model=tied,linear", "wd=1,6", "latent=range(2,13)")
ITS_JOBS = 176
EIGHT = ("data=circular,sphere", "model=tied,linear", "wd=6", "latent=4,10")
AS_IN_THE_PAPER = ("epochs=200", "lr=1e-2", "optimizer.clip_norm=1", "logger=none")
TEXT_GRID = ("latent=50,100,200", "wd=0,1", "seed=1,2")
TEXT_MEGABYTES = 16


def synthetic_sweep() -> list[Row]:
    """The paper's synthetic figure, 176 models with metrics and figures, stacked; and 8 of them one by one, scaled to 176."""
    with tempfile.TemporaryDirectory() as folder:
        stacked = _seconds(folder, *GRID, *AS_IN_THE_PAPER, "hydra/launcher=vectorized", jobs=ITS_JOBS)
        # What starting the command takes is counted once.
        eight = _seconds(folder, *EIGHT, *AS_IN_THE_PAPER, jobs=8)
        one = _seconds(folder, "data=circular", "model=tied", "wd=6", "latent=4", *AS_IN_THE_PAPER, jobs=1)
    job = (eight - one) / 7
    alone = one + (ITS_JOBS - 1) * job
    return [
        ("176 models in one stack", stacked, "s"),
        ("one model, one by one", job, "s"),
        ("176 models one by one, scaled from 8", alone, "s"),
        ("one by one / stack", alone / stacked, "times (at least 20)"),
    ]


def text_sweep() -> list[Row]:
    """12 models of text, V = 4,000, latent 50 to 200, stacked; and one by one."""
    from bows.bench.text import write_text

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "text.txt"
        write_text(path, TEXT_MEGABYTES)
        text = ("data=files", f"data.train={path}", "data.vocab_size=4000", "data.window=20", "data.batch_size=512")
        rest = (*TEXT_GRID, "epochs=2", "lr=5e-4", "logger=none", "analysis=none")
        _seconds(folder, *text, "latent=50", "epochs=1", "logger=none", "analysis=none", jobs=1)  # the corpus is built
        stacked, alone = [], []
        for turn in range(2):
            stacked.append(_seconds(folder, *text, *rest, f"name=s{turn}", "hydra/launcher=vectorized", jobs=12))
            alone.append(_seconds(folder, *text, *rest, f"name=a{turn}", jobs=12))
    return [
        ("12 models of text in a stack, best of 2", min(stacked), "s"),
        ("one by one, best of 2, taken in turn", min(alone), "s"),
        ("stack / one by one", min(stacked) / min(alone), "times (at most 1.0)"),
    ]


def _seconds(outputs: str, *overrides: str, jobs: int) -> float:
    """How long a sweep takes from its start to its end. All its jobs must complete."""
    sweep = Path(tempfile.mkdtemp(dir=outputs)) / "sweep"
    command = [sys.executable, "-m", "bows.train", "-m", *overrides, f"hydra.sweep.dir={sweep}"]
    began = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, env={**os.environ, "BOWS_OUTPUTS": outputs})
    seconds = time.perf_counter() - began
    states = [json.loads(path.read_text())["state"] for path in sweep.glob("*/status.json")]
    if states != ["completed"] * jobs:
        raise RuntimeError(f"{states.count('completed')} of {jobs} jobs completed")
    return seconds
