"""The axis of a setting: evenly spaced names, or numbers on a linear or logarithmic scale with 0 in its place; and labels of settings."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, NullFormatter, NullLocator

from bows.figures.style import shorten

# Equal ratios are drawn as equal steps from this ratio of the largest to the smallest value on, or where two values would be nearer
# each other than this share of the axis; but never where that would bring values nearer still, as of 1, 2, 3 ... 30.
DECADES, CROWDED = 20.0, 0.12
_MOST_TICKS = 8
# Characters of a value, as of a list of words, in a legend and below an axis.
_LONGEST, _LONGEST_TICK = 30, 14
_NEAREST_TICKS = 0.12  # of the axis, from one to the next: nearer ones' labels run into each other


def is_numeric(values: Sequence[Any]) -> bool:
    """Return whether all values of a setting are numbers, so that they have places on an axis.

    >>> is_numeric([1, 2.5]), is_numeric([1, None]), is_numeric([True, False])
    (True, False, False)
    """
    return all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)


def shown(value: Any) -> str:
    """Return the label of a setting's value.

    >>> [shown(value) for value in (0.001, 1000000, None, True, "tied")]
    ['0.001', '1e+06', 'none', 'true', 'tied']
    """
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, int | float) else str(value)


def label(setting: Mapping[str, Any]) -> str:
    """Return a short description of settings; options of a group, as those of model, need no name.

    >>> label({"model": "tied", "wd": 0.5, "optimizer.schedule": "cosine"})
    'tied, wd 0.5, optimizer.schedule cosine'
    """
    parts = {name: shorten(shown(value), _LONGEST) for name, value in setting.items()}
    option = {name for name, value in setting.items() if isinstance(value, str) and "." not in name}
    return ", ".join(part if name in option else f"{name} {part}" for name, part in parts.items())


def seeds_of(counts: Sequence[int]) -> str:
    """Return the range of some numbers of seeds, at least one number.

    >>> seeds_of([1]), seeds_of([2, 3])
    ('1 seed', '2 to 3 seeds')
    """
    few, many = min(counts), max(counts)
    return f"{few} to {many} seeds" if few < many else f"{many} seed{'s' * (many > 1)}"


def setting_axis(axes: Axes, values: Sequence[Any], name: str) -> dict[Any, float]:
    """Scale and label the x axis for a setting; return each value's place on it.

    Numbers that span decades get a logarithmic axis; with 0 or negative values among them one that is linear inside the smallest
    size and logarithmic beyond. Ticks are at the values themselves, or at some of many. Values, which are distinct, keep their order where
    they are not numbers.
    """
    axes.set_xlabel(name)
    axes.xaxis.set_minor_locator(NullLocator())
    if not is_numeric(values):
        axes.set_xticks(range(len(values)), [shorten(shown(value), _LONGEST_TICK) for value in values])
        axes.set_xlim(-0.5, len(values) - 0.5)
        return {value: float(place) for place, value in enumerate(values)}
    if _by_ratio(values):
        if min(values) > 0:
            axes.set_xscale("log")
        else:
            axes.set_xscale("symlog", linthresh=min(abs(value) for value in values if value), linscale=0.5)
    scale = axes.xaxis.get_transform()
    axes.set_xticks(_ticks(values, dict(zip(values, scale.transform(np.array(values, dtype=float)), strict=True))))
    scaled = scale.transform(np.array([min(values), max(values)], dtype=float))
    room = 0.07 * (scaled[1] - scaled[0]) or 0.5
    axes.set_xlim(*scale.inverted().transform(scaled + np.array([-room, room])))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: shown(value)))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.xaxis.set_minor_locator(NullLocator())
    return {value: float(value) for value in values}


def _by_ratio(values: Sequence[float]) -> bool:
    """Return whether equal ratios are better drawn as equal steps than equal differences are."""
    sizes = np.unique(np.abs([value for value in values if value]))
    if len(sizes) < 2:
        return False
    nearest = _nearest(np.unique(values))
    return _nearest(np.log(sizes)) >= nearest and (sizes[-1] / sizes[0] >= DECADES or nearest < CROWDED)


def _nearest(places: np.ndarray) -> float:
    """Return the smallest step between neighbours, as a share of the whole range."""
    return float(np.diff(places).min() / (places[-1] - places[0]))


def _ticks(values: Sequence[float], places: Mapping[float, float]) -> list[float]:
    """Return the values, or evenly chosen ones among many, without those that would overlap; always the first and the last."""
    values = sorted(values)
    step = math.ceil((len(values) - 1) / (_MOST_TICKS - 1)) if len(values) > _MOST_TICKS else 1
    first, last = values[0], values[-1]
    apart = _NEAREST_TICKS * (places[last] - places[first])
    chosen = [first]
    for value in values[step::step]:
        if places[value] - places[chosen[-1]] >= apart and (value == last or places[last] - places[value] >= apart):
            chosen.append(value)
    return chosen if chosen[-1] == last else [*chosen, last]
