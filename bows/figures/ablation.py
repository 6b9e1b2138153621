"""Accuracy with a plane of the embeddings kept or removed, compared with random planes."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from bows.figures.style import BLUE, FAINT, INK, ORANGE, new_figure, style

ROWS = {
    "base": "whole embedding",
    "keep": "the probed plane alone",
    "remove": "all but the probed plane",
    "keep_frequencies": "the planes of all frequencies",
    "remove_frequencies": "all but those planes",
}


def ablation_bars(accuracies: Mapping[str, Sequence]) -> Figure:
    """Draw the accuracy of the whole embedding, of the probed plane alone and of all but that plane, random planes as dots.

    Args:
        accuracies: A table by columns: `what` (base, keep, remove, and where they are there majority, keep_frequencies and
            remove_frequencies; keep_random and so on any number of times) and `accuracy`, in [0, 1].
    """
    found: dict[str, list[float]] = {}
    for what, accuracy in zip(accuracies["what"], accuracies["accuracy"], strict=True):
        found.setdefault(what, []).append(100 * accuracy)
    rows = [name for name in ROWS if name in found]
    dots = {"s": 14, "facecolor": "white", "edgecolor": INK, "linewidth": 0.7, "zorder": 3, "clip_on": False}
    with style():
        figure = new_figure(6.2, 1.4 + 0.4 * len(rows))
        axes = figure.add_subplot()
        for place, name in enumerate(rows):
            value, random = found[name][0], found.get(f"{name}_random", [])
            axes.barh(place, value, height=0.5, color=BLUE if name == "base" else ORANGE, zorder=2)
            axes.text(104, place, f"{value:.1f} %", va="center", ha="left", fontsize=8.5)
            if random:
                label = "random planes of the same number" if name == "keep" else None
                axes.scatter(random, np.full(len(random), place), label=label, **dots)
        if majority := found.get("majority"):
            label = f"most frequent class: {majority[0]:.1f} %"
            axes.axvline(majority[0], color=FAINT, linewidth=1, linestyle="--", label=label, zorder=1)
        axes.set(xlim=(0, 100), xlabel="accuracy on validation pairs, %")
        axes.set_yticks(range(len(rows)), [ROWS[name] for name in rows])
        axes.invert_yaxis()
        axes.set_title("Is the probed plane used?")
        figure.legend(loc="outside lower center", ncols=2, fontsize=8)
    return figure
