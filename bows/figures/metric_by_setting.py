"""Metrics against one setting of a sweep: a panel per metric, a line per value of other settings, with intervals over seeds."""

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.transforms import ScaledTranslation

from bows.figures.scales import is_numeric, label, seeds_of, setting_axis
from bows.figures.style import BLUE, GREEN, INK, ORANGE, PURPLE, RED, SKY, caption, heading, message, new_figure, style

# The first of two settings is distinguished by colour and marker, the second by the kind of line and how far markers are filled.
_FIRST = [
    {"color": colour, "marker": marker}
    for colour, marker in zip((BLUE, RED, GREEN, PURPLE, ORANGE, SKY), "os^DvP", strict=True)
]
_SECOND: list[dict[str, Any]] = [
    {"linestyle": dashes, "fillstyle": fill}
    for dashes, fill in zip(
        ("-", (0, (4, 1.5)), (0, (1, 1.2)), (0, (5, 1.2, 1, 1.2)), (0, (7, 3)), (0, (2, 1, 2, 3))),
        ("full", "full", "left", "top", "right", "bottom"),  # the second kind of them white
        strict=True,
    )
]
LEAST_FOR_INTERVAL = 4  # seeds: of fewer each is drawn as a point, as an interval of two or three can have any width
MOST_LINES = 6  # values of each of the two settings
_COLUMNS = 3
_LEGEND_SIZE = 8.0  # points
_HANDLE = 2.6  # of that size, the length of a line in the legend
Lines = Mapping[str, Sequence[Any]]


