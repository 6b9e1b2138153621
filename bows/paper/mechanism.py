"""Is a word rebuilt with the help of the others in its window, and what does the ReLU remove?"""

from collections.abc import Sequence

import numpy as np

from bows.paper.claims import Measured
from bows.paper.runs import Run
from bows.paper.seeds import mean_of, not_measured

LEAST_WORDS = 100


def measure(runs: Sequence[Run]) -> dict[str, Measured]:
    """The values of the claims on how words are rebuilt, over words that are represented: of any regime but `absent`."""
    names = ("context", "constructive", "filtered")
    shares: dict[str, list[float]] = {name: [] for name in names}
    for run in runs:
        words = {name: np.array(values) for name, values in run.words.items() if name != "nearest"}
        there = np.array([regime not in (None, "absent") for regime in words["regime"]])
        if there.sum() < LEAST_WORDS:
            return dict.fromkeys(names, not_measured(f"{there.sum()} words are represented, {LEAST_WORDS} are needed"))
        natural, alone, present, absent, filtered = (
            words[name][there].astype(float)
            for name in ("r2", "r2_one_hot", "interference_present", "interference_absent", "filtered")
        )
        shares["context"].append(float(np.mean((natural > alone)[~np.isnan(alone)])))
        shares["constructive"].append(float(np.mean(present > absent)))
        shares["filtered"].append(float(np.nanmean(filtered)))
    if not runs:
        return dict.fromkeys(names, not_measured("no completed run"))
    return {name: mean_of(values) for name, values in shares.items()}
