"""Measure sweeps: models in one stack, relative to the same jobs one after another."""

import tempfile
from pathlib import Path

from bows.bench.commands import Row, sweep_seconds, train
from bows.bench.text import write_text

# The paper's synthetic figure: 4 structures x 11 latent sizes x linear and ReLU x two weight decays.
GRID = ("data=circular,figure8,iid,sphere", "model=tied,linear", "wd=1,6", "latent=range(2,13)")
GRID_JOBS = 176
EIGHT = ("data=circular,sphere", "model=tied,linear", "wd=6", "latent=4,10")
AS_IN_THE_PAPER = ("epochs=200", "lr=1e-2", "optimizer.clip_norm=1", "logger=none")
TEXT_GRID = ("latent=50,100,200", "wd=0,1", "seed=1,2")
TEXT_MEGABYTES = 16


def synthetic_sweep() -> list[Row]:
    """Measure the paper's synthetic figure, 176 models with metrics and figures, in one stack; 8 of them one by one, scaled to 176."""
    with tempfile.TemporaryDirectory() as outputs:
        stacked = sweep_seconds(outputs, "stack", *GRID, *AS_IN_THE_PAPER, "hydra/launcher=vectorized", jobs=GRID_JOBS)
        # The start of the command is counted once.
        eight = sweep_seconds(outputs, "eight", *EIGHT, *AS_IN_THE_PAPER, jobs=8)
        _, one = train(outputs, "data=circular", "model=tied", "wd=6", "latent=4", *AS_IN_THE_PAPER)
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
        write_text(path, TEXT_MEGABYTES)
        text = ("data=files", f"data.train={path}", "data.vocab_size=4000", "data.window=20", "data.batch_size=512")
        rest = ("lr=5e-4", "logger=none", "analysis=none")
        train(outputs, *text, *rest, "latent=50", "epochs=1")  # builds the corpus
        stacked, alone = [], []
        for turn in range(2):
            grid = (*text, *TEXT_GRID, *rest, "epochs=2", f"name=turn{turn}")
            stacked.append(sweep_seconds(outputs, f"stack-{turn}", *grid, "hydra/launcher=vectorized", jobs=12))
            alone.append(sweep_seconds(outputs, f"alone-{turn}", *grid, jobs=12))
    return [
        ("12 models of text in a stack, best of 2", min(stacked), "s"),
        ("one by one, best of 2, measured in turn", min(alone), "s"),
        ("stack / one by one", min(stacked) / min(alone), "times (at most 1.0)"),
    ]
