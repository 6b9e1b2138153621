"""Matrices over the same few words, side by side, each with its own colours: correlation in the text beside cosine in the weights."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from bows.figures.style import DIVERGING, INK, new_figure, shorten, style

SIDE = 2.9  # inches, of a matrix with its labels


def word_matrices(columns: Mapping[str, Sequence[Any]]) -> Figure:
    """Draw a matrix per panel, blue below 0, white at 0, red above, up to its own largest absolute value off the diagonal.

    The diagonal is left grey.

    Args:
        columns: a table by columns, a row a cell: `panel` (its title; panels stand in the order they first come), `row` and
            `column` (words, in the order they first come), `value`.

    Raises:
        ValueError: if a panel lacks a cell.
    """
    panels = list(dict.fromkeys(columns["panel"]))
    words = list(dict.fromkeys(columns["row"]))
    index = {word: place for place, word in enumerate(words)}
    matrices = {panel: np.full((len(words), len(words)), np.nan) for panel in panels}
    for panel, row, column, value in zip(*(columns[name] for name in ("panel", "row", "column", "value")), strict=True):
        matrices[panel][index[row], index[column]] = value
    if not panels or any(np.isnan(matrix).any() for matrix in matrices.values()):
        raise ValueError("every panel needs a value for every pair of words")
    labels = [shorten(word, 14) for word in words]
    with style():
        figure = new_figure((SIDE + 0.55) * len(panels), SIDE + 0.25)
        for axes, panel in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
            matrix = matrices[panel]
            apart = np.where(np.eye(len(words), dtype=bool), np.nan, matrix)
            limit = float(np.nanmax(np.abs(apart))) or 1.0
            axes.set_facecolor("#DDDDDD")
            image = axes.imshow(apart, cmap=DIVERGING, vmin=-limit, vmax=limit, interpolation="nearest")
            axes.set_xticks(range(len(words)), labels, rotation=90, fontsize=7.5)
            axes.set_yticks(range(len(words)), labels, fontsize=7.5)
            axes.tick_params(length=0)
            for spine in axes.spines.values():
                spine.set(visible=True, color=INK)
            bar = figure.colorbar(image, ax=axes, fraction=0.046, pad=0.03)
            bar.outline.set_linewidth(0.6)
            bar.ax.tick_params(labelsize=7)
            axes.set_title(panel, fontsize=8.5)
    return figure
