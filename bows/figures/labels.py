"""Labels next to points, clear of each other."""

from collections.abc import Sequence

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.figure import Figure

from bows.figures.style import INK

# The places tried around a point: how far from it, in typographic points, and how far turned from outwards; and the cost of each.
_STEPS, _TURNS, _SIDES = np.meshgrid(range(7), np.linspace(0, np.pi, 9), (1, -1), indexing="ij")
DISTANCES = np.array((4, 8, 14, 22, 32, 44, 60))[_STEPS.ravel()]
TURNS = (_SIDES * _TURNS).ravel()
COST = (12 * _STEPS + 6 * _TURNS).ravel()


def place_labels(
    figure: Figure, axes: Axes, points: np.ndarray, labels: Sequence[str | None], size: float, tied: bool = False
) -> list[Artist]:
    """Put each label next to its point, outwards where there is room, away from points, other labels and the edge; return what was added.

    Greedy: each label takes the cheapest of places around its point, at growing distances. The layout of the figure is fixed first.

    Args:
        figure: Of the axes.
        axes: Where the labels go.
        points: (n, 2), in data coordinates.
        labels: n; None for a point that only takes room.
        size: Of the letters, in typographic points.
        tied: Whether a thin line leads from every label to its point; else only from far ones, and those as near to another point.
    """
    if figure.get_layout_engine() is not None:
        figure.draw_without_rendering()
        figure.set_layout_engine("none")
    pixels = axes.transData.transform(points)
    back = axes.transData.inverted().transform
    edge = axes.get_window_extent()
    unit = figure.dpi / 72  # pixels per typographic point
    centre = pixels.mean(0)
    taken = [(x - 4 * unit, y - 4 * unit, x + 4 * unit, y + 4 * unit) for x, y in pixels]
    texts: list[Artist] = []
    boxes, lines = [], []
    for place, label in zip(pixels, labels, strict=True):
        if label is None:
            continue
        text = axes.text(0, 0, label, fontsize=size, ha="center", va="center", zorder=5)
        box = text.get_window_extent()
        half = np.array([box.width, box.height]) / 2 + unit
        outwards = np.arctan2(*(place - centre)[::-1])
        angle = outwards + TURNS
        heading = np.stack([np.cos(angle), np.sin(angle)], 1)
        # The box touches the circle of this distance from outside, whatever its shape.
        middle = place + heading * (DISTANCES * unit + np.abs(heading) @ half)[:, None]
        low, high = middle - half, middle + half
        outside = np.maximum(edge.min - low, 0).sum(1) + np.maximum(high - edge.max, 0).sum(1)
        cost = 3 * _overlap(low, high, np.array(taken)).sum(1) + 100 * outside + unit * unit * COST
        cheapest = int(cost.argmin())
        best = middle[cheapest]
        text.set_position(tuple(back(best)))
        texts.append(text)
        taken.append((*(best - half), *(best + half)))
        boxes.append(back(best + (half - unit / 2) * [(-1, -1), (1, -1), (1, 1), (-1, 1)]))
        gaps = np.hypot(*(np.clip(pixels, best - half, best + half) - pixels).T)
        ends = [place, np.clip(place, best - half, best + half)]
        ambiguous = (gaps < 1.6 * np.hypot(*(ends[1] - place))).sum() > 1
        if tied or ambiguous or DISTANCES[cheapest] > 8:
            lines.append(back(ends))
    # A label stays readable where a line passes under it; an outline of its letters would make them paths in an SVG.
    # One collection each: a patch or a line per label takes as long to draw as the label.
    under = PolyCollection(boxes, facecolor=(1, 1, 1, 0.75), linewidth=0, zorder=4.9)
    leading = LineCollection(lines, color=INK, linewidth=0.4, zorder=2)
    return [*texts, axes.add_collection(under, autolim=False), axes.add_collection(leading, autolim=False)]


def _overlap(low: np.ndarray, high: np.ndarray, taken: np.ndarray) -> np.ndarray:
    """Return (n, k) areas, in square pixels, that boxes from low to high (n, 2) share with boxes (k, 4)."""
    sides = np.minimum(high[:, None], taken[:, 2:]) - np.maximum(low[:, None], taken[:, :2])
    return np.maximum(sides, 0).prod(2)
