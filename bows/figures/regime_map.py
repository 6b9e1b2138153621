"""Regime map of a sweep: the regime with the most words at each latent size and weight decay, with the shares of all."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle
from numpy.typing import ArrayLike

from bows.figures.regime_shares import COLOURS, HATCHES, REGIMES
from bows.figures.setting_grid import WIDEST, Setting, check_panels, columns_of, setting_grid
from bows.figures.style import FAINT, INK, caption, style

_STRIP = 0.3  # of a cell's height, with the shares of all regimes
_CELL = 0.66  # inches


def regime_map(
    panels: Sequence[tuple[str, Mapping[str, ArrayLike]]],
    across: Setting,
    down: Setting,
    thresholds: str,
    title: str = "",
) -> Figure:
    """Draw the shares of the regimes over two settings.

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
    check_panels(shares, (len(REGIMES), *shape))
    columns = columns_of(len(panels), 1.1 * (_CELL * shape[1] + 0.25))
    width = min(WIDEST, max(columns * (_CELL * shape[1] + 0.25) + 0.7, 4.6))
    text = f"Strip: the shares of all regimes. {thresholds}"
    rows, lines = -(-len(panels) // columns), 1 + len(text) // int(18.5 * width)
    with style():
        size = width, rows * (0.38 * shape[0] + 0.48) + 0.75 + 0.13 * lines
        figure, grid = setting_grid([name for name, _ in panels], across, down, columns, size)
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
        part = Rectangle((left, low), 0.94 * share, _STRIP - 0.04, facecolor=COLOURS[name], hatch=HATCHES[name])
        part.set(edgecolor="white", linewidth=0.3)
        axes.add_patch(part)
        left += 0.94 * share
