"""How far does a split of overlapping windows understate the loss?"""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from bows.paper.claims import Measured
from bows.paper.runs import NotMeasured, Run, by_setting, first

LEAK, HELD_OUT = "leak/loss", "reconstruction/loss"


def measure(runs: Sequence[Run]) -> dict[str, Measured]:
    """Measure the claim on the split: the lowest ratio of the losses over runs."""
    leaking = _leaking(runs)
    text = []
    for decay, own in by_setting(leaking, "wd"):
        losses = [float(np.mean([run.summary[name] for run in own])) for name in (LEAK, HELD_OUT)]
        text.append(f"wd {decay:g}: {losses[0]:.3g} leaking, {losses[1]:.3g} held out")
    least = min(run.summary[HELD_OUT] / run.summary[LEAK] for run in leaking)
    return {"split": Measured(least, f"{least:.2f} times at least; {'; '.join(text)}", "1")}


def losses(runs: Sequence[Run]) -> pa.Table:
    """Return the two losses of each run. Raises NotMeasured where no run has both."""
    names = {"leaking": LEAK, "held_out": HELD_OUT}
    return pa.Table.from_pylist(
        [
            {"weight_decay": float(run.settings["wd"]), "seed": run.settings["seed"]}
            | {column: run.summary[name] for column, name in names.items()}
            for run in _leaking(runs)
        ]
    )


def _leaking(runs: Sequence[Run]) -> list[Run]:
    first(runs)
    if not (leaking := [run for run in runs if LEAK in run.summary]):
        raise NotMeasured("no completed run with data.split=overlapping")
    return leaking
