"""Ordered sets in their planes: words joined in their known order, one set in a figure or several in panels with associated words."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from bows.figures.labels import place_labels
from bows.figures.style import BLUE, FAINT, INK, ORANGE, frame, new_figure, shorten, style

SIDE = 3.5  # inches, of a panel


def ring_polygon(
    coordinates: ArrayLike,
    words: Sequence[str],
    title: str = "",
    order: float | None = None,
    order_p: float | None = None,
) -> Figure:
    """Draw the words of a set at their places, joined in their known order and closed; the first word is marked.

    A ring in order is a convex polygon; a scrambled one crosses itself. Over 20 words get a larger figure and smaller labels.

    Args:
        coordinates: (n, 2), n >= 1, as from ``bows.analysis.ring.ring_coordinates``.
        words: n labels in the known cyclic order.
        title: Above the figure; the scores follow it.
        order: Circular order score in [0, 1].
        order_p: Its permutation p value.

    Raises:
        ValueError: Coordinates and words do not fit.
    """
    points = np.asarray(coordinates, dtype=float)
    if points.shape != (len(words), 2) or not len(words):
        raise ValueError(f"coordinates of shape {points.shape} do not fit {len(words)} words")
    scores = [f"order {order:.2f}"] if order is not None else []
    scores += [f"p = {order_p:.2g}"] if order_p is not None else []
    many = len(words) > 20
    with style():
        side = 6.6 if many else 4.2  # inches; next to it the names of the axes, above it two lines of title
        wide, tall = side + 0.4, side + 0.75
        figure = new_figure(wide, tall, layout="none")
        axes = figure.add_axes((0.3 / wide, 0.3 / tall, side / wide, side / tall))
        _polygon(axes, points)
        axes.scatter(*points[1:].T, s=22, color=BLUE, zorder=3)
        axes.scatter(*points[:1].T, s=48, color=ORANGE, edgecolor=INK, linewidth=0.6, zorder=3)
        frame(axes, points, room=1.45)
        axes.set(xlabel="first principal component", ylabel="second principal component")
        axes.set_title("\n".join(filter(None, [shorten(title, 50), "; ".join([*scores, "first word in orange"])])))
        place_labels(figure, axes, points, [shorten(word, 18) for word in words], 6.5 if many else 8.5)
    return figure


def word_planes(columns: Mapping[str, Sequence[Any]], below: str = "") -> Figure:
    """Draw a panel per plane: the words of the set as dots, joined in their order and closed; associated words as diamonds.

    Up to three panels are in a row, more in rows of two.

    Args:
        columns: A table by columns, a row per word: `panel` (its title, which may contain line breaks; panels are in order of
            occurrence), `word`, `place` (0, 1, ... in the known order; None for an associated word), `x` and `y`.
        below: A line below the panels.

    Raises:
        ValueError: There is no panel, or one without a word of the set.
    """
    rows = list(zip(*(columns[name] for name in ("panel", "word", "place", "x", "y")), strict=True))
    panels = {panel: [row[1:] for row in rows if row[0] == panel] for panel in dict.fromkeys(columns["panel"])}
    if not panels or any(all(place is None for _, place, *_ in words) for words in panels.values()):
        raise ValueError("a panel needs a word of its set at least")
    with style():
        # In inches: titles have two lines above, the legend and the line below theirs.
        across = len(panels) if len(panels) <= 3 else 2
        lines = -(-len(panels) // across)
        wide, lower, upper = SIDE * across, 0.35 + (0.2 if below else 0), 0.42
        tall = lower + lines * (SIDE + upper)
        figure = new_figure(wide, tall, layout="none")
        for number, (title, words) in enumerate(panels.items()):
            line, column = divmod(number, across)
            bottom = lower + (lines - 1 - line) * (SIDE + upper)
            place = (column * SIDE + 0.06) / wide, bottom / tall, (SIDE - 0.12) / wide, SIDE / tall
            axes = figure.add_axes(place)
            axes.set_title(title, fontsize=8.5)
            _panel(figure, axes, words)
        handles, labels = figure.axes[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="lower center", ncols=3, fontsize=8)
        if below:
            figure.text(0.06 / wide, 0.05 / tall, below, fontsize=8)
    return figure


def _panel(figure: Figure, axes: Axes, rows: Sequence[tuple]) -> None:
    """Draw the words of a panel: word, place, x, y."""
    own = sorted((place, word, x, y) for word, place, x, y in rows if place is not None)
    others = [(place, word, x, y) for word, place, x, y in rows if place is None]
    points = np.array([(x, y) for _, _, x, y in (*own, *others)], dtype=float)
    polygon, beyond = points[: len(own)], points[len(own) :]
    _polygon(axes, polygon)
    axes.scatter(*polygon.T, s=20, color=BLUE, zorder=3, label="in their known order")
    axes.scatter(*polygon[:1].T, s=44, color=BLUE, edgecolor=INK, linewidth=1, zorder=3, label="the first")
    if len(beyond):
        axes.scatter(*beyond.T, s=26, marker="D", color=ORANGE, zorder=3, label="associated words")
    frame(axes, points)
    labels = [shorten(word, 18) for _, word, _, _ in (*own, *others)]
    place_labels(figure, axes, points, labels, 7 if len(labels) > 14 else 8)


def _polygon(axes: Axes, points: np.ndarray) -> None:
    axes.plot(*np.vstack([points, points[:1]]).T, color=FAINT, linewidth=1, zorder=1)
