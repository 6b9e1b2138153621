"""Ordered sets in their planes, side by side: polygons in the known order, and words that go with them beside."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from bows.figures.labels import place_labels
from bows.figures.style import BLUE, FAINT, INK, ORANGE, new_figure, shorten, style

SIDE = 3.5  # inches, of a panel


def word_planes(columns: Mapping[str, Sequence[Any]], below: str = "") -> Figure:
    """Draw a panel a plane: the words of the set as dots, joined in their order and closed; words beside it as diamonds.

    Args:
        columns: a table by columns, a row a word: `panel` (its title, which may hold line breaks; panels stand in the order they first
            come), `word`, `place` (0, 1, ... in the known order; None for a word beside the set), `x` and `y`.
        below: a line below the panels.

    Raises:
        ValueError: if there is no panel, or one without a word of the set.
    """
    panels = list(dict.fromkeys(columns["panel"]))
    rows = list(zip(*(columns[name] for name in ("panel", "word", "place", "x", "y")), strict=True))
    if not panels or any(all(place is None for of, _, place, *_ in rows if of == panel) for panel in panels):
        raise ValueError("a panel needs a word of its set at least")
    with style():
        # In inches: titles have two lines above, the legend and the line below theirs.
        wide, lower, upper = SIDE * len(panels), 0.35 + (0.2 if below else 0), 0.42
        tall = lower + SIDE + upper
        figure = new_figure(wide, tall, layout="none")
        grid = [
            figure.add_axes(((number * SIDE + 0.06) / wide, lower / tall, (SIDE - 0.12) / wide, SIDE / tall))
            for number in range(len(panels))
        ]
        labelled = []
        for axes, panel in zip(grid, panels, strict=True):
            own = sorted((place, word, x, y) for of, word, place, x, y in rows if of == panel and place is not None)
            beside = [(word, x, y) for of, word, place, x, y in rows if of == panel and place is None]
            polygon = np.array([(x, y) for _, _, x, y in own])
            others = np.array([(x, y) for _, x, y in beside]).reshape(-1, 2)
            closed = np.vstack([polygon, polygon[:1]])
            axes.plot(closed[:, 0], closed[:, 1], color=FAINT, linewidth=1, zorder=1)
            axes.scatter(polygon[:, 0], polygon[:, 1], s=20, color=BLUE, zorder=3, label="in their known order")
            axes.scatter(
                polygon[:1, 0],
                polygon[:1, 1],
                s=44,
                color=BLUE,
                edgecolor=INK,
                linewidth=1,
                zorder=3,
                label="the first",
            )
            if len(others):
                axes.scatter(
                    others[:, 0], others[:, 1], s=26, marker="D", color=ORANGE, zorder=3, label="words beside them"
                )
            points = np.vstack([polygon, others])
            centre, reach = (points.min(0) + points.max(0)) / 2, np.ptp(points, axis=0).max() / 2 or 1.0
            axes.set_xlim(centre[0] - 1.4 * reach, centre[0] + 1.4 * reach)
            axes.set_ylim(centre[1] - 1.4 * reach, centre[1] + 1.4 * reach)
            axes.set_aspect("equal")
            axes.set(xticks=[], yticks=[])
            axes.set_title(panel, fontsize=8.5)
            for spine in axes.spines.values():
                spine.set(visible=True, color=FAINT)
            labelled.append(
                (
                    axes,
                    points,
                    [shorten(word, 18) for word in (*(each[1] for each in own), *(each[0] for each in beside))],
                )
            )
        handles, labels = grid[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="lower center", ncols=3, fontsize=8)
        if below:
            figure.text(0.06 / wide, 0.05 / tall, below, fontsize=8)
        for axes, points, words in labelled:
            place_labels(figure, axes, points, words, 7 if len(words) > 14 else 8)
    return figure
