"""Accuracy with a plane of the embeddings kept or removed, beside random planes."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from bows.figures.style import BLUE, FAINT, INK, ORANGE, new_figure, style

ROWS = (
    ("base", "all of the embedding"),
    ("keep", "the probed plane alone"),
    ("remove", "all but the probed plane"),
    ("keep_frequencies", "the planes of all frequencies"),
    ("remove_frequencies", "all but those"),
)


def ablation_bars(accuracies: Mapping[str, Sequence]) -> Figure:
    """Draw the accuracy of the whole embedding, of the probed plane alone and of all but that plane, random planes as dots.

    Args:
        accuracies: a table by columns: `what` (base, keep, remove, and where they are there majority, keep_frequencies and
            remove_frequencies; keep_random and so on any number of times) and `accuracy`, in [0, 1].
    """
    found: dict[str, list[float]] = {}
    for what, accuracy in zip(accuracies["what"], accuracies["accuracy"], strict=True):
        found.setdefault(what, []).append(100 * accuracy)
    with style():
        rows = [row for row in ROWS if row[0] in found]
        figure = new_figure(6.2, 1.4 + 0.4 * len(rows))
        axes = figure.add_subplot()
        for place, (what, _) in enumerate(rows):
            value = found[what][0]
            axes.barh(place, value, height=0.5, color=BLUE if what == "base" else ORANGE, zorder=2)
            axes.text(104, place, f"{value:.1f} %", va="center", ha="left", fontsize=8.5)
            if dots := found.get(f"{what}_random"):
                label = "random planes, as many" if what == "keep" else None
                axes.scatter(
                    dots,
                    np.full(len(dots), place),
                    s=14,
                    facecolor="white",
                    edgecolor=INK,
                    linewidth=0.7,
                    label=label,
                    zorder=3,
                    clip_on=False,
                )
        if majority := found.get("majority"):
            label = f"always the most frequent class: {majority[0]:.1f} %"
            axes.axvline(majority[0], color=FAINT, linewidth=1, linestyle="--", label=label, zorder=1)
        axes.set(xlim=(0, 100), xlabel="accuracy on validation pairs, %", yticks=range(len(rows)))
        axes.set_yticklabels([label for _, label in rows])
        axes.invert_yaxis()
        axes.set_title("Is the probed plane used?")
        figure.legend(loc="outside lower center", ncols=2, fontsize=8)
    return figure
