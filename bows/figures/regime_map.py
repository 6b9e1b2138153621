"""Regime map of a sweep: which regime holds the most words at each latent size and weight decay, with the shares of all."""

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle
from numpy.typing import ArrayLike

from bows.figures.regime_shares import COLOURS, HATCHES, REGIMES
from bows.figures.scales import shown
from bows.figures.style import FAINT, INK, new_figure, style

_WIDEST = 7.4  # inches, a page
_STRIP = 0.3  # of a cell's height, with the shares of all regimes


def regime_map(
    panels: Sequence[tuple[str, Mapping[str, ArrayLike]]],
    across: tuple[str, Sequence[Any]],
    down: tuple[str, Sequence[Any]],
    thresholds: str,
    title: str = "",
) -> Figure:
    """Draw the shares of the regimes over two dials.

    A cell has the colour of the regime with the most words, its name and its share; the strip below them has the shares of all
    five, in the order of the legend.

    Args:
        panels: at least one of title and, for each of ``REGIMES``, (R, C) shares of the words in [0, 1], NaN where there is no run.
        across, down: name of the dial of the columns (rows) and its C (R) values; the first row is drawn lowest.
        thresholds: what the regimes mean, and over how many seeds the shares are; printed below.
        title: above the picture.

    Raises:
        ValueError: if a panel does not fit the dials' values.
    """
    shape = (len(down[1]), len(across[1]))
    shares = [np.stack([np.asarray(panel[regime], dtype=float) for regime in REGIMES]) for _, panel in panels]
    if not panels or 0 in shape or any(each.shape != (len(REGIMES), *shape) for each in shares):
        raise ValueError(f"panels of {[each.shape for each in shares]} do not fit dials of {shape} values")
    cell = 0.66
    columns = int(np.clip((_WIDEST - 0.6) // (cell * shape[1] + 0.25), 1, len(panels)))
    rows = -(-len(panels) // columns)
    columns = -(-len(panels) // rows)  # as even as can be
    width = min(_WIDEST, max(columns * (cell * shape[1] + 0.25) + 0.7, 4.6))
    lines = textwrap.wrap(f"Strip: the shares of all regimes. {thresholds}", int(18.5 * width))
    with style():
        figure = new_figure(width, rows * (0.38 * shape[0] + 0.48) + 0.75 + 0.13 * len(lines))
        grid = figure.subplots(rows, columns, squeeze=False).ravel()
        room = width / columns / shape[1]
        for place, (axes, (name, _), each) in enumerate(zip(grid, panels, shares, strict=False)):
            _panel(axes, each, room)
            axes.set_title(name, fontsize=8.5)
            axes.set_xticks(range(shape[1]), [shown(value) for value in across[1]], fontsize=7.5)
            axes.set_yticks(range(shape[0]), [shown(value) for value in down[1]], fontsize=7.5)
            axes.tick_params(length=0)
            axes.set(xlim=(-0.5, shape[1] - 0.5), ylim=(-0.5, shape[0] - 0.5))
            for spine in axes.spines.values():
                spine.set_visible(False)
            if place + columns >= len(panels):
                axes.set_xlabel(across[0], fontsize=8)
            if place % columns == 0:
                axes.set_ylabel(down[0], fontsize=8)
        for axes in grid[len(panels) :]:
            axes.remove()
        handles = [
            Patch(facecolor=COLOURS[name], edgecolor="white", hatch=HATCHES[name], label=name) for name in REGIMES
        ]
        figure.legend(
            handles=handles, loc="outside upper left", ncols=5, fontsize=8, handlelength=1.6, columnspacing=1.2,
            title=title or None, title_fontproperties={"size": 10}, alignment="left",
        )  # fmt: skip
        figure.supxlabel("\n".join(lines), x=0.01, ha="left", fontsize=7.5)
    return figure


def _panel(axes: Axes, shares: np.ndarray, room: float) -> None:
    for row in range(shares.shape[1]):
        for column in range(shares.shape[2]):
            here = shares[:, row, column]
            if not np.isfinite(here).all():
                axes.text(column, row, "–", ha="center", va="center", fontsize=7, color=FAINT)
                continue
            best = REGIMES[int(np.argmax(here))]
            left, low = column - 0.47, row - 0.46
            body = Rectangle(
                (left, low + _STRIP), 0.94, 0.92 - _STRIP, facecolor=COLOURS[best], edgecolor="none", alpha=0.35
            )
            axes.add_patch(body)
            middle = low + _STRIP + (0.92 - _STRIP) / 2
            label = (
                f"{best} {here.max():.0%}"
                if room >= 0.95
                else f"{best}\n{here.max():.0%}"
                if room >= 0.5
                else f"{here.max():.0%}"
            )
            axes.text(column, middle, label, ha="center", va="center", fontsize=6.3, color=INK, linespacing=0.95)
            for name, share in zip(REGIMES, here, strict=True):
                part = Rectangle((left, low), 0.94 * share, _STRIP - 0.04, facecolor=COLOURS[name], hatch=HATCHES[name])
                part.set(edgecolor="white", linewidth=0.3)
                axes.add_patch(part)
                left += 0.94 * share
