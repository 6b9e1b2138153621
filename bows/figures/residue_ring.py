"""Residues where a probe of their embeddings puts them, on a ring."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from bows.figures.labels import place_labels
from bows.figures.style import BLUE, FAINT, ORANGE, new_figure, style

LABELLED = 24


def residue_ring(residues: Mapping[str, Sequence], r2: float | None = None, frequency: int = 1) -> Figure:
    """Draw each residue at its probed cosine and sine, joined in the order of their places around the ring.

    Args:
        residues: A table by columns: `word`, `probed_cosine`, `probed_sine`, `held_out` (not used to fit the probe) and `place` (0, 1, ...
            around the ring).
        r2: R² of the probe on the held-out residues, for the title.
        frequency: Turns of the residues around the ring.
    """
    order = np.argsort(residues["place"])
    points = np.column_stack([residues["probed_cosine"], residues["probed_sine"]]).astype(float)[order]
    held_out = np.array(residues["held_out"], dtype=bool)[order]
    words = [str(residues["word"][place]) for place in order.tolist()]
    with style():
        figure = new_figure(5.2, 5.5)
        axes = figure.add_subplot()
        turn = np.linspace(0, 2 * np.pi, 200)
        axes.plot(np.cos(turn), np.sin(turn), color=FAINT, linewidth=0.8, linestyle=":", label="true places", zorder=0)
        axes.plot(*np.vstack([points, points[:1]]).T, color=FAINT, linewidth=0.6, zorder=1)
        for chosen, colour, label in ((~held_out, BLUE, "used to fit the probe"), (held_out, ORANGE, "held out")):
            axes.scatter(*points[chosen].T, s=16, color=colour, linewidth=0, label=label, zorder=3)
        reach = 1.18 * max(np.abs(points).max(), 1.0)
        axes.set(
            xlim=(-reach, reach), ylim=(-reach, reach), xlabel="probed cosine", ylabel="probed sine", aspect="equal"
        )
        score = "" if r2 is None else f"; R² = {r2:.3f} on held-out residues"
        axes.set_title(f"Residues at their probed places\nfrequency {frequency}{score}")
        axes.legend(loc="center", fontsize=8, handletextpad=0.4)
        shown = np.unique(np.linspace(0, len(points) - 1, min(LABELLED, len(points))).round().astype(int))
        place_labels(figure, axes, points[shown], [words[place] for place in shown.tolist()], 7.5)
    return figure
