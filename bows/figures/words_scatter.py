"""Words as points: one value of each against another by kind of word, and two-dimensional maps by category."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bows.figures.labels import place_labels
from bows.figures.style import (
    BLUE,
    FAINT,
    GREEN,
    INK,
    ORANGE,
    PURPLE,
    RED,
    SKY,
    frame,
    heading,
    new_figure,
    shorten,
    style,
)

SIDE = 3.6  # inches, of a map
KINDS = ((BLUE, "o"), (ORANGE, "^"), (GREEN, "s"), (RED, "v"), (PURPLE, "D"))
# No two categories share both, so that colour alone never distinguishes them; 18 at most.
CATEGORIES = [(colour, marker) for marker in ("o", "^", "s") for colour in (BLUE, ORANGE, GREEN, RED, PURPLE, SKY)]
_DOTS: dict[str, Any] = {"linewidth": 0, "rasterized": True}


def words_scatter(
    columns: Mapping[str, Sequence[Any]], x: str, y: str, kinds: Sequence[str], title: str = ""
) -> Figure:
    """Draw a point per word.

    Args:
        columns: A table by columns, a row per word: `word`, `x`, `y`, `kind`, and `named` (whether the word is written at its point).
        x: Label of the axis across.
        y: Label of the axis up.
        kinds: At most 5, in the order of KINDS; words of other kinds are faint.
        title: Above the figure.

    Raises:
        ValueError: There are more than 5 kinds.
    """
    if len(kinds) > len(KINDS):
        raise ValueError(f"{len(kinds)} kinds of words are more than the {len(KINDS)} colours and markers")
    points = np.column_stack([columns["x"], columns["y"]]).astype(float)
    kind, named = np.array(columns["kind"], dtype=object), np.array(columns["named"], dtype=bool)
    with style():
        figure = new_figure(5.6, 4.9)
        axes = figure.add_subplot()
        others = ~np.isin(kind, list(kinds))
        if others.any():
            axes.scatter(*points[others].T, s=4, color=FAINT, zorder=1, label=f"{others.sum():,} others", **_DOTS)
        for name, (colour, marker) in zip(kinds, KINDS, strict=False):
            own = points[kind == name]
            if len(own):
                label = f"{len(own):,} {name}"
                axes.scatter(*own.T, s=9, color=colour, marker=marker, alpha=0.7, zorder=2, label=label, **_DOTS)
        if named.any():
            axes.scatter(*points[named].T, s=22, facecolor="none", edgecolor=INK, linewidth=0.9, zorder=3)
        axes.axline((0, 0), slope=1, color=INK, linewidth=0.6, zorder=0)
        axes.set(xlabel=x, ylabel=y)
        axes.set_title(title, fontsize=9)
        figure.legend(loc="outside lower center", ncols=3, fontsize=8, markerscale=1.8)
        if named.any():
            words = [shorten(word, 16) for word, is_named in zip(columns["word"], named, strict=True) if is_named]
            place_labels(figure, axes, points[named], words, 7)
    return figure


def category_map(columns: Mapping[str, Sequence[Any]], title: str = "") -> Figure:
    """Draw a panel per map: a colour and a marker per category, and its name where most of its words are.

    Args:
        columns: A table by columns, a row per word: `panel` (its title, which may contain line breaks; in order of occurrence),
            `category` (None for a word of none, drawn faintly below the others), `x`, `y`.
        title: Above the figure.

    Raises:
        ValueError: There is no panel, or there are more than 18 categories.
    """
    panels = list(dict.fromkeys(columns["panel"]))
    categories = sorted({each for each in columns["category"] if each is not None})
    if not panels or len(categories) > len(CATEGORIES):
        raise ValueError(f"{len(panels)} maps of {len(categories)} categories cannot be drawn")
    of_panel, of_category = np.array(columns["panel"]), np.array([each or "" for each in columns["category"]])
    points = np.column_stack([columns["x"], columns["y"]]).astype(float)
    with style():
        figure = new_figure(SIDE * len(panels), SIDE + 1.1)
        grid = figure.subplots(1, len(panels), squeeze=False)[0]
        groups = []
        for axes, panel in zip(grid, panels, strict=True):
            own = {each: points[(of_panel == panel) & (of_category == each)] for each in ("", *categories)}
            axes.scatter(*own.pop("").T, s=2, color=FAINT, zorder=1, **_DOTS)
            for (category, of), (colour, marker) in zip(own.items(), CATEGORIES, strict=False):
                axes.scatter(*of.T, s=9, color=colour, marker=marker, zorder=2, label=category, **_DOTS)
            frame(axes)
            axes.set_title(panel, fontsize=8.5)
            groups.append(own)
        handles, labels = grid[0].get_legend_handles_labels()
        across = min(len(labels), 2 * len(panels)) or 1
        figure.legend(handles, labels, loc="outside lower center", ncols=across, fontsize=8, markerscale=1.8)
        heading(figure, title)
        figure.draw_without_rendering()
        figure.set_layout_engine("none")
        for axes, own in zip(grid, groups, strict=True):
            _name(axes, own)
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
