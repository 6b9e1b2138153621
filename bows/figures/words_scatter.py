"""One value of each word against another, by kind of word, some of them named."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from bows.figures.labels import place_labels
from bows.figures.style import BLUE, FAINT, GREEN, INK, ORANGE, PURPLE, RED, new_figure, shorten, style

LOOKS = ((BLUE, "o"), (ORANGE, "^"), (GREEN, "s"), (RED, "v"), (PURPLE, "D"))
_DOTS: dict[str, Any] = {"linewidth": 0, "rasterized": True}


def words_scatter(
    columns: Mapping[str, Sequence[Any]], x: str, y: str, kinds: Sequence[str], title: str = "", diagonal: bool = True
) -> Figure:
    """Draw a point per word.

    Args:
        columns: A table by columns, a row per word: `word`, `x`, `y`, `kind`, and `named` (whether the word is written at its point).
        x: Label of the axis across.
        y: Label of the axis up.
        kinds: In the order of their looks, 5 at most; words of other kinds are faint.
        title: Above the figure.
        diagonal: Whether to draw the line of equal values.

    Raises:
        ValueError: There are more kinds than looks.
    """
    if len(kinds) > len(LOOKS):
        raise ValueError(f"{len(kinds)} kinds of words are more than the {len(LOOKS)} looks")
    points = np.column_stack([columns["x"], columns["y"]]).astype(float)
    kind, named = np.array(columns["kind"], dtype=object), np.array(columns["named"], dtype=bool)
    with style():
        figure = new_figure(5.6, 4.9)
        axes = figure.add_subplot()
        others = ~np.isin(kind, list(kinds))
        if others.any():
            axes.scatter(*points[others].T, s=4, color=FAINT, zorder=1, label=f"{others.sum():,} others", **_DOTS)
        for name, (colour, marker) in zip(kinds, LOOKS, strict=False):
            own = points[kind == name]
            if len(own):
                label = f"{len(own):,} {name}"
                axes.scatter(*own.T, s=9, color=colour, marker=marker, alpha=0.7, zorder=2, label=label, **_DOTS)
        if named.any():
            axes.scatter(*points[named].T, s=22, facecolor="none", edgecolor=INK, linewidth=0.9, zorder=3)
        if diagonal:
            axes.axline((0, 0), slope=1, color=INK, linewidth=0.6, zorder=0)
        axes.set(xlabel=x, ylabel=y)
        axes.set_title(title, fontsize=9)
        figure.legend(loc="outside lower center", ncols=3, fontsize=8, markerscale=1.8)
        words = [shorten(word, 16) for word, is_named in zip(columns["word"], named, strict=True) if is_named]
        if words:
            place_labels(figure, axes, points[named], words, 7)
    return figure
