"""Labels beside points, clear of each other."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bows.figures.style import INK

# The places tried around a point: how far from it, in typographic points, and how far turned from outwards; and what each costs.
_STEPS, _TURNS, _SIDES = np.meshgrid(range(7), np.linspace(0, np.pi, 9), (1, -1), indexing="ij")
DISTANCES = np.array((4, 8, 14, 22, 32, 44, 60))[_STEPS.ravel()]
TURNS = (_SIDES * _TURNS).ravel()
COST = (12 * _STEPS + 6 * _TURNS).ravel()


def place_labels(figure: Figure, axes: Axes, points: np.ndarray, labels: Sequence[str], size: float) -> None:
    """Put each label beside its point, outwards where there is room, away from points, other labels and the edge.

    Greedy: each label takes the cheapest of places around its point, at growing distances, and a thin line leads back
    from the far ones.
    """
    # A label stays readable where a line passes under it; an outline of its letters would make them paths in an SVG.
    under = {"boxstyle": "square,pad=0.05", "facecolor": (1, 1, 1, 0.75), "edgecolor": "none"}
    pixels = axes.transData.transform(points)
    frame = axes.get_window_extent()
    unit = figure.dpi / 72  # pixels a typographic point
    centre = pixels.mean(0)
    taken = [(x - 4 * unit, y - 4 * unit, x + 4 * unit, y + 4 * unit) for x, y in pixels]
    for place, label in zip(pixels, labels, strict=True):
        text = axes.text(0, 0, label, fontsize=size, ha="center", va="center", zorder=4, bbox=under)
        box = text.get_window_extent()
        half = np.array([box.width, box.height]) / 2 + unit
        outwards = np.arctan2(*(place - centre)[::-1])
        angle = outwards + TURNS
        heading = np.stack([np.cos(angle), np.sin(angle)], 1)
        # The box touches the circle of this distance from outside, whatever its shape.
        middle = place + heading * (DISTANCES * unit + np.abs(heading) @ half)[:, None]
        low, high = middle - half, middle + half
        outside = np.maximum(frame.min - low, 0).sum(1) + np.maximum(high - frame.max, 0).sum(1)
        cost = 3 * _overlap(low, high, np.array(taken)).sum(1) + 100 * outside + unit * unit * COST
        cheapest = int(cost.argmin())
        best = middle[cheapest]
        x, y = axes.transData.inverted().transform(best)
        text.set_position((x, y))
        taken.append((*(best - half), *(best + half)))
        if DISTANCES[cheapest] > 8:
            near = np.clip(place, best - half, best + half)
            line = axes.transData.inverted().transform([place, near])
            axes.plot(line[:, 0], line[:, 1], color=INK, linewidth=0.4, zorder=2)


def _overlap(low: np.ndarray, high: np.ndarray, taken: np.ndarray) -> np.ndarray:
    """(n, k) areas, in square pixels, that boxes from low to high (n, 2) share with boxes (k, 4)."""
    sides = np.minimum(high[:, None], taken[:, 2:]) - np.maximum(low[:, None], taken[:, :2])
    return np.maximum(sides, 0).prod(2)
