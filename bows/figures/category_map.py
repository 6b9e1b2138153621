"""Two-dimensional maps of words, side by side, by category: a colour and a shape each, and its name where most of its words lie."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from bows.figures.style import BLUE, FAINT, GREEN, INK, ORANGE, PURPLE, RED, SKY, new_figure, style

SIDE = 3.6  # inches, of a panel
# No two categories share both, so that colour alone never tells them apart; 18 at most.
LOOKS = [(colour, marker) for marker in ("o", "^", "s") for colour in (BLUE, ORANGE, GREEN, RED, PURPLE, SKY)]


def category_map(columns: Mapping[str, Sequence[Any]], title: str = "") -> Figure:
    """Draw a panel a map.

    Args:
        columns: a table by columns, a row a word: `panel` (its title, which may hold line breaks; in the order they first come), `category`
            (None for a word of none, drawn faintly below the others), `x`, `y`.
        title: above the picture.

    Raises:
        ValueError: if there is no panel, or more than 18 categories.
    """
    panels = list(dict.fromkeys(columns["panel"]))
    categories = sorted({each for each in columns["category"] if each is not None})
    if not panels or len(categories) > len(LOOKS):
        raise ValueError(f"{len(panels)} maps of {len(categories)} categories cannot be drawn")
    of_panel, of_category = np.array(columns["panel"]), np.array(columns["category"], dtype=object)
    points = np.column_stack([columns["x"], columns["y"]]).astype(float)
    with style():
        figure = new_figure(SIDE * len(panels), SIDE + 1.1)
        grid = figure.subplots(1, len(panels), squeeze=False)[0]
        for axes, panel in zip(grid, panels, strict=True):
            here = of_panel == panel
            rest = points[here & (of_category == None)]  # noqa: E711  # by element
            axes.scatter(rest[:, 0], rest[:, 1], s=2, color=FAINT, linewidth=0, zorder=1, rasterized=True)
            for category, (colour, marker) in zip(categories, LOOKS, strict=False):
                own = points[here & (of_category == category)]
                axes.scatter(
                    own[:, 0],
                    own[:, 1],
                    s=9,
                    color=colour,
                    marker=marker,
                    linewidth=0,
                    zorder=2,
                    label=category,
                    rasterized=True,
                )
            axes.set(xticks=[], yticks=[])
            axes.set_title(panel, fontsize=8.5)
            for spine in axes.spines.values():
                spine.set(visible=True, color=FAINT)
        handles, labels = grid[0].get_legend_handles_labels()
        figure.legend(
            handles,
            labels,
            loc="outside lower center",
            ncols=min(len(labels), 2 * len(panels)) or 1,
            fontsize=8,
            markerscale=1.8,
        )
        if title:
            figure.suptitle(title, fontsize=10, x=0.01, ha="left")
        figure.draw_without_rendering()
        figure.set_layout_engine("none")
        for axes, panel in zip(grid, panels, strict=True):
            _name(axes, [(each, points[(of_panel == panel) & (of_category == each)]) for each in categories])
    return figure


def _name(axes: Any, groups: Sequence[tuple[str, np.ndarray]]) -> None:
    """Each category's name at the word in its midst, larger groups first; one that would run over another is left to the legend."""
    halo = withStroke(linewidth=2.5, foreground="white")
    taken: list[Any] = []
    for name, points in sorted(groups, key=lambda group: -len(group[1])):
        if not len(points):
            continue
        distance = np.linalg.norm(points[:, None] - points[None], axis=2).sum(1)
        x, y = points[distance.argmin()]
        text = axes.text(x, y, name, fontsize=7.5, ha="center", va="center", zorder=4, color=INK, path_effects=[halo])
        box = text.get_window_extent().padded(1)
        frame = axes.get_window_extent()
        if any(box.overlaps(other) for other in taken) or box.x0 < frame.x0 or box.x1 > frame.x1:
            text.remove()
        else:
            taken.append(box)
