"""Sets that the shape search found: rings, lines and clusters of words, each in its own plane."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from bows.figures.labels import place_labels
from bows.figures.style import BLUE, FAINT, GREEN, ORANGE, frame, heading, message, new_figure, shorten, style

MOST = 12  # panels
_LOOKS = {"ring": (BLUE, "o"), "line": (ORANGE, "s"), "cluster": (GREEN, "^")}
# Points and characters of a label: the first that leaves all labels apart.
_LABELS = ((7.5, 14), (6.5, 14), (5.5, 14), (5.5, 9), (5.0, 6))
_Panel = tuple[str, list[str], np.ndarray, float]  # kind, words, their places, q


def found_shapes(
    rows: Sequence[Mapping[str, Any]], coordinates: Sequence[ArrayLike], q_threshold: float = 0.05
) -> Figure:
    """Draw up to 12 found sets, a panel each, the best first.

    The words of a ring are joined in their order and closed, those of a line joined and open, those of a cluster not joined. Scales
    differ between panels.

    Args:
        rows: Found sets, best first, each with ``kind`` (ring, line or cluster), ``words`` in order around the ring or along the line, and
            ``q``, its false discovery rate. Of more than 12 the first are drawn, and the title states it.
        coordinates: Of each row (n, 2), a place per word, in the order of the words.
        q_threshold: Of the search; stated where nothing was found.

    Raises:
        ValueError: Coordinates do not fit the rows or the words, or a kind is unknown.
    """
    if len(rows) != len(coordinates):
        raise ValueError(f"{len(coordinates)} coordinates do not fit {len(rows)} sets")
    panels = [_checked(row, points) for row, points in zip(rows[:MOST], coordinates, strict=False)]
    title = f"(the first {MOST} of {len(rows)} sets)" if len(rows) > MOST else ""
    with style():
        if panels:
            figure = _grid(panels, bool(title))
        else:
            figure = new_figure(6.4, 1.4)
            axes = figure.add_subplot()
            axes.set_axis_off()
            message(axes, f"nothing found at q < {q_threshold:g}")
        heading(figure, title)
        for axes, (_, words, points, _) in zip(figure.axes, panels, strict=False):
            _name(figure, axes, points, words)
    return figure


def _checked(row: Mapping[str, Any], points: ArrayLike) -> _Panel:
    words, places = list(row["words"]), np.asarray(points, dtype=float)
    if row["kind"] not in _LOOKS:
        raise ValueError(f"a set is one of {', '.join(_LOOKS)}, got {row['kind']!r}")
    if places.shape != (len(words), 2) or not words:
        raise ValueError(f"coordinates of shape {places.shape} do not fit {len(words)} words")
    return row["kind"], words, places, float(row["q"])


def _grid(panels: Sequence[_Panel], titled: bool) -> Figure:
    # Many words need broad panels, or their labels find no room.
    across = 3 if max(len(words) for _, words, _, _ in panels) <= 10 else 2
    side = 6.4 / across
    columns = min(len(panels), across)
    lines = -(-len(panels) // columns)
    figure = new_figure(max(side * columns, 3.2), (side + 0.15) * lines + 0.35 * titled)
    for place, (kind, words, points, q) in enumerate(panels, start=1):
        axes = figure.add_subplot(lines, columns, place)
        colour, marker = _LOOKS[kind]
        if kind != "cluster":
            joined = np.vstack([points, points[:1]]) if kind == "ring" else points
            axes.plot(*joined.T, color=FAINT, linewidth=1, zorder=1)
        axes.scatter(*points.T, s=14, color=colour, marker=marker, linewidth=0, zorder=3)
        frame(axes, points, room=1.5)
        axes.set_title(f"{kind} · {len(words)} words · q = {q:.2g}", fontsize=8.5)
    return figure


def _name(figure: Figure, axes: Axes, points: np.ndarray, words: Sequence[str]) -> None:
    """Label the points in the largest letters that leave the labels apart and inside the panel."""
    added: list[Artist] = []
    for size, length in _LABELS:
        for artist in added:
            artist.remove()
        added = place_labels(figure, axes, points, [shorten(word, length) for word in words], size)
        boxes, edge = [text.get_window_extent() for text in axes.texts], axes.get_window_extent()
        apart = not any(a.overlaps(b) for a, b in itertools.combinations(boxes, 2))
        if apart and all((box.min >= edge.min).all() and (box.max <= edge.max).all() for box in boxes):
            break
