"""Metrics over training: losses and scores against the step, and every other metric in a small panel."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, StrMethodFormatter

from bows.figures.style import BLUE, GREEN, INK, ORANGE, heading, message, new_figure, style

Columns = Mapping[str, Sequence]
TRAINING = "train/loss"
# Held-out loss and score, and the axis of the score: of autoencoders, of pair classifiers.
HELD_OUT = (
    ("reconstruction/loss", "reconstruction/r2", "held-out R²"),
    ("classification/loss", "classification/accuracy", "held-out accuracy"),
)
ROUND = [1, 2, 2.5, 5, 10]  # steps between ticks, times powers of ten
MOST_POINTS = 1000  # of a curve: more do not show, and make the SVG large
_ACROSS = 3  # small panels


def training_curves(columns: Columns, title: str = "") -> Figure:
    """Draw training and held-out loss above and the held-out score below, over one axis of steps.

    Args:
        columns: A table by columns, as of metrics.csv: equally long sequences of numbers, ``step`` among them. Cells that are None,
            empty or not finite are skipped; where nothing is left to draw, the figure states it.
        title: Above the figure.

    Raises:
        ValueError: There is no column ``step``.
    """
    if "step" not in columns:
        raise ValueError(f"training curves need a column 'step', got {sorted(columns)}")
    held_out_loss, score, label = next((names for names in HELD_OUT if names[0] in columns), HELD_OUT[0])
    with style():
        figure = new_figure(6.4, 4.6, layout="none")
        room = {"left": 0.125, "right": 0.985, "bottom": 0.105, "top": 0.93 if title else 0.98, "hspace": 0.12}
        upper, lower = figure.subplots(2, 1, sharex=True, gridspec_kw=room)
        upper.xaxis.set_visible(False)  # the lower one's; ticks are half of what a figure takes to draw
        losses = ((TRAINING, BLUE, "training"), (held_out_loss, ORANGE, "held-out"))
        upper.set_ylabel("loss")
        if any([_curve(upper, columns, *loss) for loss in losses]):
            upper.legend(loc="upper right")
        else:
            message(upper, "no loss was recorded", keep_x=True)
        if _curve(lower, columns, score, GREEN, "held-out"):
            if lower.get_ylim()[0] < 0:  # below this line the words' frequencies alone would reconstruct windows better
                lower.axhline(0, color=INK, linewidth=0.6, linestyle=":")
        else:
            message(lower, f"no {label} was recorded", keep_x=True)
        lower.set(xlabel="step", ylabel=label)
        _step_axis(lower, columns, 6)
        for axes in (upper, lower):
            axes.yaxis.set_major_locator(MaxNLocator(5, steps=ROUND))
        heading(figure, title)
    return figure


def other_metrics(columns: Columns) -> list[str]:
    """Return the metrics with at least two values that training_curves does not draw; those of speed last."""
    drawn = {"step", "epoch", TRAINING, *(name for names in HELD_OUT for name in names[:2])}
    names = [name for name in columns if name not in drawn and len(_points(columns, name)) > 1]
    return sorted(names, key=lambda name: name.startswith("speed/"))


def metric_curves(columns: Columns, names: Sequence[str]) -> Figure:
    """Draw metrics over training, a small panel each.

    Args:
        columns: As of training_curves.
        names: Of the metrics, at least one.

    Raises:
        ValueError: There is no column ``step``, or no name.
    """
    if not names or "step" not in columns:
        raise ValueError(f"no metric to draw, or no column 'step' in {sorted(columns)}")
    rows = -(-len(names) // _ACROSS)
    with style():
        wide, tall = 7.4, 1.25 * rows + 0.35
        figure = new_figure(wide, tall, layout="none")
        room = {
            "left": 0.07,
            "right": 0.985,
            "bottom": 0.5 / tall,
            "top": 1 - 0.25 / tall,
            "hspace": 0.55,
            "wspace": 0.3,
        }
        grid = figure.subplots(rows, _ACROSS, sharex=True, squeeze=False, gridspec_kw=room).ravel()
        for axes, name in zip(grid, names, strict=False):
            _curve(axes, columns, name, BLUE)
            axes.set_title(name, fontsize=8)
            axes.yaxis.set_major_locator(MaxNLocator(2, steps=ROUND))
            axes.tick_params(labelsize=7)
        for axes in grid[len(names) :]:
            axes.set_axis_off()
        _step_axis(grid[0], columns, 3)
        for axes in grid[max(0, len(names) - _ACROSS) : len(names)]:
            axes.xaxis.set_tick_params(labelbottom=True)
        figure.supxlabel("step", fontsize=8, y=0.05 / tall)
    return figure


def _step_axis(axes: Axes, columns: Columns, most: int) -> None:
    last = max([_number(cell) or 0 for cell in columns["step"]], default=0)
    axes.set_xlim(0, 1.03 * max(last, 1))
    axes.xaxis.set_major_locator(MaxNLocator(most, steps=ROUND, integer=True, min_n_ticks=1))
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))


def _curve(axes: Axes, columns: Columns, name: str, colour: str, label: str | None = None) -> bool:
    """Draw a metric; return whether it has a value."""
    points = _points(columns, name)
    if len(points):
        # Few points get a mark each: a single one would draw no line at all.
        axes.plot(*points.T, color=colour, label=label, marker="o" if len(points) <= 30 else None, markersize=3)
    return bool(len(points))


def _points(columns: Columns, name: str) -> np.ndarray:
    """Return steps and values (n, 2) by step, at most MOST_POINTS: means of neighbouring ones where there are more."""
    # Without the column there is nothing to pair with the steps.
    pairs = zip(columns["step"], columns[name], strict=True) if name in columns else ()
    numbers = ((_number(x), _number(y)) for x, y in pairs)
    points = np.array(sorted((x, y) for x, y in numbers if x is not None and y is not None)).reshape(-1, 2)
    each = -(-len(points) // MOST_POINTS)
    starts = np.arange(0, len(points), each or 1)
    if each > 1:
        points = np.add.reduceat(points, starts) / np.diff(np.append(starts, len(points)))[:, None]
    return points


def _number(cell: object) -> float | None:
    try:
        number = float(cell)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None
