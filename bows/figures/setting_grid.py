"""Panels over two settings of a sweep, a column per value of one and a row per value of the other."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bows.figures.scales import shown
from bows.figures.style import new_figure

WIDEST = 7.4  # inches, a page
Setting = tuple[str, Sequence[Any]]  # its name and values


def columns_of(panels: int, width: float) -> int:
    """Return how many panels of a width in inches are next to each other on a page, the rows as even as can be."""
    columns = int(np.clip(WIDEST // width, 1, panels))
    return -(-panels // -(-panels // columns))


def setting_grid(
    titles: Sequence[str], across: Setting, down: Setting, columns: int, size: tuple[float, float]
) -> tuple[Figure, list[Axes]]:
    """Return a figure with empty panels, ticks at the values of both settings, names of the settings at the outer ones.

    Args:
        titles: Of the panels.
        across: Name and values of the setting across.
        down: Of the setting down; its first value is lowest.
        columns: Panels next to each other.
        size: Of the figure, in inches.
    """
    figure = new_figure(*size)
    rows = -(-len(titles) // columns)
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for place, (axes, title) in enumerate(zip(grid, titles, strict=False)):
        axes.set_title(title, fontsize=8.5)
        axes.set_xticks(range(len(across[1])), [shown(value) for value in across[1]], fontsize=7.5)
        axes.set_yticks(range(len(down[1])), [shown(value) for value in down[1]], fontsize=7.5)
        axes.set(xlim=(-0.5, len(across[1]) - 0.5), ylim=(-0.5, len(down[1]) - 0.5))
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        if place + columns >= len(titles):
            axes.set_xlabel(across[0], fontsize=8)
        if place % columns == 0:
            axes.set_ylabel(down[0], fontsize=8)
    for axes in grid[len(titles) :]:
        axes.remove()
    return figure, list(grid[: len(titles)])


def check_panels(panels: Sequence[np.ndarray], shape: tuple[int, ...]) -> None:
    """Raise ValueError where there is no panel, or one does not fit the settings' values."""
    if not panels or 0 in shape or any(each.shape != shape for each in panels):
        raise ValueError(f"panels of {[each.shape for each in panels]} do not fit settings of {shape} values")
