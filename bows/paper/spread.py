"""Values of several seeds as a reader wants them."""

from collections.abc import Callable, Sequence

import numpy as np
from scipy import stats

from bows.errors import BowsError
from bows.paper.claims import Measured
from bows.paper.runs import Run


def mean_of(values: Sequence[float]) -> Measured:
    """The mean over seeds, told with its 95 % interval (Student's t) where there are two seeds or more."""
    mean = float(np.mean(values))
    return Measured(mean, told(values))


def told(values: Sequence[float]) -> str:
    """The mean of values with its 95 % interval, and how many they are."""
    ends = interval(values)
    if ends["low"] is None:
        return f"{np.mean(values):.3g} (one seed)"
    return f"{np.mean(values):.3g} [{ends['low']:.3g}, {ends['high']:.3g}], {len(values)} seeds"


def interval(values: Sequence[float]) -> dict[str, float | None]:
    """`low` and `high`, the ends of the 95 % interval of the mean (Student's t); None of a single value."""
    if len(values) < 2:
        return {"low": None, "high": None}
    half = float(stats.t.ppf(0.975, len(values) - 1) * np.std(values, ddof=1) / np.sqrt(len(values)))
    return {"low": float(np.mean(values)) - half, "high": float(np.mean(values)) + half}


def attempted(measure: Callable[[Sequence[Run]], Measured], runs: Sequence[Run]) -> Measured:
    """What some runs give; or why they cannot be taken apart again, as where their corpus is gone."""
    try:
        return measure(runs)
    except BowsError as error:
        return lacking(str(error))


class NotDrawn(BowsError):
    """Why runs do not give a figure."""


def lacking(why: str) -> Measured:
    """A value that these runs do not give."""
    return Measured(None, why)
