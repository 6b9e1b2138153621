"""Training curves: loss on training and held-out windows, and held-out R², against the step."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, StrMethodFormatter

from bows.figures.style import BLUE, GREEN, INK, ORANGE, new_figure, style

ROUND = [1, 2, 2.5, 5, 10]  # steps between ticks, times powers of ten


def training_curves(
    columns: Mapping[str, Sequence],
    title: str = "",
    step: str = "step",
    train_loss: str = "train/loss",
    held_out_loss: str = "reconstruction/loss",
    r2: str = "reconstruction/r2",
) -> Figure:
    """Draw the losses above and R² below, over one axis of steps.

    Args:
        columns: a table by columns, as of metrics.csv: equally long sequences of numbers. Cells that are None, empty
            or not finite are skipped; where nothing is left to draw, the picture says so.
        title: above the picture.
        step, train_loss, held_out_loss, r2: names of the columns.

    Raises:
        ValueError: if the table has no column of steps.
    """
    if step not in columns:
        raise ValueError(f"training curves need a column {step!r}, got {sorted(columns)}")
    with style():
        figure = new_figure(6.4, 4.6, layout="none")
        room = {"left": 0.125, "right": 0.985, "bottom": 0.105, "top": 0.93 if title else 0.98, "hspace": 0.12}
        upper, lower = figure.subplots(2, 1, sharex=True, gridspec_kw=room)
        upper.xaxis.set_visible(False)  # the lower one's; ticks are half of what a figure takes to draw
        drawn = [
            _curve(upper, columns, step, train_loss, "training", BLUE),
            _curve(upper, columns, step, held_out_loss, "held-out", ORANGE),
        ]
        upper.set_ylabel("loss")
        if any(drawn):
            upper.legend(loc="upper right")
        else:
            _nothing(upper, "no loss was recorded")
        if _curve(lower, columns, step, r2, "held-out", GREEN):
            if lower.get_ylim()[0] < 0:  # below this line the mean would rebuild windows better
                lower.axhline(0, color=INK, linewidth=0.6, linestyle=":")
        else:
            _nothing(lower, "no R² was recorded")
        lower.set(xlabel="step", ylabel="held-out R²")
        last = max([_number(cell) or 0 for cell in columns[step]], default=0)
        lower.set_xlim(0, 1.03 * max(last, 1))
        lower.xaxis.set_major_locator(MaxNLocator(6, steps=ROUND, integer=True, min_n_ticks=1))
        for axes in (upper, lower):
            axes.yaxis.set_major_locator(MaxNLocator(5, steps=ROUND))
        lower.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
        if title:
            figure.suptitle(title, fontsize=10, x=0.02, ha="left")
    return figure


def _curve(axes: Axes, columns: Mapping[str, Sequence], step: str, name: str, label: str, colour: str) -> bool:
    # Without the column there is nothing to pair with the steps.
    pairs = zip(columns[step], columns[name], strict=True) if name in columns else ()
    points = [(x, y) for x, y in ((_number(x), _number(y)) for x, y in pairs) if x is not None and y is not None]
    if not points:
        return False
    points.sort()
    steps, values = np.array(points).T
    # Few points get a mark each: a single one would draw no line at all.
    axes.plot(steps, values, color=colour, label=label, marker="o" if len(points) <= 30 else None, markersize=3)
    return True


def _number(cell: object) -> float | None:
    try:
        number = float(cell)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def _nothing(axes: Axes, message: str) -> None:
    axes.text(0.5, 0.5, message, transform=axes.transAxes, ha="center", va="center")
    axes.set(yticks=[])
