"""The loss on the paper's leaking split beside that on held-out documents."""

from collections.abc import Sequence

import pyarrow as pa

from bows.paper.runs import Run
from bows.paper.seeds import NotDrawn


def losses(runs: Sequence[Run]) -> pa.Table:
    """A row a run."""
    rows = [
        {
            "weight_decay": float(run.settings["wd"]),
            "seed": run.settings["seed"],
            "leaking": run.summary["leak/loss"],
            "held_out": run.summary["reconstruction/loss"],
        }
        for run in runs
        if "leak/loss" in run.summary
    ]
    if not rows:
        raise NotDrawn("no completed run with data.split=overlapping")
    return pa.Table.from_pylist(rows)
