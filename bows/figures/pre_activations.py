"""Histograms of pre-activations where words are present and absent: what a ReLU cuts."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from bows.figures.style import BLUE, INK, ORANGE, new_figure, style


def pre_activations(columns: Mapping[str, Sequence[Any]]) -> Figure:
    """Draw histograms of pre-activations, each of area 1: cells of present words, and cells of absent words, with their shares above 0.

    Args:
        columns: A table by columns, a row per bin, rising: `left`, `right`, and the counts `present` and `absent`.
    """
    edges = np.array([*columns["left"], columns["right"][-1]], dtype=float)
    with style():
        figure = new_figure(6.0, 3.3)
        axes = figure.add_subplot()
        for name, colour, hatch in (("absent", BLUE, None), ("present", ORANGE, "///")):
            counts = np.array(columns[name], dtype=float)
            above = f"{counts[edges[:-1] >= 0].sum() / counts.sum():.1%} above 0"
            density_histogram(axes, edges, counts, colour, hatch, f"{counts.sum():,.0f} cells of {name} words: {above}")
        threshold(axes, True)
        # Absent cells pile up just below 0: on a logarithmic axis both tails can be read.
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))  # the usual one writes formulas
        axes.set(xlabel="pre-activation", ylabel="density (logarithmic)")
        figure.legend(loc="outside lower center", fontsize=8)
    return figure


def density_histogram(
    axes: Axes, edges: np.ndarray, counts: np.ndarray, colour: str, hatch: str | None, label: str
) -> None:
    """Draw a histogram of area 1, flat where there are no counts."""
    total = counts.sum()
    density = counts / (total * np.diff(edges)) if total else np.zeros_like(counts)
    axes.stairs(density, edges, color=colour, linewidth=1.2, label=label)
    axes.stairs(density, edges, facecolor=(colour, 0.3), edgecolor=(colour, 0.6), fill=True, hatch=hatch, linewidth=0)


def threshold(axes: Axes, relu: bool) -> None:
    """Draw a line at 0, named where it is the threshold of a ReLU."""
    axes.axvline(0, color=INK, linewidth=1, zorder=4)
    if relu:
        above = axes.get_xaxis_transform()
        axes.text(0, 1.01, "ReLU’s threshold", transform=above, fontsize=7, ha="center", va="bottom")
