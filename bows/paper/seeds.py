"""Means over seeds, with intervals."""

from collections.abc import Callable, Sequence

import numpy as np
from scipy import stats

from bows.errors import BowsError
from bows.paper.claims import Measured
from bows.paper.runs import Run


def mean_of(values: Sequence[float]) -> Measured:
    """Return the mean over seeds; its text has the 95 % interval (Student's t) where there are two seeds or more."""
    return Measured(float(np.mean(values)), with_interval(values))


def with_interval(values: Sequence[float]) -> str:
    """Return the mean with its 95 % interval and the number of seeds, as text."""
    ends = interval(values)
    if ends["low"] is None:
        return f"{np.mean(values):.3g} (one seed)"
    return f"{np.mean(values):.3g} [{ends['low']:.3g}, {ends['high']:.3g}], {len(values)} seeds"


def interval(values: Sequence[float]) -> dict[str, float | None]:
    """Return `low` and `high`, the ends of the 95 % interval of the mean (Student's t); None for a single value."""
    if len(values) < 2:
        return {"low": None, "high": None}
    half = float(stats.t.ppf(0.975, len(values) - 1) * np.std(values, ddof=1) / np.sqrt(len(values)))
    return {"low": float(np.mean(values)) - half, "high": float(np.mean(values)) + half}


def try_measure(measure: Callable[[Sequence[Run]], Measured], runs: Sequence[Run]) -> Measured:
    """Measure runs, or state why they cannot be measured, for example because their corpus is missing."""
    try:
        return measure(runs)
    except BowsError as error:
        return not_measured(str(error))


class NotDrawn(BowsError):
    """A figure cannot be drawn from these runs."""


def not_measured(why: str) -> Measured:
    """Return the result of a claim that these runs cannot decide."""
    return Measured(None, why)
