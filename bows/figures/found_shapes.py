"""Sets that the scanner found: rings, lines and clusters of words, each drawn in its own plane."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from bows.figures.labels import place_labels
from bows.figures.style import BLUE, FAINT, GREEN, INK, ORANGE, new_figure, shorten, style

MOST = 12  # panels
_LOOKS = {"ring": (BLUE, "o"), "line": (ORANGE, "s"), "cluster": (GREEN, "^")}
# Points and characters of a label: the first that leaves all labels apart.
_LABELS = ((7.5, 14), (6.5, 14), (5.5, 14), (5.5, 9), (5.0, 6))


_Panel = tuple[str, list[str], np.ndarray, float]  # kind, words, their places, q


def found_shapes(
    rows: Sequence[Mapping[str, Any]],
    coordinates: Sequence[ArrayLike],
    title: str = "",
    q_threshold: float = 0.05,
) -> Figure:
    """Draw up to 12 found sets, one a panel, the best first.

    Words stand at their coordinates. A ring's are joined in their order and closed, a line's joined and open, a
    cluster's not joined. Scales differ between panels.

    Args:
        rows: found sets, best first, each with ``kind`` (ring, line or cluster), ``words`` in order around the ring or along
            the line, and ``q``, its false discovery rate; other keys are not read. Of more than 12 the first are drawn,
            and the title says so.
        coordinates: of each row (n, 2), a place a word, in the order of the words.
        title: above the picture.
        q_threshold: what sets were looked for under; named where there is none.

    Raises:
        ValueError: if coordinates do not fit the rows or the words, or a kind is unknown.
    """
    if len(rows) != len(coordinates):
        raise ValueError(f"{len(coordinates)} coordinates do not fit {len(rows)} sets")
    panels = [_checked(row, points) for row, points in zip(rows[:MOST], coordinates, strict=False)]
    if len(rows) > MOST:
        title = f"{shorten(title, 60)} (the first {MOST} of {len(rows)} sets)".strip()
    with style():
        figure = _grid(panels, bool(title)) if panels else _nothing(f"nothing found at q < {q_threshold:g}")
        if title:
            figure.suptitle(shorten(title, 90), fontsize=10, x=0.01, ha="left")
        figure.canvas.draw()  # fixes the layout, so that labels are placed where the points will be
        figure.set_layout_engine("none")
        for axes, (_, words, points, _) in zip(figure.axes, panels, strict=False):
            _name(figure, axes, points, words)
    return figure


def _nothing(message: str) -> Figure:
    figure = new_figure(6.4, 1.4)
    axes = figure.add_subplot()
    axes.set_axis_off()
    axes.text(0.5, 0.5, message, transform=axes.transAxes, ha="center", va="center")
    return figure


def _grid(panels: Sequence[_Panel], titled: bool) -> Figure:
    # Many words need broad panels, or their labels find no room.
    across = 3 if max(len(words) for _, words, _, _ in panels) <= 10 else 2
    side = 6.4 / across
    columns = min(len(panels), across)
    lines = -(-len(panels) // columns)
    figure = new_figure(max(side * columns, 3.2), (side + 0.15) * lines + 0.35 * titled)
    for place, panel in enumerate(panels, start=1):
        _draw(figure.add_subplot(lines, columns, place), *panel)
    return figure


def _checked(row: Mapping[str, Any], points: ArrayLike) -> _Panel:
    words, places = list(row["words"]), np.asarray(points, dtype=float)
    if row["kind"] not in _LOOKS:
        raise ValueError(f"a set is one of {', '.join(_LOOKS)}, got {row['kind']!r}")
    if places.shape != (len(words), 2) or not words:
        raise ValueError(f"coordinates of shape {places.shape} do not fit {len(words)} words")
    return row["kind"], words, places, float(row["q"])


def _draw(axes: Axes, kind: str, words: Sequence[str], points: np.ndarray, q: float) -> None:
    colour, marker = _LOOKS[kind]
    if kind != "cluster":
        joined = np.vstack([points, points[:1]]) if kind == "ring" else points
        axes.plot(joined[:, 0], joined[:, 1], color=FAINT, linewidth=1, zorder=1)
    axes.scatter(points[:, 0], points[:, 1], s=14, color=colour, marker=marker, linewidth=0, zorder=3)
    centre, reach = (points.min(0) + points.max(0)) / 2, np.ptp(points, axis=0).max() / 2 or 1.0
    axes.set_xlim(centre[0] - 1.5 * reach, centre[0] + 1.5 * reach)
    axes.set_ylim(centre[1] - 1.5 * reach, centre[1] + 1.5 * reach)
    axes.set(aspect="equal", xticks=[], yticks=[])
    for spine in axes.spines.values():
        spine.set(visible=True, color=FAINT)
    axes.set_title(f"{kind} · {len(words)} words · q = {q:.2g}", fontsize=8.5)


def _name(figure: Figure, axes: Axes, points: np.ndarray, words: Sequence[str]) -> None:
    """Label the points, in the largest letters, and then the most of them, that leave the labels apart and inside the panel."""
    drawn, frame = len(axes.lines), axes.get_window_extent()
    for size, length in _LABELS:
        for artist in [*axes.texts, *axes.lines[drawn:]]:
            artist.remove()
        place_labels(figure, axes, points, [shorten(word, length) for word in words], size)
        boxes = [text.get_window_extent() for text in axes.texts]
        apart = not any(a.overlaps(b) for a, b in itertools.combinations(boxes, 2))
        if apart and all((box.min >= frame.min).all() and (box.max <= frame.max).all() for box in boxes):
            break
    _tie(axes, points)


def _tie(axes: Axes, points: np.ndarray) -> None:
    """A thin line from each label that stands as near to another point as to its own."""
    pixels = axes.transData.transform(points)
    for own, text in zip(pixels, axes.texts, strict=True):
        box = text.get_window_extent()
        distance = np.hypot(*(np.clip(pixels, box.min, box.max) - pixels).T)
        near = np.clip(own, box.min, box.max)
        if (distance < 1.6 * np.hypot(*(near - own))).sum() > 1:
            line = axes.transData.inverted().transform([own, near])
            axes.plot(line[:, 0], line[:, 1], color=INK, linewidth=0.4, zorder=2)
