"""Histograms of pre-activations where words are and where they are not: what a ReLU cuts."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from bows.figures.style import BLUE, INK, ORANGE, new_figure, style


def pre_activations(columns: Mapping[str, Sequence[Any]], relu: bool = True) -> Figure:
    """Draw histograms of pre-activations, each of area 1: cells of words that are in the window, and cells of words that are not.

    Args:
        columns: a table by columns, a row a bin, rising: `left`, `right`, and the counts `present` and `absent`.
        relu: whether 0 is the threshold of a ReLU; the share of each histogram beyond it is told then.
    """
    edges = np.array([*columns["left"], columns["right"][-1]], dtype=float)
    widths = np.diff(edges)
    with style():
        figure = new_figure(6.0, 3.3)
        axes = figure.add_subplot()
        for name, label, colour, hatch in (
            ("absent", "not in the window", BLUE, None),
            ("present", "in the window", ORANGE, "///"),
        ):
            counts = np.array(columns[name], dtype=float)
            density = counts / (counts.sum() * widths)
            beyond = counts[edges[:-1] >= 0].sum() / counts.sum()
            said = f"{counts.sum():,.0f} cells of words {label}" + (f": {beyond:.1%} above 0" if relu else "")
            axes.stairs(density, edges, color=colour, linewidth=1.2, label=said)
            axes.stairs(
                density, edges, facecolor=(colour, 0.25), edgecolor=(colour, 0.6), fill=True, hatch=hatch, linewidth=0
            )
        axes.axvline(0, color=INK, linewidth=1)
        # Absent cells pile up just below 0: on a logarithmic axis both tails can be read.
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))  # the usual one writes formulas
        axes.set(xlabel="pre-activation", ylabel="density (logarithmic)")
        if relu:
            axes.text(
                0,
                1.01,
                "ReLU’s threshold",
                transform=axes.get_xaxis_transform(),
                fontsize=7.5,
                ha="center",
                va="bottom",
            )
        figure.legend(loc="outside lower center", fontsize=8)
    return figure
