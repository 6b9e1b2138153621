"""Gram heat map: how strongly each of some words' directions writes into each other's output."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from bows.figures.style import DIVERGING, INK, new_figure, shorten, style

LABELLED = 60  # words; beyond that labels would be too small to read and are left out

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
    with style():
        figure = new_figure(side + 2.2, side + 1.3)
        axes = figure.add_subplot()
        image = axes.imshow(gram, cmap=DIVERGING, vmin=-limit, vmax=limit, interpolation="nearest")
        bar = figure.colorbar(image, ax=axes, extend=extend, shrink=0.8, pad=0.02)
        bar.set_label(quantity)
        bar.outline.set_linewidth(0.6)
        for spine in axes.spines.values():
            spine.set(visible=True, color=INK)
        if count <= LABELLED:
            labels = [shorten(word, 18) for word in words]
            size = float(np.clip(72 * 0.78 * side / count, 4.5, 9))
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
