"""Labels beside points, clear of each other."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from bows.figures.style import INK


def place_labels(figure: Figure, axes: Axes, points: np.ndarray, labels: Sequence[str], size: float) -> None:
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
