"""Gram matrices of a sweep next to the covariance of its data: rows are kinds of model, columns latent sizes."""

import textwrap
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import ArrayLike

from bows.figures.style import DIVERGING, INK, new_figure, shorten, style

_WIDEST = 7.4  # inches, a page
_LINE = 16  # characters of a row label
_STEP = 1.08  # from one matrix to the next, in their sides
_EDGE = 0.06  # inches
_BELOW = (
    "Features in the order of their structure, from the upper left. Colours: blue below 0, white 0, red above, up to ± the number "
    "below each matrix."
)


def gram_grid(
    covariance: ArrayLike,
    grams: Sequence[Sequence[ArrayLike | None]],
    rows: Sequence[str],
    columns: Sequence[str],
    title: str = "",
    note: str = "",
) -> Figure:
    """Draw matrices over the features, blue below 0, white at 0, red above.

    The colours of each reach its own largest absolute value, which is printed below it.

    Args:
        covariance: (V, V), of held-out data, drawn on the left.
        grams: R rows of C matrices (V, V); None where there is no run.
        rows: R labels, of models.
        columns: C labels, of latent sizes.
        title: Above the figure.
        note: Below it.

    Raises:
        ValueError: There are no matrices, or some that do not fit.
    """
    covariance = np.asarray(covariance, dtype=float)
    matrices = [[None if each is None else np.asarray(each, dtype=float) for each in row] for row in grams]
    known = [each for row in matrices for each in row if each is not None]
    fits = len(matrices) == len(rows) > 0 and all(len(row) == len(columns) > 0 for row in matrices)
    if not fits or any(each.shape != covariance.shape for each in known):
        raise ValueError(
            f"matrices for {len(rows)} x {len(columns)} models do not fit a covariance of {covariance.shape}"
        )
    labels = [_in_lines(label) for label in rows]
    room = 0.15 + 0.065 * max(len(line) for label in labels for line in label.split("\n"))  # of the row labels
    side = float(np.clip((_WIDEST - room - 3 * _EDGE) / (1 + _STEP * len(columns)), 0.4, 1.25))
    left, top, down = 2 * _EDGE + side + room, 0.5 if title else 0.28, side + 0.2
    wide = left + _STEP * side * len(columns) + _EDGE
    lines = textwrap.wrap(f"{_BELOW} {note}", int(18.5 * wide))
    with style():
        # One plain set of axes in inches, downwards: with axes for each of dozens of matrices, drawing takes three times as long.
        tall = top + down * len(rows) + 0.13 * len(lines) + 0.1
        figure = new_figure(wide, tall, layout="none")
        axes = figure.add_axes((0.0, 0.0, 1.0, 1.0), xlim=(0, wide), ylim=(tall, 0), autoscale_on=False)
        axes.set_axis_off()
        middle = top + (down * (len(rows) - 1)) / 2
        _draw(axes, covariance, _EDGE, middle, side)
        axes.text(_EDGE, middle - 0.03, "covariance\nof data", fontsize=7, va="bottom")
        for place, column in enumerate(columns):
            x = left + (_STEP * place + 0.5) * side
            axes.text(x, top - 0.04, column, fontsize=7 if side < 0.6 else 8, ha="center", va="bottom")
        for number, (label, row) in enumerate(zip(labels, matrices, strict=True)):
            axes.text(left - 0.06, top + down * number + side / 2, label, fontsize=7.5, ha="right", va="center")
            for place, matrix in enumerate(row):
                _draw(axes, matrix, left + _STEP * place * side, top + down * number, side)
        axes.text(_EDGE, top + down * len(rows) + 0.03, "\n".join(lines), fontsize=7.5, va="top")
        axes.text(_EDGE, 0.07, title, fontsize=10, va="top")
    return figure


def _in_lines(label: str) -> str:
    """Return a label of parts, as "ReLU (tied), wd 6", in short lines, each part whole."""
    lines = [""]
    for part in label.split(", "):
        if lines[-1] and len(lines[-1]) + len(part) > _LINE:
            lines.append("")
        lines[-1] += f"{', ' * bool(lines[-1])}{shorten(part, 24)}"
    return "\n".join(lines)


def _draw(axes: Axes, matrix: np.ndarray | None, x: float, y: float, side: float) -> None:
    """Draw a matrix with its upper left corner at x, y, and below it the value at which its colours end."""
    if matrix is None:
        axes.text(x + side / 2, y + side / 2, "no run", ha="center", va="center", fontsize=7)
        return
    limit = float(np.abs(matrix).max()) or 1.0
    place = (x, x + side, y + side, y)
    axes.imshow(matrix, cmap=DIVERGING, vmin=-limit, vmax=limit, interpolation="nearest", extent=place, aspect="auto")
    axes.add_patch(Rectangle((x, y), side, side, fill=False, edgecolor=INK, linewidth=0.6))
    axes.text(x + side / 2, y + side + 0.02, f"±{limit:#.2g}".rstrip("."), fontsize=6.5, ha="center", va="top")
