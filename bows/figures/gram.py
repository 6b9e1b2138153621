"""Matrices over words: the Gram matrix of their directions, and several matrices of the same few words next to each other."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from bows.figures.style import DIVERGING, INK, heading, new_figure, shorten, style

LABELLED = 60  # words; beyond that labels would be too small to read and are left out
BAR = 1.15  # inches to the right of the matrix, for the colour bar and its labels
SIDE = 2.3  # inches, of one of several matrices


def gram_heat_map(gram: ArrayLike, words: Sequence[str], title: str = "") -> Figure:
    """Draw a matrix over words, blue below 0, white at 0, red above, in colours up to its largest absolute value.

    Args:
        gram: (n, n), n >= 1; row i, column j.
        words: n labels.
        title: Above the figure.

    Raises:
        ValueError: The matrix is not square over the words.
    """
    gram = np.asarray(gram, dtype=float)
    count = len(words)
    if gram.shape != (count, count) or count == 0:
        raise ValueError(f"a matrix of shape {gram.shape} does not fit {count} words")
    limit = float(np.abs(gram).max()) or 1.0
    side = float(np.clip(0.17 * count, 2.8, 7.5))
    labels = [shorten(word, 18) for word in words] if count <= LABELLED else []
    size = float(np.clip(72 * 0.78 * side / count, 4.5, 9))
    with style():
        figure = new_figure(1, 1, layout="none")
        room = max([0.3, *(_width(figure, label, size) + 0.12 for label in labels)]) if labels else 0.5
        wide, tall = room + side + BAR, room + side + (0.4 if title else 0.1)
        figure.set_size_inches(wide, tall)
        axes = figure.add_axes((room / wide, room / tall, side / wide, side / tall))
        at_right = ((room + side + 0.1) / wide, (room + 0.1 * side) / tall, 0.15 / wide, 0.8 * side / tall)
        _matrix(figure, axes, gram, limit, {"cax": figure.add_axes(at_right), "label": "inner product  wᵢ · wⱼ"})
        if labels:
            _name_words(axes, labels, size)
        else:
            axes.set(xlabel="word", ylabel="word")
        heading(figure, title)
    return figure


def word_matrices(columns: Mapping[str, Sequence[Any]]) -> Figure:
    """Draw a matrix per panel, in colours up to its own largest absolute value off the diagonal, which is left grey.

    Args:
        columns: A table by columns, a row per cell: `panel` (its title; panels are in order of occurrence), `row` and `column` (words, in
            order of occurrence), `value`.

    Raises:
        ValueError: A panel lacks a cell.
    """
    panels = list(dict.fromkeys(columns["panel"]))
    words = list(dict.fromkeys(columns["row"]))
    index = {word: place for place, word in enumerate(words)}
    matrices = {panel: np.full((len(words), len(words)), np.nan) for panel in panels}
    for panel, row, column, value in zip(*(columns[name] for name in ("panel", "row", "column", "value")), strict=True):
        matrices[panel][index[row], index[column]] = value
    if not panels or any(np.isnan(matrix).any() for matrix in matrices.values()):
        raise ValueError("every panel needs a value for every pair of words")
    labels, size = [shorten(word, 14) for word in words], 7.5
    with style():
        figure = new_figure(1, 1, layout="none")
        room = max(_width(figure, label, size) for label in labels) + 0.12
        each, tall = room + SIDE + 0.75, room + SIDE + 0.3
        wide = each * len(panels)
        figure.set_size_inches(wide, tall)
        for place, (panel, matrix) in enumerate(matrices.items()):
            np.fill_diagonal(matrix, np.nan)
            left, limit = place * each + room, float(np.nanmax(np.abs(matrix))) or 1.0
            axes = figure.add_axes((left / wide, room / tall, SIDE / wide, SIDE / tall), facecolor="#DDDDDD")
            at_right = figure.add_axes(((left + SIDE + 0.1) / wide, room / tall, 0.12 / wide, SIDE / tall))
            _matrix(figure, axes, matrix, limit, {"cax": at_right})
            at_right.tick_params(labelsize=7)
            _name_words(axes, labels, size)
            axes.set_title(panel, fontsize=8.5)
    return figure


def _name_words(axes: Axes, labels: Sequence[str], size: float) -> None:
    """Write the words below and at the left of a matrix. As texts: ticks take several times as long to lay out and draw."""
    axes.set(xticks=[], yticks=[])
    near: dict[str, Any] = {"size": size, "textcoords": "offset points", "annotation_clip": False}
    for place, label in enumerate(labels):
        axes.annotate(label, (place, len(labels) - 0.5), (0, -3), rotation=90, ha="center", va="top", **near)
        axes.annotate(label, (-0.5, place), (-3, 0), ha="right", va="center", **near)


def _matrix(figure: Figure, axes: Axes, matrix: np.ndarray, limit: float, bar: dict[str, Any]) -> None:
    """Draw a framed matrix, and its colour bar, which has these options."""
    image = axes.imshow(matrix, cmap=DIVERGING, vmin=-limit, vmax=limit, interpolation="nearest")
    axes.spines[:].set(visible=True, color=INK)
    drawn = figure.colorbar(image, **bar)
    drawn.outline.set_linewidth(0.6)


def _width(figure: Figure, label: str, size: float) -> float:
    """Return the width of a text in inches."""
    text = figure.text(0, 0, label, fontsize=size)
    inches = text.get_window_extent().width / figure.dpi
    text.remove()
    return inches
