"""A metric over two settings: a heat map with its values printed, a panel per value of the other settings."""

from collections.abc import Sequence

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize, TwoSlopeNorm
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from bows.figures.setting_grid import WIDEST, Setting, check_panels, columns_of, setting_grid
from bows.figures.style import DIVERGING, FAINT, INK, caption, heading, style

SEQUENTIAL = "cividis"  # Nunez et al. 2018: even steps, with every common form of colour blindness and in grey
_MOST_PRINTED = 16  # columns; in narrower cells numbers would overlap


def dial_heat_map(
    panels: Sequence[tuple[str, ArrayLike, ArrayLike]], across: Setting, down: Setting, title: str = ""
) -> Figure:
    """Draw a metric over two settings.

    Colours have one scale over all panels: from the smallest value to the largest, with white at 0 where both signs occur.

    Args:
        panels: At least one of title; (R, C) means over seeds, NaN where there is no run; (R, C) counts of seeds. Row r, column c.
        across: Name of the setting of the columns and its C values.
        down: Name of the setting of the rows and its R values; the first row is drawn lowest.
        title: Above the figure.

    Raises:
        ValueError: A panel does not fit the settings' values.
    """
    shape = (len(down[1]), len(across[1]))
    means = [np.asarray(mean, dtype=float) for _, mean, _ in panels]
    counts = [np.asarray(count) for _, _, count in panels]
    check_panels([*means, *counts], shape)
    known = np.concatenate([mean[np.isfinite(mean)] for mean in means])
    colours, scale = _scale(known)
    cell = 0.48 if shape[1] > 8 else 0.4
    columns = columns_of(len(panels), cell * shape[1] + 0.75)
    rows = -(-len(panels) // columns)
    width = min(WIDEST, max(columns * (cell * shape[1] + 0.35) + 1.3, 3.4))
    with style():
        size = width, rows * (0.25 * shape[0] + 0.55) + 0.9
        figure, grid = setting_grid([name for name, _, _ in panels], across, down, columns, size)
        for axes, mean in zip(grid, means, strict=True):
            axes.imshow(mean, cmap=colours, norm=scale, aspect="auto", origin="lower", interpolation="nearest")
            if shape[1] <= _MOST_PRINTED:
                _write(axes, mean, colours, scale, float(np.abs(known).max()) if known.size else 0.0)
        if known.size:
            picture = ScalarMappable(norm=scale, cmap=colours)
            bar = figure.colorbar(picture, ax=grid, fraction=0.05, pad=0.02, aspect=18 * max(1.0, rows / 2))
            if colours == DIVERGING:
                bar.ax.set_ylim(known.min(), known.max())  # colours that occur
            bar.outline.set_linewidth(0.6)
            bar.ax.tick_params(labelsize=7.5)
        caption(figure, _seeds(counts))
        heading(figure, title)
    return figure


def _scale(known: np.ndarray) -> tuple[str, Normalize]:
    if not known.size:
        return SEQUENTIAL, Normalize(0, 1)
    low, high = float(known.min()), float(known.max())
    if low < 0 < high:
        limit = max(-low, high)
        return DIVERGING, TwoSlopeNorm(0, -limit, limit)
    return SEQUENTIAL, Normalize(low, high if high > low else low + (abs(low) or 1.0))


def _write(axes: Axes, mean: np.ndarray, colours: str, scale: Normalize, largest: float) -> None:
    of = matplotlib.colormaps[colours]
    for (row, column), value in np.ndenumerate(mean):
        if not np.isfinite(value):
            axes.text(column, row, "–", ha="center", va="center", fontsize=7, color=FAINT)
            continue
        red, green, blue, _ = of(float(scale(value)))
        ink = "white" if 0.299 * red + 0.587 * green + 0.114 * blue < 0.5 else INK
        axes.text(column, row, brief(value, largest), ha="center", va="center", fontsize=6.5, color=ink)


def brief(value: float, largest: float = 0.0) -> str:
    """Return a number in three digits; as 0 to three places where it is under a thousandth of `largest`.

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
        return "One seed per cell."
    return f"Mean over {few} seeds per cell." if few == many else f"Mean over {few} to {many} seeds per cell."
