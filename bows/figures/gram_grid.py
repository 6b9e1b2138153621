"""Gram matrices of a sweep beside the covariance of its data: rows are kinds of model, columns latent sizes."""

import textwrap
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from bows.figures.style import DIVERGING, INK, new_figure, shorten, style

_WIDEST = 7.4  # inches, a page
_LINE = 16  # characters of a row label
_GAP = 0.25  # of a matrix, between the covariance and the row labels


def gram_grid(
    covariance: ArrayLike,
    grams: Sequence[Sequence[ArrayLike | None]],
    rows: Sequence[str],
    columns: Sequence[str],
    title: str = "",
    note: str = "",
) -> Figure:
    """Draw matrices over the features, blue below 0, white at 0, red above, each with colours up to its own largest
    absolute value, which stands below it.

    Args:
        covariance: (V, V), of held-out data, drawn on the left.
        grams: R rows of C matrices (V, V); None where there is no run.
        rows: R labels, of models. columns: C labels, of latent sizes.
        title: above the picture.
        note: below it.

    Raises:
        ValueError: if there are no matrices, or some that do not fit.
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
    room = 0.12 + 0.065 * max(len(line) for label in labels for line in label.split("\n"))  # inches, of the row labels
    side = float(np.clip((_WIDEST - room) / (1.08 * (len(columns) + 1 + _GAP)), 0.4, 1.25))
    wide = 1.08 * side * (len(columns) + 1 + _GAP) + room
    below = (
        "Features in the order of their structure, from the upper left. Colours: blue below 0, white 0, red above, up to ± the number "
        f"below each matrix. {note}"
    )
    lines = textwrap.wrap(below, int(18.5 * wide))
    with style():
        figure = new_figure(wide, (side + 0.24) * len(rows) + (0.62 if title else 0.42) + 0.13 * len(lines))
        ratios = [1.0, _GAP, *[1.0] * len(columns)]
        grid = figure.add_gridspec(len(rows), len(columns) + 2, width_ratios=ratios, wspace=0.05)
        # Beside the middle of the rows, or the two in the middle.
        span = slice((len(rows) - 1) // 2, len(rows) // 2 + 1)
        axes = figure.add_subplot(grid[span, 0])
        _draw(axes, covariance)
        axes.set_title("covariance\nof data", fontsize=7)
        for number, (label, row) in enumerate(zip(labels, matrices, strict=True)):
            for place, matrix in enumerate(row):
                axes = figure.add_subplot(grid[number, place + 2])
                if matrix is None:
                    axes.set(xticks=[], yticks=[])
                    axes.set_box_aspect(1)
                    axes.text(0.5, 0.5, "no run", ha="center", va="center", fontsize=7, transform=axes.transAxes)
                    for spine in axes.spines.values():
                        spine.set_visible(False)
                else:
                    _draw(axes, matrix)
                if number == 0:
                    axes.set_title(columns[place], fontsize=7 if side < 0.6 else 8, loc="center")
                if place == 0:
                    axes.set_ylabel(label, fontsize=7.5, rotation=0, ha="right", va="center", labelpad=4)
        figure.supxlabel("\n".join(lines), x=0.01, ha="left", fontsize=7.5)
        if title:
            figure.suptitle(title, fontsize=10, x=0.01, ha="left")
    return figure


def _in_lines(label: str) -> str:
    """A label of parts, as "ReLU (tied), wd 6", in short lines, each part whole."""
    lines = [""]
    for part in label.split(", "):
        if lines[-1] and len(lines[-1]) + len(part) > _LINE:
            lines.append("")
        lines[-1] += f"{', ' * bool(lines[-1])}{shorten(part, 24)}"
    return "\n".join(lines)


def _draw(axes: Axes, matrix: np.ndarray) -> None:
    limit = float(np.abs(matrix).max()) or 1.0
    axes.imshow(matrix, cmap=DIVERGING, vmin=-limit, vmax=limit, interpolation="nearest")
    axes.set(xticks=[], yticks=[])
    axes.set_xlabel(f"±{limit:#.2g}".rstrip("."), fontsize=6.5, labelpad=1)
    for spine in axes.spines.values():
        spine.set(visible=True, color=INK)
