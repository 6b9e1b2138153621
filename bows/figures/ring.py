"""The polygon of an ordered set: its words in their best plane, joined in their known order."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from numpy.typing import ArrayLike

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
        figure.canvas.draw()  # fixes the layout, so that labels are placed where the points will be
        figure.set_layout_engine("none")
        _label(figure, axes, points, [shorten(word, 18) for word in words], 6.5 if many else 8.5)
    return figure


def _label(figure: Figure, axes: Axes, points: np.ndarray, labels: Sequence[str], size: float) -> None:
    """Put each label beside its point, outwards where there is room, away from points, other labels and the edge.

    Greedy: each label takes the cheapest of places around its point, at growing distances, and a thin line leads back
    from the far ones.
    """
    halo = withStroke(linewidth=2, foreground="white")  # a label stays readable where a line passes under it
    pixels = axes.transData.transform(points)
    frame = axes.get_window_extent()
    unit = figure.dpi / 72  # pixels a typographic point
    centre = pixels.mean(0)
    taken = [(x - 4 * unit, y - 4 * unit, x + 4 * unit, y + 4 * unit) for x, y in pixels]
    for place, label in zip(pixels, labels, strict=True):
        text = axes.text(0, 0, label, fontsize=size, ha="center", va="center", zorder=4, path_effects=[halo])
        box = text.get_window_extent()
        half = np.array([box.width, box.height]) / 2 + unit
        outwards = np.arctan2(*(place - centre)[::-1])
        best, best_cost, best_step = place, np.inf, 0
        for step, distance in enumerate((4, 8, 14, 22, 32, 44, 60)):
            for turn in np.linspace(0, np.pi, 9):
                for side in (1, -1):
                    angle = outwards + side * turn
                    heading = np.array([np.cos(angle), np.sin(angle)])
                    # The box touches the circle of this distance from outside, whatever its shape.
                    middle = place + heading * (distance * unit + np.abs(heading) @ half)
                    low, high = middle - half, middle + half
                    outside = np.maximum(frame.min - low, 0).sum() + np.maximum(high - frame.max, 0).sum()
                    cost = sum(_overlap(low, high, other) for other in taken) + 100 * outside
                    cost += unit * unit * (12 * step + 6 * turn)
                    if cost < best_cost:
                        best, best_cost, best_step = middle, cost, step
        x, y = axes.transData.inverted().transform(best)
        text.set_position((x, y))
        taken.append((*(best - half), *(best + half)))
        if best_step >= 2:
            near = np.clip(place, best - half, best + half)
            line = axes.transData.inverted().transform([place, near])
            axes.plot(line[:, 0], line[:, 1], color=INK, linewidth=0.4, zorder=2)


def _overlap(low: np.ndarray, high: np.ndarray, other: tuple[float, float, float, float]) -> float:
    """Area that two boxes share, in square pixels."""
    width = min(high[0], other[2]) - max(low[0], other[0])
    height = min(high[1], other[3]) - max(low[1], other[1])
    return width * height if width > 0 and height > 0 else 0.0
