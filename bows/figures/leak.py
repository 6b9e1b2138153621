"""Losses on windows that share rows with training windows, and on held-out documents."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from bows.figures.style import BLUE, FAINT, ORANGE, new_figure, style

_KINDS: dict[str, dict[str, Any]] = {
    "leaking": {"s": 30, "color": ORANGE, "marker": "D", "label": "windows that share rows with training windows"},
    "held_out": {"s": 34, "color": BLUE, "label": "windows of held-out documents"},
}


def leaking_losses(columns: Mapping[str, Sequence[Any]]) -> Figure:
    """Draw, for each weight decay, a line per seed from the leaking split's loss to that on held-out documents.

    Args:
        columns: A table by columns, a row per run: `weight_decay`, `seed`, `leaking`, `held_out`.
    """
    decays = sorted(set(columns["weight_decay"]))
    losses = np.column_stack([columns[name] for name in _KINDS]).astype(float)
    with style():
        figure = new_figure(5.6, 0.9 + 0.75 * len(decays))
        axes = figure.add_subplot()
        for place, decay in enumerate(decays):
            rows = losses[np.array(columns["weight_decay"]) == decay]
            heights = place + 0.16 * (np.arange(len(rows)) - (len(rows) - 1) / 2)
            axes.hlines(heights, *rows.T, color=FAINT, linewidth=1.2, zorder=1)
            for values, look in zip(rows.T, _KINDS.values(), strict=True):
                settings: dict[str, Any] = look | {"label": None} if place else look
                axes.scatter(values, heights, zorder=2, **settings)
            ratio = f"{np.mean(rows[:, 1] / rows[:, 0]):.2g} times"
            axes.text(1.02, place, ratio, transform=axes.get_yaxis_transform(), fontsize=8, va="center")
        axes.set_yticks(range(len(decays)), [f"wd {decay:g}" for decay in decays])
        axes.tick_params(axis="y", length=0)
        axes.set_ylim(len(decays) - 0.5, -0.5)
        axes.set_xlim(left=0)
        axes.set_xlabel("mean squared error per cell; a line per seed")
        figure.legend(loc="outside upper left", fontsize=8, ncols=2)
    return figure
