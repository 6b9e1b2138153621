"""A metric over two dials: a heat map with its values printed, a panel a setting of the other dials."""

from collections.abc import Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.colors import Normalize, TwoSlopeNorm
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from bows.figures.scales import shown
from bows.figures.style import DIVERGING, FAINT, INK, new_figure, style

SEQUENTIAL = "cividis"  # Nunez et al. 2018: even steps, with every common form of colour blindness and in grey
_WIDEST = 7.4  # inches, a page
_MOST_PRINTED = 16  # columns; in narrower cells numbers would run into each other


def dial_heat_map(
    panels: Sequence[tuple[str, ArrayLike, ArrayLike]],
    across: tuple[str, Sequence[Any]],
    down: tuple[str, Sequence[Any]],
    title: str = "",
) -> Figure:
    """Draw a metric over two dials.

    Colours have one scale over all panels: from the smallest value to the largest, with white at 0 where both signs occur.

    Args:
        panels: at least one of title; (R, C) means over seeds, NaN where there is no run; (R, C) counts of seeds. Row r, column c.
        across, down: name of the dial of the columns (rows) and its C (R) values; the first row is drawn lowest.
        title: above the picture.

    Raises:
        ValueError: if a panel does not fit the dials' values.
    """
    shape = (len(down[1]), len(across[1]))
    means = [np.asarray(mean, dtype=float) for _, mean, _ in panels]
    counts = [np.asarray(count) for _, _, count in panels]
    if not panels or 0 in shape or any(each.shape != shape for each in [*means, *counts]):
        raise ValueError(f"panels of {[each.shape for each in means]} do not fit dials of {shape} values")
    known = np.concatenate([mean[np.isfinite(mean)] for mean in means])
    colours, scale = _scale(known)
    digits = 4 if shape[1] > 8 else 3
    cell = float(np.clip(0.12 * digits, 0.4, 0.6))
    columns = int(np.clip(_WIDEST // (cell * shape[1] + 0.75), 1, len(panels)))
    rows = -(-len(panels) // columns)
    columns = -(-len(panels) // rows)  # as even as can be
    width = min(_WIDEST, max(columns * (cell * shape[1] + 0.35) + 1.3, 3.4))
    with style():
        figure = new_figure(width, rows * (0.25 * shape[0] + 0.55) + 0.9)
        grid = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True).ravel()
        for axes, (name, _, _), mean in zip(grid, panels, means, strict=False):
            axes.imshow(mean, cmap=colours, norm=scale, aspect="auto", origin="lower", interpolation="nearest")
            if shape[1] <= _MOST_PRINTED:
                _write(axes, mean, colours, scale, float(np.abs(known).max()) if known.size else 0.0)
            axes.set_title(name, fontsize=8.5)
            axes.set_xticks(range(shape[1]), [shown(value) for value in across[1]], fontsize=7.5)
            axes.set_yticks(range(shape[0]), [shown(value) for value in down[1]], fontsize=7.5)
            axes.tick_params(length=0)
            for spine in axes.spines.values():
                spine.set_visible(False)
        for axes in grid[len(panels) :]:
            axes.remove()
        for place, axes in enumerate(grid[: len(panels)]):
            if place + columns >= len(panels):
                axes.set_xlabel(across[0], fontsize=8)
                axes.tick_params(labelbottom=True)
            if place % columns == 0:
                axes.set_ylabel(down[0], fontsize=8)
        if known.size:
            picture = matplotlib.cm.ScalarMappable(norm=scale, cmap=colours)
            bar = figure.colorbar(
                picture, ax=list(grid[: len(panels)]), fraction=0.05, pad=0.02, aspect=18 * max(1.0, rows / 2)
            )
            if colours == DIVERGING:
                bar.ax.set_ylim(known.min(), known.max())  # colours that occur
            bar.outline.set_linewidth(0.6)
            bar.ax.tick_params(labelsize=7.5)
        figure.supxlabel(_seeds(counts), x=0.01, ha="left", fontsize=7.5)
        if title:
            figure.suptitle(title, fontsize=10, x=0.01, ha="left")
    return figure


def _scale(known: np.ndarray) -> tuple[str, Normalize]:
    if not known.size:
        return SEQUENTIAL, Normalize(0, 1)
    low, high = float(known.min()), float(known.max())
    if low < 0 < high:
        limit = max(-low, high)
        return DIVERGING, TwoSlopeNorm(0, -limit, limit)
    return SEQUENTIAL, Normalize(low, high if high > low else low + (abs(low) or 1.0))


def _write(axes, mean: np.ndarray, colours: str, scale: Normalize, largest: float) -> None:
    of = matplotlib.colormaps[colours]
    for (row, column), value in np.ndenumerate(mean):
        if not np.isfinite(value):
            axes.text(column, row, "–", ha="center", va="center", fontsize=7, color=FAINT)
            continue
        red, green, blue, _ = of(float(scale(value)))
        ink = "white" if 0.299 * red + 0.587 * green + 0.114 * blue < 0.5 else INK
        axes.text(column, row, brief(value, largest), ha="center", va="center", fontsize=6.5, color=ink)


def brief(value: float, largest: float = 0.0) -> str:
    """A number in three digits; beside a `largest` that it is less than a thousandth of, as 0 to three places.

    >>> [brief(value) for value in (0.8299, -0.0123, 1.234, 12.34, 1234.5, 0.00001, 0.0)]
    ['0.830', '-0.012', '1.23', '12.3', '1234', '1e-05', '0']
    >>> brief(-0.00009, 0.996)
    '0.000'
    """
    size = abs(value)
    if size == 0:
        return "0"
    if size < 0.0005 and size < largest / 1000:
        return "0.000"
    if size < 0.0005 or size >= 1e5:
        return f"{value:.0e}"
    return f"{value:.{3 if size < 1 else 2 if size < 10 else 1 if size < 100 else 0}f}"


def _seeds(counts: Sequence[np.ndarray]) -> str:
    known = np.concatenate([count[count > 0] for count in counts])
    if not known.size:
        return "no completed run"
    few, many = int(known.min()), int(known.max())
    if many == 1:
        return "One seed a cell."
    return f"Mean over {few} seeds a cell." if few == many else f"Mean over {few} to {many} seeds a cell."
