"""The polygon of an ordered set: its words in their best plane, joined in their known order."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from bows.figures.labels import place_labels
from bows.figures.style import BLUE, FAINT, INK, ORANGE, new_figure, shorten, style


def ring_polygon(
    coordinates: ArrayLike,
    words: Sequence[str],
    title: str = "",
    order: float | None = None,
    order_p: float | None = None,
) -> Figure:
    """Draw the words where they lie, joined in their known order and closed; the first word is marked.

    A ring in order is a convex polygon; a scrambled one crosses itself. Over 20 words get a larger picture and smaller
    labels.

    Args:
        coordinates: (n, 2), n >= 1, as from ``bows.analysis.ring.ring_coordinates``.
        words: n labels in the known cyclic order.
        title: above the picture; the scores follow it.
        order: circular order score in [0, 1].
        order_p: its permutation p value.

    Raises:
        ValueError: if coordinates and words do not fit.
    """
    points = np.asarray(coordinates, dtype=float)
    if points.shape != (len(words), 2) or not len(words):
        raise ValueError(f"coordinates of shape {points.shape} do not fit {len(words)} words")
    scores = [f"order {order:.2f}"] if order is not None else []
    scores += [f"p = {order_p:.2g}"] if order_p is not None else []
    with style():
        many = len(words) > 20
        figure = new_figure(*((7.0, 7.2) if many else (4.6, 4.8)))
        axes = figure.add_subplot()
        closed = np.vstack([points, points[:1]])
        axes.plot(closed[:, 0], closed[:, 1], color=FAINT, linewidth=1, zorder=1)
        axes.scatter(points[1:, 0], points[1:, 1], s=22, color=BLUE, zorder=3)
        axes.scatter(points[:1, 0], points[:1, 1], s=48, color=ORANGE, edgecolor=INK, linewidth=0.6, zorder=3)
        centre, reach = (points.min(0) + points.max(0)) / 2, np.ptp(points, axis=0).max() / 2 or 1.0
        axes.set_xlim(centre[0] - 1.45 * reach, centre[0] + 1.45 * reach)
        axes.set_ylim(centre[1] - 1.45 * reach, centre[1] + 1.45 * reach)
        axes.set_aspect("equal")
        axes.set(xlabel="first principal component", ylabel="second principal component", xticks=[], yticks=[])
        axes.set_title(
            "\n".join([*filter(None, [shorten(title, 50)]), "; ".join([*scores, "the first word in orange"])])
        )
        figure.draw_without_rendering()  # fixes the layout, so that labels are placed where the points will be
        figure.set_layout_engine("none")
        place_labels(figure, axes, points, [shorten(word, 18) for word in words], 6.5 if many else 8.5)
    return figure
