"""Two-dimensional maps of words by category: a colour and a marker each, and its name where most of its words are."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bows.figures.style import BLUE, FAINT, GREEN, ORANGE, PURPLE, RED, SKY, frame, heading, new_figure, style

SIDE = 3.6  # inches, of a panel
# No two categories share both, so that colour alone never distinguishes them; 18 at most.
LOOKS = [(colour, marker) for marker in ("o", "^", "s") for colour in (BLUE, ORANGE, GREEN, RED, PURPLE, SKY)]
_DOTS: dict[str, Any] = {"linewidth": 0, "rasterized": True}


def category_map(columns: Mapping[str, Sequence[Any]], title: str = "") -> Figure:
    """Draw a panel per map.

    Args:
        columns: A table by columns, a row per word: `panel` (its title, which may contain line breaks; in order of occurrence),
            `category` (None for a word of none, drawn faintly below the others), `x`, `y`.
        title: Above the figure.

    Raises:
        ValueError: There is no panel, or there are more than 18 categories.
    """
    panels = list(dict.fromkeys(columns["panel"]))
    categories = sorted({each for each in columns["category"] if each is not None})
    if not panels or len(categories) > len(LOOKS):
        raise ValueError(f"{len(panels)} maps of {len(categories)} categories cannot be drawn")
    of_panel, of_category = np.array(columns["panel"]), np.array([each or "" for each in columns["category"]])
    points = np.column_stack([columns["x"], columns["y"]]).astype(float)
    with style():
        figure = new_figure(SIDE * len(panels), SIDE + 1.1)
        grid = figure.subplots(1, len(panels), squeeze=False)[0]
        groups = [
            {each: points[(of_panel == panel) & (of_category == each)] for each in ("", *categories)}
            for panel in panels
        ]
        for axes, panel, of in zip(grid, panels, groups, strict=True):
            axes.scatter(*of.pop("").T, s=2, color=FAINT, zorder=1, **_DOTS)
            for (category, own), (colour, marker) in zip(of.items(), LOOKS, strict=False):
                axes.scatter(*own.T, s=9, color=colour, marker=marker, zorder=2, label=category, **_DOTS)
            frame(axes)
            axes.set_title(panel, fontsize=8.5)
        handles, labels = grid[0].get_legend_handles_labels()
        across = min(len(labels), 2 * len(panels)) or 1
        figure.legend(handles, labels, loc="outside lower center", ncols=across, fontsize=8, markerscale=1.8)
        heading(figure, title)
        figure.draw_without_rendering()
        figure.set_layout_engine("none")
        for axes, of in zip(grid, groups, strict=True):
            _name(axes, of)
    return figure


def _name(axes: Axes, groups: Mapping[str, np.ndarray]) -> None:
    """Write each category at its most central word, larger groups first; one that would overlap another is left to the legend."""
    under = {"boxstyle": "square,pad=0.05", "facecolor": (1, 1, 1, 0.75), "edgecolor": "none"}
    taken: list[Any] = []
    for name, points in sorted(groups.items(), key=lambda group: -len(group[1])):
        if not len(points):
            continue
        x, y = points[np.linalg.norm(points[:, None] - points[None], axis=2).sum(1).argmin()]
        text = axes.text(x, y, name, fontsize=7.5, ha="center", va="center", zorder=4, bbox=under)
        box, edge = text.get_window_extent().padded(1), axes.get_window_extent()
        if any(box.overlaps(other) for other in taken) or box.x0 < edge.x0 or box.x1 > edge.x1:
            text.remove()
        else:
            taken.append(box)
