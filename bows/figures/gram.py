"""Gram heat map: how strongly each of some words' directions writes into each other's output."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from bows.figures.style import DIVERGING, INK, new_figure, shorten, style

LABELLED = 60  # words; beyond that labels would be too small to read and are left out

BAR = 1.15  # inches to the right of the matrix, for the colour bar and its labels
BESIDE: dict[str, Any] = {"textcoords": "offset points", "annotation_clip": False}


def gram_heat_map(
    gram: ArrayLike,
    words: Sequence[str],
    title: str = "",
    quantity: str = "inner product  wᵢ · wⱼ",
    limit: float | None = None,
) -> Figure:
    """Draw a matrix over words, blue below 0, white at 0, red above.

    Args:
        gram: (n, n), n >= 1; row i, column j.
        words: n labels.
        title: above the picture.
        quantity: what a cell is, beside the colour bar.
        limit: colours end at -limit and limit, and the colour bar points on where values lie beyond. None for the
            largest absolute value.

    Raises:
        ValueError: if the matrix is not square over the words.
    """
    gram = np.asarray(gram, dtype=float)
    count = len(words)
    if gram.shape != (count, count) or count == 0:
        raise ValueError(f"a matrix of shape {gram.shape} does not fit {count} words")
    largest = float(np.abs(gram).max())
    limit = (largest or 1.0) if limit is None else limit
    extend = {(False, False): "neither", (True, False): "min", (False, True): "max", (True, True): "both"}[
        (bool(gram.min() < -limit), bool(gram.max() > limit))
    ]
    side = float(np.clip(0.17 * count, 2.8, 7.5))
    labels = [shorten(word, 18) for word in words] if count <= LABELLED else []
    size = float(np.clip(72 * 0.78 * side / count, 4.5, 9))
    with style():
        figure = new_figure(1, 1, layout="none")
        room = max([0.3, *(width(figure, label, size) + 0.12 for label in labels)]) if labels else 0.5
        wide, tall = room + side + BAR, room + side + (0.4 if title else 0.1)
        figure.set_size_inches(wide, tall)
        axes = figure.add_axes((room / wide, room / tall, side / wide, side / tall))
        image = axes.imshow(gram, cmap=DIVERGING, vmin=-limit, vmax=limit, interpolation="nearest")
        beside = figure.add_axes(
            ((room + side + 0.1) / wide, (room + 0.1 * side) / tall, 0.15 / wide, 0.8 * side / tall)
        )
        bar = figure.colorbar(image, cax=beside, extend=extend)
        bar.set_label(quantity)
        bar.outline.set_linewidth(0.6)
        for spine in axes.spines.values():
            spine.set(visible=True, color=INK)
        if labels:
            axes.set(xticks=[], yticks=[])
            for place, label in enumerate(labels):  # as texts: ticks take several times as long to lay out
                axes.annotate(
                    label, (place, count - 0.5), (0, -3), size=size, rotation=90, ha="center", va="top", **BESIDE
                )
                axes.annotate(label, (-0.5, place), (-3, 0), size=size, ha="right", va="center", **BESIDE)
        else:
            axes.set(xlabel="word", ylabel="word")
        if title:
            figure.suptitle(title, fontsize=10, x=0.02, ha="left")
    return figure


def width(figure: Figure, label: str, size: float) -> float:
    """Of a text, in inches."""
    text = figure.text(0, 0, label, fontsize=size)
    inches = text.get_window_extent().width / figure.dpi
    text.remove()
    return inches
