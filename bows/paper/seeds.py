"""Means over seeds, with intervals; measurements that may be impossible."""

from collections.abc import Callable, Sequence

import numpy as np

from bows.analysis.comparison import mean_interval
from bows.errors import BowsError
from bows.paper.claims import Measured


def mean_of(values: Sequence[float], baseline: str = "") -> Measured:
    """Return the mean over seeds, and as text with the 95 % interval (Student's t) where there are two seeds or more."""
    return Measured(float(np.mean(values)), with_interval(values), baseline)


def with_interval(values: Sequence[float]) -> str:
    """Return the mean with its 95 % interval and the number of seeds, as text."""
    ends = interval(values)
    if ends["low"] is None:
        return f"{np.mean(values):.3g} (one seed)"
    return f"{np.mean(values):.3g} [{ends['low']:.3g}, {ends['high']:.3g}], {len(values)} seeds"


def interval(values: Sequence[float]) -> dict[str, float | None]:
    """Return `low` and `high`, the ends of the 95 % interval of the mean (Student's t); None for fewer than two values."""
    if len(values) < 2:
        return {"low": None, "high": None}
    low, high = mean_interval(values)
    return {"low": low, "high": high}


def mean_columns(values: Sequence[float], name: str) -> dict[str, float | None]:
    """Return the mean over seeds as `name`, and its interval as `<name>_low` and `<name>_high`; None without values."""
    ends = {f"{name}_{end}": value for end, value in interval(values).items()}
    return {name: float(np.mean(values)) if values else None, **ends}


def mean_row(values: Sequence[float], **columns: object) -> dict[str, object]:
    """Return a row of a figure's table: columns, then the mean over seeds, their number and the interval."""
    return {**columns, "mean": float(np.mean(values)), "count": len(values), **interval(values)}


def try_measure(measure: Callable[..., Measured], *given: object) -> Measured:
    """Measure runs, or state why they cannot be measured, for example because their corpus is missing."""
    try:
        return measure(*given)
    except BowsError as error:
        return not_measured(str(error))


def not_measured(why: str) -> Measured:
    """Return the result of a claim that these runs cannot decide."""
    return Measured(None, why)
