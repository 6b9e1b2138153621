"""The polygon of an ordered set: its words in their best plane, joined in their known order."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from bows.figures.labels import place_labels
from bows.figures.style import BLUE, FAINT, INK, ORANGE, frame, new_figure, shorten, style


def ring_polygon(
    coordinates: ArrayLike,
    words: Sequence[str],
    title: str = "",
    order: float | None = None,
    order_p: float | None = None,
) -> Figure:
    """Draw the words at their places, joined in their known order and closed; the first word is marked.

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
    with style():
        many = len(words) > 20
        side = 6.6 if many else 4.2  # inches; beside it the names of the axes, above it two lines of title
        wide, tall = side + 0.4, side + 0.75
        figure = new_figure(wide, tall, layout="none")
        axes = figure.add_axes((0.3 / wide, 0.3 / tall, side / wide, side / tall))
        axes.plot(*np.vstack([points, points[:1]]).T, color=FAINT, linewidth=1, zorder=1)
        axes.scatter(*points[1:].T, s=22, color=BLUE, zorder=3)
        axes.scatter(*points[:1].T, s=48, color=ORANGE, edgecolor=INK, linewidth=0.6, zorder=3)
        frame(axes, points, room=1.45)
        axes.set(xlabel="first principal component", ylabel="second principal component")
        axes.set_title("\n".join(filter(None, [shorten(title, 50), "; ".join([*scores, "first word in orange"])])))
        place_labels(figure, axes, points, [shorten(word, 18) for word in words], 6.5 if many else 8.5)
    return figure
