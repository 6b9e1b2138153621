"""R² of a set, its companions and all other words with the set's plane removed from the latent, or alone, and two nulls."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bows.figures.style import BLUE, INK, ORANGE, heading, new_figure, shorten, style

# Groups of words, in the order they are drawn.
GROUPS = ("set", "companions", "other")
_TITLES = {"set": "the set itself", "companions": "its companions", "other": "all other words"}
_NULLS = {"random_plane": "random planes", "random_set": "planes of random sets"}


def latent_ablation(name: str, scores: Mapping[str, float], nulls: Mapping[str, Sequence]) -> Figure:
    """Draw a row per group of words: on the left R² with the plane removed, on the right with it alone, random planes as dots.

    On the left a line is at R² as is; on the right, where R² is near 0, it would leave no room for the rest.

    Args:
        name: Of the set.
        scores: `<group>/r2`, `r2_removed`, `r2_kept` and, in (0, 1], `drop_random_plane_p` and `drop_random_set_p`. A group without `r2`
            is left out.
        nulls: A table by columns: `null` (random_plane or random_set), `group`, `mean_kept` (rows of True are not drawn), `r2_removed`
            and `r2_kept`.
    """
    groups = [group for group in GROUPS if f"{group}/r2" in scores]
    kind, of, mean = (np.array(nulls[column]) for column in ("null", "group", "mean_kept"))
    with style():
        figure = new_figure(7.2, 1.3 + 1.25 * len(groups))
        grid = figure.subplots(len(groups), 2, squeeze=False, sharey=True)
        for row, group in zip(grid, groups, strict=True):
            for axes, what in zip(row, ("removed", "kept"), strict=True):
                values = np.array(nulls[f"r2_{what}"], dtype=float)
                drawn = [values[(kind == null) & (of == group) & ~mean.astype(bool)] for null in _NULLS]
                _panel(axes, scores[f"{group}/r2_{what}"], drawn)
            left, right = row
            left.axvline(scores[f"{group}/r2"], color=BLUE, linewidth=1.2, zorder=1, label="as is")
            left.set_yticks(range(3), ["the set's plane", *_NULLS.values()])
            right.tick_params(axis="y", length=0)
            left.set_ylim(2.6, -0.6)
            for place, null in enumerate(_NULLS, 1):
                if (p := scores.get(f"{group}/drop_{null}_p")) is not None:
                    left.text(1.01, place, f"p {p:.2g}", transform=left.get_yaxis_transform(), va="center", fontsize=8)
            left.set_title(f"{_TITLES[group]}: plane removed", fontsize=8.5)
            right.set_title(f"plane alone kept (as is: {scores[f'{group}/r2']:.2f})", fontsize=8.5)
        for axes in grid[-1]:
            axes.set_xlabel("R², pooled over the words")
        handles, labels = grid[0][0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=3, fontsize=8)
        heading(figure, f"Is the plane of {shorten(name, 60)} used?")
    return figure


def _panel(axes: Axes, own: float, drawn: Sequence[np.ndarray]) -> None:
    dots = {"s": 10, "facecolor": "white", "edgecolor": INK, "linewidth": 0.5, "zorder": 3}
    axes.scatter([own], [0], s=34, color=ORANGE, zorder=4, label="the set's plane")
    for place, values in enumerate(drawn, 1):
        if len(values):
            label = "one random plane, or the plane of one random set" if place == 1 else None
            axes.plot([values.min(), values.max()], [place, place], color=INK, linewidth=0.8, zorder=2)
            axes.scatter(values, np.full(len(values), place), label=label, **dots)
    axes.locator_params(axis="x", nbins=4)
    axes.ticklabel_format(axis="x", useOffset=False)
    axes.margins(x=0.08)
