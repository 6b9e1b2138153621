"""Metrics against one dial of a sweep: a panel a metric, a line a setting of other dials, with intervals over seeds."""

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.transforms import ScaledTranslation

from bows.figures.scales import dial_axis, is_numeric, label
from bows.figures.style import BLUE, GREEN, INK, ORANGE, PURPLE, RED, SKY, new_figure, style

_COLOURS = (BLUE, RED, GREEN, PURPLE, ORANGE, SKY)
_MARKERS = ("o", "s", "^", "D", "v", "P")
_DASHES: tuple[Any, ...] = ("-", (0, (4, 1.5)), (0, (1, 1.2)), (0, (5, 1.2, 1, 1.2)), (0, (7, 3)), (0, (2, 1, 2, 3)))
MOST_LINES = 6  # of each of the two dials that are told apart
_COLUMNS = 3


def metrics_against_dial(
    table: pa.Table,
    dial: Mapping[str, Sequence[Any]],
    metrics: Sequence[str],
    lines: Mapping[str, Sequence[Any]],
    title: str = "",
) -> Figure:
    """Draw each metric's mean over seeds against a dial.

    Args:
        table: a row a setting and metric: a column for the dial and for each of `lines`, `metric`, `mean`, `count`, and `low` and `high`,
            the ends of the mean's 95 % interval (null where undefined).
        dial: the dial's name -> its values in order.
        metrics: panels, in order.
        lines: at most two dials' names -> their values, at most 6 each: the first is told apart by colour and marker, the second
            by the kind of line and whether markers are filled.
        title: above the picture.

    Raises:
        ValueError: for no metric or dial, or more lines than can be told apart.
    """
    if not metrics or len(dial) != 1 or len(lines) > 2 or any(len(values) > MOST_LINES for values in lines.values()):
        raise ValueError(f"{len(metrics)} metrics against {list(dial)} by {dict(lines)} cannot be drawn")
    ((name, values),) = dial.items()
    rows = table.to_pylist()
    columns = min(_COLUMNS, len(metrics))
    down = -(-len(metrics) // columns)
    with style():
        figure = new_figure(2.45 * columns + 0.3, 1.95 * down + 0.9)
        panels = figure.subplots(down, columns, squeeze=False).ravel()
        for axes, metric in zip(panels, metrics, strict=False):
            _panel(axes, [row for row in rows if row["metric"] == metric], name, values, lines)
            axes.set_title(metric, fontsize=8.5)
        for axes in panels[len(metrics) :]:
            axes.remove()
        handles = _legend(lines)
        below = _caption([row for row in rows if row["metric"] in metrics])
        figure.supxlabel("\n".join(textwrap.wrap(below, 44 * columns)), x=0.01, ha="left", fontsize=7.5)
        if handles:
            figure.legend(
                handles=handles, loc="outside upper left", ncols=min(len(handles), 2 * columns), fontsize=8, handlelength=2.6,
                title=title or None, title_fontproperties={"size": 10}, alignment="left",
            )  # fmt: skip
        elif title:
            figure.suptitle(title, fontsize=10, x=0.01, ha="left")
    return figure


def _panel(axes: Axes, rows: list[dict], name: str, values: Sequence[Any], lines: Mapping[str, Sequence[Any]]) -> None:
    places = dial_axis(axes, values, name)
    numeric = is_numeric(values)
    settings = _settings(lines)
    for number, (setting, look) in enumerate(settings):
        mine = [row for row in rows if all(row[key] == value for key, value in setting.items())]
        mine = sorted((row for row in mine if row[name] in places), key=lambda row: places[row[name]])
        # Points stay beside their value, and intervals clear of each other: names have room, numbers a few points of print.
        middle = (number + 0.5) / len(settings) - 0.5
        shift = 0.0 if numeric else 0.5 * middle
        aside = ScaledTranslation(
            len(settings) * _aside(len(values), len(settings)) * middle / 72 if numeric else 0,
            0,
            axes.figure.dpi_scale_trans,
        )
        x = [places[row[name]] + shift for row in mine]
        y = [row["mean"] for row in mine]
        low = [0.0 if row["low"] is None else row["mean"] - row["low"] for row in mine]
        high = [0.0 if row["high"] is None else row["high"] - row["mean"] for row in mine]
        axes.errorbar(
            x, y, yerr=(low, high), color=look["color"], linestyle=look["linestyle"] if numeric else "none", linewidth=1.1,
            marker=look["marker"], markersize=4, markerfacecolor=look["markerfacecolor"], markeredgewidth=0.9, elinewidth=0.7, capsize=2,
            transform=axes.transData + aside,
        )  # fmt: skip
    means = [row["mean"] for row in rows]
    if not means:
        axes.text(0.5, 0.5, "no run has it", transform=axes.transAxes, ha="center", va="center", fontsize=8)
        axes.set_yticks([])
        return
    _limit(axes, means, rows)
    if axes.get_ylim()[0] < 0 < axes.get_ylim()[1]:
        axes.axhline(0, color=INK, linewidth=0.5, linestyle=":", zorder=0)
    axes.tick_params(labelsize=7.5)
    axes.xaxis.label.set_size(8)


def _aside(values: int, lines: int) -> float:
    """Typographic points from one line's point to the next one's at the same value: all of them well under half way to the next value."""
    return min(2.4, 40 / (values * lines))


def _limit(axes: Axes, means: Sequence[float], rows: list[dict]) -> None:
    """Room for the intervals, but no more on either side than the means take: two seeds can have an interval of any size."""
    span = max(means) - min(means) or 0.1 * abs(max(means)) or 1.0
    ends = [end for row in rows for end in (row["low"], row["high"]) if end is not None]
    lowest = max(min([*means, *ends]), min(means) - 0.6 * span)
    highest = min(max([*means, *ends]), max(means) + 0.6 * span)
    axes.set_ylim(lowest - 0.08 * span, highest + 0.08 * span)


def _settings(lines: Mapping[str, Sequence[Any]]) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Every setting of the line dials, and how it looks."""
    (first, ones), (second, others) = ([*lines.items()] + [("", [None])] * 2)[:2]
    looks = []
    for one, colour, marker in zip(ones, _COLOURS, _MARKERS, strict=False):
        for number, other in enumerate(others):
            look = {
                "color": colour,
                "marker": marker,
                "linestyle": _DASHES[number],
                "markerfacecolor": colour if number == 0 else "white",
            }
            looks.append(({key: value for key, value in ((first, one), (second, other)) if key}, look))
    return looks


def _legend(lines: Mapping[str, Sequence[Any]]) -> list[Line2D]:
    handles = []
    for setting, look in _settings(lines):
        if setting:
            handles.append(Line2D([], [], label=label(setting), markersize=4, linewidth=1.1, **look))
    return handles


def _caption(rows: list[dict]) -> str:
    counts = [row["count"] for row in rows]
    if not counts:
        return "no completed run"
    few, many = min(counts), max(counts)
    seeds = f"{few}" if few == many else f"{few} to {many}"
    if many == 1:
        return "Each point is one seed: there is no interval."
    return f"Means over {seeds} seeds; bars: 95 % intervals of the mean (Student's t), none for one seed; bars may run beyond a panel."
