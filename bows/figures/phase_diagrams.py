"""Panels over two settings of a sweep: a heat map of a metric, and a map of the regimes with the most words."""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize, TwoSlopeNorm
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle
from numpy.typing import ArrayLike

from bows.figures.regime_shares import COLOURS, HATCHES, REGIMES
from bows.figures.scales import seeds_of, shown
from bows.figures.style import DIVERGING, FAINT, INK, caption, dark, heading, new_figure, style

WIDEST = 7.4  # inches, a page
SEQUENTIAL = "cividis"  # Nunez et al. 2018: even steps, with every common form of colour blindness and in grey
_MOST_PRINTED = 16  # columns; in narrower cells numbers would overlap
_STRIP = 0.3  # of a regime cell's height, with the shares of all regimes
_CELL = 0.66  # inches, of a regime cell
Setting = tuple[str, Sequence[Any]]  # its name and values


def setting_heat_map(
    panels: Sequence[tuple[str, ArrayLike, ArrayLike]], across: Setting, down: Setting, title: str = ""
) -> Figure:
    """Draw a metric over two settings, a panel per value of the other settings, its values printed in the cells.

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
    _check([*means, *counts], shape)
    known = np.concatenate([mean[np.isfinite(mean)] for mean in means])
    colours, scale = _scale(known)
    cell = 0.48 if shape[1] > 8 else 0.4
    columns = columns_of(len(panels), cell * shape[1] + 0.75)
    rows = -(-len(panels) // columns)
    width = min(WIDEST, max(columns * (cell * shape[1] + 0.35) + 1.3, 3.4))
    with style():
        figure = new_figure(width, rows * (0.25 * shape[0] + 0.55) + 0.9)
        grid = _grid(figure, [name for name, _, _ in panels], across, down, columns)
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
        seeds = np.concatenate([count[count > 0] for count in counts]).astype(int).tolist()
        one = "One seed per cell." if seeds else "no completed run"
        caption(figure, f"Mean over {seeds_of(seeds)} per cell." if seeds and max(seeds) > 1 else one)
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
    centred: dict[str, Any] = {"ha": "center", "va": "center"}
    for (row, column), value in np.ndenumerate(mean):
        if not np.isfinite(value):
            axes.text(column, row, "–", fontsize=7, color=FAINT, **centred)
            continue
        ink = "white" if dark(matplotlib.colormaps[colours](float(scale(value)))) else INK
        axes.text(column, row, brief(value, largest), fontsize=6.5, color=ink, **centred)


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


def regime_map(
    panels: Sequence[tuple[str, Mapping[str, ArrayLike]]],
    across: Setting,
    down: Setting,
    thresholds: str,
    title: str = "",
) -> Figure:
    """Draw the shares of the regimes over two settings, as latent size and weight decay.

    A cell has the colour of the regime with the most words, its name and its share; the strip below them has the shares of all five, in
    the order of the legend.

    Args:
        panels: At least one of title and, for each of ``REGIMES``, (R, C) shares of the words in [0, 1], NaN where there is no run.
        across: Name of the setting of the columns and its C values.
        down: Name of the setting of the rows and its R values; the first row is drawn lowest.
        thresholds: Of the regimes, and the number of seeds; printed below.
        title: Above the figure.

    Raises:
        ValueError: A panel does not fit the settings' values.
    """
    shape = (len(down[1]), len(across[1]))
    shares = [np.stack([np.asarray(panel[regime], dtype=float) for regime in REGIMES]) for _, panel in panels]
    _check(shares, (len(REGIMES), *shape))
    columns = columns_of(len(panels), 1.1 * (_CELL * shape[1] + 0.25))
    width = min(WIDEST, max(columns * (_CELL * shape[1] + 0.25) + 0.7, 4.6))
    text = f"Strip: the shares of all regimes. {thresholds}"
    rows, lines = -(-len(panels) // columns), 1 + len(text) // int(18.5 * width)
    with style():
        figure = new_figure(width, rows * (0.38 * shape[0] + 0.48) + 0.75 + 0.13 * lines)
        grid = _grid(figure, [name for name, _ in panels], across, down, columns)
        for axes, each in zip(grid, shares, strict=True):
            for row, column in np.ndindex(shape):
                _cell(axes, each[:, row, column], row, column, width / columns / shape[1])
        handles = [
            Patch(facecolor=COLOURS[name], edgecolor="white", hatch=HATCHES[name], label=name) for name in REGIMES
        ]
        figure.legend(
            handles=handles, loc="outside upper left", ncols=5, fontsize=8, handlelength=1.6, columnspacing=1.2,
            title=title or None, title_fontproperties={"size": 10}, alignment="left",
        )  # fmt: skip
        caption(figure, text, width=18.5 * width)
    return figure


def _cell(axes: Axes, shares: np.ndarray, row: int, column: int, room: float) -> None:
    """Draw the shares of one cell. room: its width in inches."""
    if not np.isfinite(shares).all():
        axes.text(column, row, "–", ha="center", va="center", fontsize=7, color=FAINT)
        return
    best, most = REGIMES[int(np.argmax(shares))], f"{shares.max():.0%}"
    left, low = column - 0.47, row - 0.46
    body = (left, low + _STRIP), 0.94, 0.92 - _STRIP
    axes.add_patch(Rectangle(*body, facecolor=COLOURS[best], edgecolor="none", alpha=0.35))
    label = f"{best} {most}" if room >= 0.95 else f"{best}\n{most}" if room >= 0.5 else most
    middle = low + _STRIP + (0.92 - _STRIP) / 2
    axes.text(column, middle, label, ha="center", va="center", fontsize=6.3, color=INK, linespacing=0.95)
    for name, share in zip(REGIMES, shares, strict=True):
        look = {"facecolor": COLOURS[name], "hatch": HATCHES[name], "edgecolor": "white", "linewidth": 0.3}
        axes.add_patch(Rectangle((left, low), 0.94 * share, _STRIP - 0.04, **look))
        left += 0.94 * share


def columns_of(panels: int, width: float) -> int:
    """Return how many panels of a width in inches are next to each other on a page, the rows as even as can be."""
    columns = int(np.clip(WIDEST // width, 1, panels))
    return -(-panels // -(-panels // columns))


def _grid(figure: Figure, titles: Sequence[str], across: Setting, down: Setting, columns: int) -> list[Axes]:
    """Return empty panels, ticks at the values of both settings, names of the settings at the outer ones."""
    grid = figure.subplots(-(-len(titles) // columns), columns, squeeze=False).ravel()
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
    return list(grid[: len(titles)])


def _check(panels: Sequence[np.ndarray], shape: tuple[int, ...]) -> None:
    if not panels or 0 in shape or any(each.shape != shape for each in panels):
        raise ValueError(f"panels of {[each.shape for each in panels]} do not fit settings of {shape} values")
