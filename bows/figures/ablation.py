"""Ablations: what is left with a plane of the embeddings, or of the latent, kept or removed; random planes as dots."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bows.figures.style import BLUE, FAINT, INK, ORANGE, heading, new_figure, shorten, style

ROWS = {
    "base": "whole embedding",
    "keep": "the probed plane alone",
    "remove": "all but the probed plane",
    "keep_frequencies": "the planes of all frequencies",
    "remove_frequencies": "all but those planes",
}
GROUPS = {"set": "the set itself", "companions": "its companions", "other": "all other words"}
"""Groups of words, in the order they are drawn."""
_NULLS = {"random_plane": "random planes", "random_set": "planes of random sets"}


def ablation_bars(accuracies: Mapping[str, Sequence]) -> Figure:
    """Draw the accuracy of the whole embedding, of the probed plane alone and of all but that plane.

    Args:
        accuracies: A table by columns: `what` (base, keep, remove, and where they are there majority, keep_frequencies and
            remove_frequencies; keep_random and so on any number of times) and `accuracy`, in [0, 1].
    """
    found: dict[str, list[float]] = {}
    for what, accuracy in zip(accuracies["what"], accuracies["accuracy"], strict=True):
        found.setdefault(what, []).append(100 * accuracy)
    rows = [name for name in ROWS if name in found]
    with style():
        figure = new_figure(6.2, 1.4 + 0.4 * len(rows))
        axes = figure.add_subplot()
        for place, name in enumerate(rows):
            value = found[name][0]
            axes.barh(place, value, height=0.5, color=BLUE if name == "base" else ORANGE, zorder=2)
            axes.text(104, place, f"{value:.1f} %", va="center", ha="left", fontsize=8.5)
            label = "random planes of the same number" if name == "keep" else None
            _dots(axes, found.get(f"{name}_random", []), place, label, size=14)
        if majority := found.get("majority"):
            label = f"most frequent class: {majority[0]:.1f} %"
            axes.axvline(majority[0], color=FAINT, linewidth=1, linestyle="--", label=label, zorder=1)
        axes.set(xlim=(0, 100), xlabel="accuracy on validation pairs, %")
        axes.set_yticks(range(len(rows)), [ROWS[name] for name in rows])
        axes.invert_yaxis()
        axes.set_title("Is the probed plane used?")
        figure.legend(loc="outside lower center", ncols=2, fontsize=8)
    return figure


def latent_ablation(name: str, scores: Mapping[str, float], nulls: Mapping[str, Sequence]) -> Figure:
    """Draw a row per group of words: on the left R² with the plane of a set removed from the latent, on the right with it alone.

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
                axes.scatter([scores[f"{group}/r2_{what}"]], [0], s=34, color=ORANGE, zorder=4, label="the set's plane")
                for place, null in enumerate(_NULLS, 1):
                    chosen = (kind == null) & (of == group) & ~mean.astype(bool)
                    values = np.array(nulls[f"r2_{what}"], dtype=float)[chosen]
                    if len(values):
                        axes.plot([values.min(), values.max()], [place, place], color=INK, linewidth=0.8, zorder=2)
                    label = "one random plane, or the plane of one random set" if place == 1 else None
                    _dots(axes, values, place, label, size=10)
                axes.locator_params(axis="x", nbins=4)
                axes.ticklabel_format(axis="x", useOffset=False)
                axes.margins(x=0.08)
            left, right = row
            left.axvline(scores[f"{group}/r2"], color=BLUE, linewidth=1.2, zorder=1, label="as is")
            left.set_yticks(range(3), ["the set's plane", *_NULLS.values()])
            right.tick_params(axis="y", length=0)
            left.set_ylim(2.6, -0.6)
            for place, null in enumerate(_NULLS, 1):
                if (p := scores.get(f"{group}/drop_{null}_p")) is not None:
                    left.text(1.01, place, f"p {p:.2g}", transform=left.get_yaxis_transform(), va="center", fontsize=8)
            left.set_title(f"{GROUPS[group]}: plane removed", fontsize=8.5)
            right.set_title(f"plane alone kept (as is: {scores[f'{group}/r2']:.2f})", fontsize=8.5)
        for axes in grid[-1]:
            axes.set_xlabel("R², pooled over the words")
        handles, labels = grid[0][0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=3, fontsize=8)
        heading(figure, f"Is the plane of {shorten(name, 60)} used?")
    return figure


def _dots(axes: Axes, values: Sequence[float] | np.ndarray, place: int, label: str | None, size: float) -> None:
    if len(values):
        axes.scatter(
            values, np.full(len(values), place), s=size, facecolor="white", edgecolor=INK, linewidth=size / 20, zorder=3, label=label
        )  # fmt: skip
