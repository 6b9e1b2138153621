"""One word explained: the contributions to its pre-activation, other contexts, and how well presence and absence separate."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.transforms import blended_transform_factory
from numpy.typing import ArrayLike

from bows.figures.pre_activations import density_histogram, threshold
from bows.figures.style import BLUE, FAINT, GREEN, INK, ORANGE, SKY, caption, heading, new_figure, shorten, style

MOST_CONTEXT = 12  # words drawn one by one; further ones are summed in one row
_Part = tuple[str, float, str]  # name, value, colour
_BAR: dict[str, Any] = {"height": 0.72, "edgecolor": "white", "linewidth": 0.4, "zorder": 2}
_SUM: dict[str, Any] = {
    "fmt": "D", "markersize": 4, "color": INK, "markeredgecolor": "white", "markeredgewidth": 0.5, "elinewidth": 1, "capsize": 2.5,
    "zorder": 5,
}  # fmt: skip
# Legends are above the axes, over a line left for the threshold's name.
_ABOVE: dict[str, Any] = {
    "loc": "lower left", "bbox_to_anchor": (0, 1), "borderaxespad": 1.8, "fontsize": 7.5, "handlelength": 1.4,
}  # fmt: skip


def explanation_figure(
    word: str,
    contributions: Mapping[str, float],
    random_contexts: tuple[float, float, int],
    histograms: tuple[ArrayLike, ArrayLike, ArrayLike],
    numbers: Mapping[str, float | None],
    relu: bool = True,
) -> Figure:
    """Draw why a model does, or does not, report a word.

    Left, above: the pre-activation of the word in the bag {word} + context, a_i = b_i + G_ii + sum over the context of G_ij, as a
    waterfall: each bar starts where the one before ended. Left, below: the same sum as one stack, and the word alone, the context without
    it, and random contexts with and without it. Positive contributions of a stack are right of 0, negative ones left; the black mark is
    their sum. Right: held-out pre-activations of windows with and without the word, each histogram of area 1.

    Args:
        word: The word explained.
        contributions: To the pre-activation, in order: the first is the bias b_i, the second the self term G_ii, whatever their keys (a
            context may contain the word "bias"); then G_ij of each context word. Over 12 context words, those of least magnitude are
            drawn as one row.
        random_contexts: Of many random contexts as large as this one: mean and standard deviation of the sum over the context of G_ij
            (without bias and self term), and their number.
        histograms: (n + 1,) rising edges of the bins, n >= 1; (n,) counts of held-out windows with the word; (n,) without it.
        numbers: Name -> value, printed below; None is left out.
        relu: Whether 0 is the threshold of a ReLU, and is named so.

    Raises:
        ValueError: Bias and self term are missing, or edges and counts do not fit.
    """
    parts = list(contributions.items())
    if len(parts) < 2:
        raise ValueError(f"contributions begin with the bias and the self term, got {list(contributions)}")
    edges, present, absent = (np.asarray(values, dtype=float) for values in histograms)
    if edges.ndim != 1 or len(edges) < 2 or not present.shape == absent.shape == (len(edges) - 1,):
        raise ValueError(f"counts of shapes {present.shape}, {absent.shape} do not fit {edges.shape} edges")
    context, (mean, deviation, draws) = _context(parts[2:]), random_contexts
    head, own = ("bias", parts[0][1], FAINT), ("self", parts[1][1], ORANGE)
    around = [(shorten(name, 16), value, SKY) for name, value in context]
    random = ("random", mean, GREEN)
    stacks: dict[str, tuple[list[_Part], float | None]] = {
        "word + context": ([head, own, *around], None),
        "word alone": ([head, own], None),
        "context without word": ([head, *around], None),
        "word + random context": ([head, own, random], deviation),
        "random, without word": ([head, random], deviation),
    }
    printed = [f"{name} {value:.3g}" for name, value in numbers.items() if value is not None]
    with style():
        figure = new_figure(6.4, 1.9 + 0.18 * (len(context) + 2 + len(stacks)))
        left, right = figure.subplots(1, 2, width_ratios=[1.25, 1])
        _sums(left, [head, own, *around], stacks)
        _histograms(right, edges, present, absent)
        for axes in (left, right):
            threshold(axes, relu)
        caption(figure, " · ".join([*printed, f"{draws:,} random contexts"]))
        heading(figure, f"“{shorten(word)}”")
    return figure


def _context(parts: Sequence[tuple[str, float]]) -> list[tuple[str, float]]:
    if len(parts) <= MOST_CONTEXT:
        return list(parts)
    largest = sorted(range(len(parts)), key=lambda index: -abs(parts[index][1]))[: MOST_CONTEXT - 1]
    kept = [parts[index] for index in sorted(largest)]
    rest = sum(value for index, (_, value) in enumerate(parts) if index not in largest)
    return [*kept, (f"{len(parts) - len(kept)} further words", rest)]


def _sums(axes: Axes, waterfall: Sequence[_Part], stacks: Mapping[str, tuple[list[_Part], float | None]]) -> None:
    start = 0.0
    for row, (_, value, colour) in enumerate(waterfall):
        axes.barh(row, value, left=start, color=colour, **_BAR)
        start += value
        # A thin line leads down to where the next bar begins, and at last to the sum.
        axes.plot([start, start], [row - 0.36, row + 1.36], color=INK, linewidth=0.4, zorder=3)
    below = len(waterfall) + 0.5
    axes.axhline(below - 0.75, color=FAINT, linewidth=0.6, zorder=0)
    totals = []
    for row, (pieces, spread) in enumerate(stacks.values()):
        ends = {True: 0.0, False: 0.0}
        for _, value, colour in pieces:
            hatch = "////" if colour == GREEN else None
            axes.barh(below + row, value, left=ends[value > 0], color=colour, hatch=hatch, **_BAR)
            ends[value > 0] += value
        totals.append(sum(ends.values()))
        axes.errorbar(totals[-1], below + row, xerr=spread, **_SUM)
    rows = [*range(len(waterfall)), *(below + np.arange(len(stacks)))]
    axes.set_ylim(rows[-1] + 0.5, -0.5)
    axes.set_yticks(rows, [*(name for name, _, _ in waterfall), *stacks], fontsize=7.5)
    axes.tick_params(axis="y", length=0)
    axes.tick_params(axis="x", labelsize=7.5)
    axes.spines.left.set_visible(False)
    axes.use_sticky_edges = False  # bars would end at the very edge
    axes.margins(x=0.06)
    axes.set_xlabel("contribution to the pre-activation", fontsize=8)
    _print(axes, rows, [*(value for _, value, _ in waterfall), *totals])
    handles = [
        Patch(facecolor=SKY, label="one word of the context"),
        Patch(facecolor=GREEN, hatch="////", edgecolor="white", label="random context, mean"),
        Line2D([], [], marker="D", markersize=4, color=INK, linewidth=1, label="sum (± one standard deviation)"),
    ]
    axes.legend(handles=handles, **_ABOVE)


def _print(axes: Axes, rows: Sequence[float], values: Sequence[float]) -> None:
    """Write the values in a column right of the axes, where no bar crosses them."""
    place = blended_transform_factory(axes.transAxes, axes.transData)
    largest = max(map(abs, values))
    digits = max(2, 1 - math.floor(math.log10(largest))) if largest else 2  # small models add up small numbers
    for row, value in zip(rows, values, strict=True):
        signed = f"{value:+.{digits}f}".replace("-", "−")
        axes.text(1.12, row, signed, transform=place, fontsize=7, ha="right", va="center")


def _histograms(axes: Axes, edges: np.ndarray, present: np.ndarray, absent: np.ndarray) -> None:
    for counts, label, colour, hatch in ((absent, "without", BLUE, None), (present, "with", ORANGE, "////")):
        density_histogram(axes, edges, counts, colour, hatch, f"{counts.sum():,.0f} {label} the word")
    axes.set_xlim(min(edges[0], 0), max(edges[-1], 0))  # the threshold is in view, however far
    axes.set_ylim(bottom=0)
    axes.set_xlabel("pre-activation", fontsize=8)
    axes.set_ylabel("density", fontsize=8)
    axes.tick_params(labelsize=7.5)
    axes.legend(title="held-out windows", title_fontsize=8, alignment="left", **_ABOVE)
