"""Scores of named cases, such as texts: a row per case, a panel per score, with intervals."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure

from bows.figures.scales import seeds_of
from bows.figures.style import BLUE, FAINT, caption, new_figure, style

LETTER, ROW, PANEL = 0.062, 0.24, 1.5  # inches: of a case's name per letter, a row's height, a panel's width


def named_scores(rows: Sequence[Mapping[str, Any]], name: str, scores: Sequence[str]) -> Figure:
    """Draw scores of cases as dots with intervals, the first case at the top.

    Args:
        rows: at least one case: its name under `name`, each score under its own name, None if undefined, the ends of its interval under
            `<score>_low` and `<score>_high`, None without one, and `seeds`.
        name: the key of the names.
        scores: keys of the scores, one panel each.
    """
    left = LETTER * max(len(row[name]) for row in rows)
    with style():
        figure = new_figure(left + PANEL * len(scores) + 0.3, ROW * len(rows) + 0.85)
        panels = figure.subplots(1, len(scores), sharey=True, squeeze=False)[0]
        for axes, score in zip(panels, scores, strict=True):
            axes.set_title(score, fontsize=8.5)
            axes.axvline(0, color=FAINT, linewidth=0.6)
            for place, row in enumerate(rows):
                if row[score] is None:
                    continue
                if row[f"{score}_low"] is not None:
                    axes.plot([row[f"{score}_low"], row[f"{score}_high"]], [place, place], color=BLUE, linewidth=1.2)
                axes.plot(row[score], place, "o", color=BLUE, markersize=4)
            axes.set_ylim(len(rows) - 0.5, -0.5)
        panels[0].set_yticks(range(len(rows)), [row[name] for row in rows], fontsize=8)
        caption(
            figure,
            f"Means over {seeds_of([row['seeds'] for row in rows])}; lines: 95 % intervals of the mean (Student’s t).",
        )
    return figure
