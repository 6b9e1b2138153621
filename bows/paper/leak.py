"""How far does a split of overlapping windows flatter the loss?"""

from collections.abc import Sequence

import numpy as np

from bows.paper.claims import Measured
from bows.paper.runs import Run
from bows.paper.seeds import not_measured

LEAK, HELD_OUT = "leak/loss", "reconstruction/loss"


def measure(runs: Sequence[Run]) -> dict[str, Measured]:
    """The value of the claim on the split: the lowest ratio of the losses over runs."""
    leaking = [run for run in runs if LEAK in run.summary]
    if not leaking:
        return {"split": not_measured("no completed run with data.split=overlapping" if runs else "no completed run")}
    text = []
    for decay in sorted({run.settings["wd"] for run in leaking}):
        both = [
            float(np.mean([run.summary[name] for run in leaking if run.settings["wd"] == decay]))
            for name in (LEAK, HELD_OUT)
        ]
        text.append(f"wd {decay:g}: {both[0]:.3g} leaking, {both[1]:.3g} held out")
    ratios = [run.summary[HELD_OUT] / run.summary[LEAK] for run in leaking]
    return {"split": Measured(min(ratios), f"{min(ratios):.2f} times at least; {'; '.join(text)}")}
