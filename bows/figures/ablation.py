"""Accuracy with a plane of the embeddings kept or removed, beside random planes."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from bows.figures.style import BLUE, FAINT, INK, ORANGE, new_figure, style

ROWS = (("base", "all of the embedding"), ("keep", "only the plane kept"), ("remove", "only the plane removed"))


def ablation_bars(accuracies: Mapping[str, Sequence]) -> Figure:
    """Draw the accuracy of the whole embedding, of the probed plane alone and of all but that plane, random planes as dots.

    Args:
        accuracies: a table by columns: `what` (base, keep, remove, majority, and keep_random and remove_random any number of
            times) and `accuracy`, in [0, 1].
    """
    found: dict[str, list[float]] = {}
    for what, accuracy in zip(accuracies["what"], accuracies["accuracy"], strict=True):
        found.setdefault(what, []).append(100 * accuracy)
    with style():
        figure = new_figure(6.2, 2.6)
        axes = figure.add_subplot()
        for place, (what, _) in enumerate(ROWS):
            value = found[what][0]
            axes.barh(place, value, height=0.5, color=BLUE if what == "base" else ORANGE, zorder=2)
            axes.text(103, place, f"{value:.1f} %", va="center", ha="left", fontsize=8.5)
            if dots := found.get(f"{what}_random"):
                label = "random planes" if what == "keep" else None
                axes.scatter(
                    dots,
                    np.full(len(dots), place),
                    s=14,
                    facecolor="white",
                    edgecolor=INK,
                    linewidth=0.7,
                    label=label,
                    zorder=3,
                )
        if majority := found.get("majority"):
            label = f"always the most frequent class: {majority[0]:.1f} %"
            axes.axvline(majority[0], color=FAINT, linewidth=1, linestyle="--", label=label, zorder=1)
        axes.set(xlim=(0, 100), xlabel="accuracy on validation pairs, %", yticks=range(len(ROWS)))
        axes.set_yticklabels([label for _, label in ROWS])
        axes.invert_yaxis()
        axes.set_title("Is the probed plane used?")
        figure.legend(loc="outside lower center", ncols=2, fontsize=8)
    return figure
