"""Metrics over training: losses and scores against the step, and every other metric in a small panel."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, StrMethodFormatter

from bows.figures.style import BLUE, FAINT, GREEN, INK, ORANGE, heading, message, new_figure, shorten, style

Columns = Mapping[str, Sequence]
TRAINING = "train/loss"
# Held-out loss and score, and the axis of the score: of autoencoders, of pair classifiers.
HELD_OUT = (
    ("reconstruction/loss", "reconstruction/r2", "held-out R²"),
    ("classification/loss", "classification/accuracy", "held-out accuracy"),
)
ROUND = [1, 2, 2.5, 5, 10]  # steps between ticks, times powers of ten
MOST_POINTS = 1000  # of a curve: more do not show, and make the SVG large
FEW_POINTS = 30  # get a mark each
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
    """Draw metrics over training, a small panel each: name above, lowest and highest value at the left, steps from 0 to the last.

    All panels lie in one Axes, a panel a unit square, row r and column c at (c, -r): axes of their own take seven times as long.

    Raises:
        ValueError: There is no column ``step``, or no name.
    """
    if not names or "step" not in columns:
        raise ValueError(f"no metric to draw, or no column 'step' in {sorted(columns)}")
    rows, last = -(-len(names) // _ACROSS), _last_step(columns)
    curves, marks, frames = [], [], []
    with style():
        tall = 1.1 * rows + 0.35
        figure = new_figure(7.4, tall, layout="none")
        axes = figure.add_axes((0.01, 0.35 / tall, 0.98, 1 - 0.35 / tall), xlim=(0, _ACROSS), ylim=(-rows, 0))
        axes.set_axis_off()
        for place, name in enumerate(names):
            left, bottom = place % _ACROSS + 0.2, -(place // _ACROSS) - 0.9
            wide, high = 0.77, 0.6
            points = _points(columns, name)
            low, top = points[:, 1].min(), points[:, 1].max()
            share = (points[:, 1] - low) / (top - low) if top > low else np.full(len(points), 0.5)
            curves.append(np.column_stack([left + wide * points[:, 0] / last, bottom + high * (0.08 + 0.84 * share)]))
            marks += [curves[-1]] if len(points) <= FEW_POINTS else []
            frames.append([(left, bottom + high), (left, bottom), (left + wide, bottom)])
            axes.text(left, bottom + high + 0.06, shorten(name, 46), fontsize=8)
            # As many digits as the two need to differ.
            digits = next((digits for digits in range(3, 9) if f"{low:.{digits}g}" != f"{top:.{digits}g}"), 8)
            for value, height in {top: 0.92, low: 0.08}.items() if top > low else [(low, 0.5)]:
                spot = (left - 0.015, bottom + high * height)
                axes.text(*spot, f"{value:.{digits if top > low else 3}g}", fontsize=7, ha="right", va="center")
            if place >= len(names) - _ACROSS:
                axes.text(left, bottom - 0.03, "0", fontsize=7, va="top")
                axes.text(left + wide, bottom - 0.03, f"{last:,.0f}", fontsize=7, ha="right", va="top")
        axes.add_collection(LineCollection(frames, colors=FAINT, linewidths=0.8))
        axes.add_collection(LineCollection(curves, colors=BLUE))
        if marks:
            axes.plot(*np.concatenate(marks).T, color=BLUE, marker="o", markersize=3, linestyle="none")
        figure.supxlabel("step", fontsize=8, y=0.05 / tall)
    return figure


def _last_step(columns: Columns) -> float:
    return max([_number(cell) or 0 for cell in columns["step"]] + [1])


def _step_axis(axes: Axes, columns: Columns, most: int) -> None:
    axes.set_xlim(0, 1.03 * _last_step(columns))
    axes.xaxis.set_major_locator(MaxNLocator(most, steps=ROUND, integer=True, min_n_ticks=1))
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))


def _curve(axes: Axes, columns: Columns, name: str, colour: str, label: str | None = None) -> bool:
    """Draw a metric; return whether it has a value."""
    points = _points(columns, name)
    if len(points):
        # Few points get a mark each: a single one would draw no line at all.
        axes.plot(*points.T, color=colour, label=label, marker="o" if len(points) <= FEW_POINTS else None, markersize=3)
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