def metrics_against_setting(
    table: pa.Table, setting: Lines, metrics: Sequence[str], lines: Lines, title: str = ""
) -> Figure:
    """Draw each metric's mean over seeds against a setting.

    Args:
        table: A row per combination of settings and metric: a column for the setting and for each of `lines`, `metric`, `mean`, `count`,
            `low` and `high`, the ends of the mean's 95 % interval, drawn for LEAST_FOR_INTERVAL seeds or more, and `values` of the seeds,
            drawn for fewer (null where there is none).
        setting: Its name -> its values in order.
        metrics: Panels, in order.
        lines: Names of at most two other settings -> their values, at most 6 each.
        title: Above the figure.

    Raises:
        ValueError: There is no metric or setting, or there are too many lines.
    """
    if not metrics or len(setting) != 1 or len(lines) > 2 or any(len(values) > MOST_LINES for values in lines.values()):
        raise ValueError(f"{len(metrics)} metrics against {list(setting)} by {dict(lines)} cannot be drawn")
    ((name, values),) = setting.items()
    rows = [row for row in table.to_pylist() if row["metric"] in metrics]
    looks = _looks(lines, joined=is_numeric(values))
    down = -(-len(metrics) // _COLUMNS)
    columns = -(-len(metrics) // down)  # as even as can be
    width = max(2.45 * columns + 0.3, 3.6)
    with style():
        handles = [Line2D([], [], label=label(line), linewidth=1.1, **look) for line, look in looks if line]
        abreast = _abreast([label(line) for line, _ in looks if line], lines, width)
        figure = new_figure(width, 1.95 * down + 0.72 + 0.18 * -(-len(handles) // abreast))
        panels = figure.subplots(down, columns, squeeze=False).ravel()
        for axes in panels[len(metrics) :]:
            axes.remove()
        clipped = False
        for axes, metric in zip(panels, metrics, strict=False):
            axes.set_title(metric, fontsize=8.5)
            clipped |= _panel(axes, [row for row in rows if row["metric"] == metric], name, values, looks)
        caption(figure, _below([row["count"] for row in rows], clipped), width=17 * width)
        if handles:
            # Matplotlib fills a legend's columns, people read its rows.
            in_rows = [each for column in range(abreast) for each in handles[column::abreast]]
            figure.legend(
                handles=in_rows, loc="outside upper left", ncols=abreast, fontsize=_LEGEND_SIZE, handlelength=_HANDLE, columnspacing=1.5,
                title=title or None, title_fontproperties={"size": 10}, alignment="left",
            )  # fmt: skip
        else:
            heading(figure, title)
    return figure


def _looks(lines: Lines, joined: bool) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Return every combination of the lines' settings, and how it is drawn; joined: with a line from point to point."""
    (first, ones), (second, others) = ([*lines.items()] + [("", [None])] * 2)[:2]
    looks = []
    for one, by_first in zip(ones, _FIRST, strict=False):
        for number, (other, by_second) in enumerate(zip(others, _SECOND, strict=False)):
            look = {"markersize": 4, "markeredgewidth": 0.9, "markerfacecoloralt": "white", **by_first, **by_second}
            look["markerfacecolor"] = "white" if number == 1 else look["color"]
            if not joined:
                look["linestyle"] = "none"
            looks.append(({key: value for key, value in ((first, one), (second, other)) if key}, look))
    return looks


def _panel(axes: Axes, rows: list[dict], name: str, values: Sequence[Any], looks: list[tuple[dict, dict]]) -> bool:
    """Draw one metric. Return whether an interval ends beyond the panel."""
    places = setting_axis(axes, values, name)
    numeric = is_numeric(values)
    # From one line's point to the next one's at the same value, in points: all of them well under half way to the next value.
    apart = min(2.4, 40 / (len(values) * len(looks)))
    for number, (line, look) in enumerate(looks):
        own = [row for row in rows if row[name] in places and all(row[key] == value for key, value in line.items())]
        own = sorted(own, key=lambda row: places[row[name]])
        # Points stay near their value, and intervals clear of each other: names have room, numbers a few points of print.
        middle = (number + 0.5) / len(looks) - 0.5
        aside = len(looks) * apart * middle / 72 if numeric else 0
        errors = [
            [abs(row["mean"] - row[end]) if row["count"] >= LEAST_FOR_INTERVAL else float("nan") for row in own]
            for end in ("low", "high")
        ]
        moved = axes.transData + ScaledTranslation(aside, 0, axes.figure.dpi_scale_trans)
        at = [places[row[name]] + (0.0 if numeric else 0.5 * middle) for row in own]
        seeds = [(x, value) for x, row in zip(at, own, strict=True) for value in _seeds(row)]
        if seeds:
            axes.plot(*zip(*seeds, strict=True), ".", color=look["color"], alpha=0.45, markersize=4, transform=moved)
        axes.errorbar(
            at, [row["mean"] for row in own], yerr=errors, linewidth=1.1, elinewidth=0.7, capsize=2, **look, transform=moved,
        )  # fmt: skip
    if not rows:
        message(axes, "no run has it", keep_x=True)
        return False
    intervals = [row[end] for row in rows for end in ("low", "high") if row["count"] >= LEAST_FOR_INTERVAL]
    points = [value for row in rows for value in _seeds(row)]
    clipped = _limit(axes, [*points, *(row["mean"] for row in rows)], intervals)
    if axes.get_ylim()[0] < 0 < axes.get_ylim()[1]:
        axes.axhline(0, color=INK, linewidth=0.5, linestyle=":", zorder=0)
    axes.tick_params(labelsize=7.5)
    axes.xaxis.label.set_size(8)
    return clipped


def _seeds(row: dict[str, Any]) -> Sequence[float]:
    """Return the values of the seeds that are drawn as points: of two or three."""
    return (row.get("values") or []) if 1 < row["count"] < LEAST_FOR_INTERVAL else []


def _limit(axes: Axes, means: Sequence[float], known: Sequence[float]) -> bool:
    """Leave room for the intervals, but no more on either side than the means take: two seeds can have an interval of any size.

    Return whether an interval ends beyond it.
    """
    span = max(means) - min(means) or 0.1 * abs(max(means)) or 1.0
    lowest = max(min([*means, *known]), min(means) - 0.6 * span) - 0.08 * span
    highest = min(max([*means, *known]), max(means) + 0.6 * span) + 0.08 * span
    axes.set_ylim(lowest, highest)
    return any(not lowest <= end <= highest for end in known)


def _abreast(labels: Sequence[str], lines: Lines, width: float) -> int:
    """Return how many entries a row of the legend has room for, in whole sets of the second setting's values where these fit."""
    if not labels:
        return 1
    entry = _LEGEND_SIZE * (_HANDLE + 0.8 + 1.5 + 0.6 * max(map(len, labels))) / 72
    fit = max(1, min(len(labels), int((width - 0.1) // entry)))
    inner = len([*lines.values()][-1]) if len(lines) == 2 else 1
    return fit // inner * inner or fit


def _below(counts: Sequence[int], clipped: bool) -> str:
    if not counts:
        return "no completed run"
    if max(counts) == 1:
        return "Each point is one seed: there is no interval."
    few = "; small points: single seeds" if any(1 < count < LEAST_FOR_INTERVAL for count in counts) else ""
    beyond = ", some end beyond their panel" if clipped else ""
    bars = f"; bars: 95 % intervals of the mean (Student’s t) of {LEAST_FOR_INTERVAL} seeds or more{beyond}"
    return f"Means over {seeds_of(counts)}{few}{bars if max(counts) >= LEAST_FOR_INTERVAL else ''}."
