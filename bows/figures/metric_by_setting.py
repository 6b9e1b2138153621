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
_FILLS = ("full", "full", "left", "top", "right", "bottom")  # of markers, the second kind of them white
_MARKS: dict[str, Any] = {"markersize": 4, "markeredgewidth": 0.9, "markerfacecoloralt": "white"}
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
            by the kind of line and how far markers are filled.
        title: above the picture.

    Raises:
        ValueError: for no metric or dial, or more lines than can be told apart.
    """
    if not metrics or len(dial) != 1 or len(lines) > 2 or any(len(values) > MOST_LINES for values in lines.values()):
        raise ValueError(f"{len(metrics)} metrics against {list(dial)} by {dict(lines)} cannot be drawn")
    ((name, values),) = dial.items()
    rows = table.to_pylist()
    down = -(-len(metrics) // _COLUMNS)
    columns = -(-len(metrics) // down)  # as even as can be
    width = max(2.45 * columns + 0.3, 3.6)
    with style():
        handles = _legend(lines, joined=is_numeric(values))
        abreast = _abreast([str(each.get_label()) for each in handles], lines, width)
        figure = new_figure(width, 1.95 * down + 0.72 + 0.18 * -(-len(handles) // abreast))
        panels = figure.subplots(down, columns, squeeze=False).ravel()
        for axes in panels[len(metrics) :]:
            axes.remove()
        clipped = any(
            [_panel(axes, rows, metric, name, values, lines) for axes, metric in zip(panels, metrics, strict=False)]
        )
        below = _caption([row for row in rows if row["metric"] in metrics], clipped)
        figure.supxlabel("\n".join(textwrap.wrap(below, int(17 * width))), x=0.01, ha="left", fontsize=7.5)
        if handles:
            # Matplotlib fills a legend's columns, people read its rows.
            in_rows = [each for column in range(abreast) for each in handles[column::abreast]]
            figure.legend(
                handles=in_rows, loc="outside upper left", ncols=abreast, fontsize=_LEGEND_SIZE, handlelength=_HANDLE, columnspacing=1.5,
                title=title or None, title_fontproperties={"size": 10}, alignment="left",
            )  # fmt: skip
        elif title:
            figure.suptitle(title, fontsize=10, x=0.01, ha="left")
    return figure


def _panel(
    axes: Axes, rows: list[dict], metric: str, name: str, values: Sequence[Any], lines: Mapping[str, Sequence[Any]]
) -> bool:
    """Draw one metric. Returns whether an interval runs beyond the panel."""
    axes.set_title(metric, fontsize=8.5)
    rows = [row for row in rows if row["metric"] == metric]
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
        low, high = (
            [float("nan") if row[end] is None else abs(row["mean"] - row[end]) for row in mine]
            for end in ("low", "high")
        )
        look = {**look, "linestyle": look["linestyle"] if numeric else "none"}
        axes.errorbar(
            x, y, yerr=(low, high), linewidth=1.1, elinewidth=0.7, capsize=2, transform=axes.transData + aside, **_MARKS, **look
        )  # fmt: skip
    means = [row["mean"] for row in rows]
    if not means:
        axes.text(0.5, 0.5, "no run has it", transform=axes.transAxes, ha="center", va="center", fontsize=8)
        axes.set_yticks([])
        return False
    clipped = _limit(axes, means, rows)
    if axes.get_ylim()[0] < 0 < axes.get_ylim()[1]:
        axes.axhline(0, color=INK, linewidth=0.5, linestyle=":", zorder=0)
    axes.tick_params(labelsize=7.5)
    axes.xaxis.label.set_size(8)
    return clipped


def _aside(values: int, lines: int) -> float:
    """Typographic points from one line's point to the next one's at the same value: all of them well under half way to the next value."""
    return min(2.4, 40 / (values * lines))


def _limit(axes: Axes, means: Sequence[float], rows: list[dict]) -> bool:
    """Room for the intervals, but no more on either side than the means take: two seeds can have an interval of any size.

    Returns whether some interval has not all of its room.
    """
    span = max(means) - min(means) or 0.1 * abs(max(means)) or 1.0
    ends = [end for row in rows for end in (row["low"], row["high"]) if end is not None]
    lowest = max(min([*means, *ends]), min(means) - 0.6 * span)
    highest = min(max([*means, *ends]), max(means) + 0.6 * span)
    axes.set_ylim(lowest - 0.08 * span, highest + 0.08 * span)
    return any(not lowest - 0.08 * span <= end <= highest + 0.08 * span for end in ends)


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
                "fillstyle": _FILLS[number],
                "markerfacecolor": "white" if number == 1 else colour,
            }
            looks.append(({key: value for key, value in ((first, one), (second, other)) if key}, look))
    return looks


_LEGEND_SIZE = 8.0  # points
_HANDLE = 2.6  # of that size, the length of a line in the legend


def _legend(lines: Mapping[str, Sequence[Any]], joined: bool) -> list[Line2D]:
    """Return a handle per setting, with a line where points are joined."""
    handles = []
    for setting, look in _settings(lines):
        if setting:
            drawn = look if joined else {**look, "linestyle": "none"}
            handles.append(Line2D([], [], label=label(setting), linewidth=1.1, **_MARKS, **drawn))
    return handles


def _abreast(labels: Sequence[str], lines: Mapping[str, Sequence[Any]], width: float) -> int:
    """How many entries a row of the legend has room for, in whole sets of the second dial's values where these fit."""
    if not labels:
        return 1
    entry = _LEGEND_SIZE * (_HANDLE + 0.8 + 1.5 + 0.6 * max(map(len, labels))) / 72
    fit = max(1, min(len(labels), int((width - 0.1) // entry)))
    inner = len([*lines.values()][-1]) if len(lines) == 2 else 1
    return fit // inner * inner or fit


def _caption(rows: list[dict], clipped: bool) -> str:
    counts = [row["count"] for row in rows]
    if not counts:
        return "no completed run"
    few, many = min(counts), max(counts)
    seeds = f"{few}" if few == many else f"{few} to {many}"
    if many == 1:
        return "Each point is one seed: there is no interval."
    none = ", none for one seed" if few == 1 else ""
    beyond = "; some run beyond their panel" if clipped else ""
    return f"Means over {seeds} seeds; bars: 95 % intervals of the mean (Student’s t){none}{beyond}."
