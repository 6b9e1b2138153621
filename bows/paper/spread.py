"""Values of several seeds as a reader wants them."""

from collections.abc import Sequence

import numpy as np
from scipy import stats

from bows.paper.claims import Measured


def mean_of(values: Sequence[float], unit: str = "") -> Measured:
    """The mean over seeds, told with its 95 % interval (Student's t) where there are two seeds or more."""
    mean = float(np.mean(values))
    return Measured(mean, f"{told(values)}{unit}")


def told(values: Sequence[float]) -> str:
    """The mean of values with its 95 % interval, and how many they are."""
    mean = float(np.mean(values))
    if len(values) < 2:
        return f"{mean:.3g} (one seed)"
    half = float(stats.t.ppf(0.975, len(values) - 1) * np.std(values, ddof=1) / np.sqrt(len(values)))
    return f"{mean:.3g} [{mean - half:.3g}, {mean + half:.3g}], {len(values)} seeds"


def lacking(why: str) -> Measured:
    """A value that these runs do not give."""
    return Measured(None, why)
