"""R² of a set, its companions and all other words with the set's plane removed from the latent, or kept alone, beside two nulls."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bows.figures.style import BLUE, INK, ORANGE, new_figure, shorten, style

# Groups of words, in the order they are drawn.
GROUPS = ("set", "companions", "other")
_TITLES = {"set": "the set itself", "companions": "its companions", "other": "all other words"}
_NULLS = (("random_plane", "random planes"), ("random_set", "planes of random sets"))


def latent_ablation(name: str, scores: Mapping[str, float], nulls: Mapping[str, Sequence]) -> Figure:
    """Draw a row a group of words: on the left R² with the plane removed, on the right with it alone, random planes as dots.

    On the left a line stands at R² as it is; on the right, where next to nothing is left, it would leave no room for the rest.

    Args:
        name: of the set.
        scores: `<group>/r2`, `r2_removed`, `r2_kept` and, in (0, 1], `drop_random_plane_p` and `drop_random_set_p`. A group without `r2` is
            left out.
        nulls: a table by columns: `null` (random_plane or random_set), `group`, `mean_kept` (rows of True are not drawn), `r2_removed`
            and `r2_kept`.
    """
    groups = [group for group in GROUPS if f"{group}/r2" in scores]
    with style():
        figure = new_figure(7.2, 1.3 + 1.25 * len(groups))
        grid = figure.subplots(len(groups), 2, squeeze=False, sharey=True)
        for row, group in zip(grid, groups, strict=True):
            for axes, what in zip(row, ("removed", "kept"), strict=True):
                drawn = [
                    [
                        value
                        for null, of, mean, value in zip(
                            nulls["null"], nulls["group"], nulls["mean_kept"], nulls[f"r2_{what}"], strict=True
                        )
                        if (null, of, mean) == (kind, group, False)
                    ]
                    for kind, _ in _NULLS
                ]
                _panel(axes, scores[f"{group}/r2_{what}"], drawn)
                if axes in grid[-1]:
                    axes.set_xlabel("R², pooled over the words")
            row[0].axvline(scores[f"{group}/r2"], color=BLUE, linewidth=1.2, zorder=1, label="as is")
            row[0].set_yticks(range(3), ["the set's plane", *(said for _, said in _NULLS)])
            row[1].tick_params(axis="y", length=0)
            row[0].set_ylim(2.6, -0.6)
            for place, (kind, _) in enumerate(_NULLS, 1):
                if (chance := scores.get(f"{group}/drop_{kind}_p")) is not None:
                    beside = row[0].get_yaxis_transform()
                    row[0].text(1.01, place, f"p {chance:.2g}", transform=beside, va="center", fontsize=8)
            row[0].set_title(f"{_TITLES[group]}: plane removed", fontsize=8.5)
            row[1].set_title(f"plane alone kept (as is: {scores[f'{group}/r2']:.2f})", fontsize=8.5)
        handles, labels = grid[0][0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=3, fontsize=8)
        figure.suptitle(f"Is the plane of {shorten(name, 60)} used?", fontsize=10, x=0.01, ha="left")
    return figure


def _panel(axes: Axes, own: float, drawn: Sequence[Sequence[float]]) -> None:
    axes.scatter([own], [0], s=34, color=ORANGE, zorder=4, label="the set's plane")
    for place, values in enumerate(drawn, 1):
        if len(values):
            axes.plot([min(values), max(values)], [place, place], color=INK, linewidth=0.8, zorder=2)
            axes.scatter(
                values,
                np.full(len(values), place),
                s=10,
                facecolor="white",
                edgecolor=INK,
                linewidth=0.5,
                zorder=3,
                label="one random plane, or the plane of one random set" if place == 1 else None,
            )
    axes.locator_params(axis="x", nbins=4)
    axes.ticklabel_format(axis="x", useOffset=False)
    axes.margins(x=0.08)
