"""Which words does a linear read-out of the latent find?"""

from collections.abc import Sequence

import numpy as np

from bows.paper.claims import Measured
from bows.paper.months import no_set
from bows.paper.runs import Run
from bows.paper.seeds import mean_of, not_measured, with_interval
from bows.paper.word_lists import MONTHS


def measure(runs: Sequence[Run]) -> dict[str, Measured]:
    """The values of the claims on linear superposition."""
    if not runs:
        return dict.fromkeys(("months", "split", "frequent"), not_measured("no completed run"))
    months, shares, ratios, counts = [], [], [], []
    for run in runs:
        regime, frequency = np.array(run.words["regime"]), np.array(run.words["frequency"], float)
        linear, mixed = regime == "linear", regime == "mixed"
        if not linear.any() or linear.all():
            return dict.fromkeys(
                ("months", "split", "frequent"),
                not_measured(f"{linear.sum()} of {len(linear)} words are linear: no split"),
            )
        counts.append(f"{linear.sum():,} / {mixed.sum():,}")
        shares.append(float(linear.sum() / (linear | mixed).sum()))
        ratios.append(float(np.median(frequency[linear]) / np.median(frequency[~linear])))
        indices = run.indices(MONTHS)
        if indices is not None:
            months.append(float(np.mean([run.words["r2_linear"][index] for index in indices])))
    return {
        "months": mean_of(months) if months else not_measured(no_set(runs, MONTHS)),
        "split": Measured(
            float(np.mean(shares)), f"linear / mixed words: {'; '.join(counts)}; share {with_interval(shares)}"
        ),
        "frequent": mean_of(ratios),
    }
