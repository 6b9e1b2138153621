"""The loss on windows that share rows with training windows, beside that on held-out documents."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from bows.figures.style import BLUE, FAINT, INK, ORANGE, new_figure, style


def leaking_losses(columns: Mapping[str, Sequence[Any]]) -> Figure:
    """Draw, for each weight decay, a line a seed from the leaking split's loss to the held-out documents'.

    Args:
        columns: a table by columns, a row a run: `weight_decay`, `seed`, `leaking`, `held_out`.
    """
    decays = sorted(set(columns["weight_decay"]))
    with style():
        figure = new_figure(5.6, 0.9 + 0.75 * len(decays))
        axes = figure.add_subplot()
        for place, decay in enumerate(decays):
            rows = [
                (leaking, held_out)
                for of, leaking, held_out in zip(
                    *(columns[name] for name in ("weight_decay", "leaking", "held_out")), strict=True
                )
                if of == decay
            ]
            for number, (leaking, held_out) in enumerate(rows):
                y = place + 0.16 * (number - (len(rows) - 1) / 2)
                axes.plot([leaking, held_out], [y, y], color=FAINT, linewidth=1.2, zorder=1)
                axes.scatter(leaking, y, s=30, color=ORANGE, marker="D", zorder=2)
                axes.scatter(held_out, y, s=34, color=BLUE, zorder=2)
            ratio = np.mean([held_out / leaking for leaking, held_out in rows])
            axes.annotate(
                f"{ratio:.2g} times",
                (1.02, place),
                xycoords=axes.get_yaxis_transform(),
                fontsize=8,
                va="center",
                annotation_clip=False,
            )
        axes.scatter([], [], s=30, color=ORANGE, marker="D", label="windows that share rows with training windows")
        axes.scatter([], [], s=34, color=BLUE, label="windows of held-out documents")
        axes.set_yticks(range(len(decays)), [f"wd {decay:g}" for decay in decays])
        axes.tick_params(axis="y", length=0)
        axes.set_ylim(len(decays) - 0.5, -0.5)
        axes.set_xlim(left=0)
        axes.set_xlabel("mean squared error a cell; a line a seed")
        axes.spines.left.set_color(INK)
        figure.legend(loc="outside upper left", fontsize=8, ncols=2)
    return figure
