"""Gram matrices of a sweep beside the covariance of its data: rows are kinds of model, columns latent sizes."""

import textwrap
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from bows.figures.heat_map import brief
from bows.figures.style import DIVERGING, INK, new_figure, style

_WIDEST = 9.6  # inches, a page on its side


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
    side = float(np.clip((_WIDEST - 1.6) / (len(columns) + 1.3), 0.55, 1.25))
    wide = side * (len(columns) + 1.3) + 1.6
    with style():
        figure = new_figure(wide, (side + 0.19) * len(rows) + (0.8 if title else 0.6))
        ratios = [1.0, 0.3, *[1.0] * len(columns)]
        grid = figure.add_gridspec(len(rows), len(columns) + 2, width_ratios=ratios)
        # Beside the middle of the rows, or the two in the middle.
        span = slice((len(rows) - 1) // 2, len(rows) // 2 + 1)
        axes = figure.add_subplot(grid[span, 0])
        _draw(axes, covariance)
        axes.set_title("covariance\nof held-\nout data", fontsize=7.5, loc="center")
        for number, (label, row) in enumerate(zip(rows, matrices, strict=True)):
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
                    axes.set_title(columns[place], fontsize=8, loc="center")
                if place == 0:
                    axes.set_ylabel(
                        textwrap.fill(label, 16), fontsize=8, rotation=0, ha="right", va="center", labelpad=4
                    )
        below = "Colours: blue below 0, white 0, red above; they end at ± the number below each matrix. " + note
        figure.supxlabel(textwrap.fill(below, int(15 * wide)), x=0.01, ha="left", fontsize=7.5)
        if title:
            figure.suptitle(title, fontsize=10, x=0.01, ha="left")
    return figure


def _draw(axes: Axes, matrix: np.ndarray) -> None:
    limit = float(np.abs(matrix).max()) or 1.0
    axes.imshow(matrix, cmap=DIVERGING, vmin=-limit, vmax=limit, interpolation="nearest")
    axes.set(xticks=[], yticks=[])
    axes.set_xlabel(f"±{brief(limit)}", fontsize=6.5, labelpad=1)
    for spine in axes.spines.values():
        spine.set(visible=True, color=INK)
