"""One word explained: what adds up to its pre-activation, beside other contexts, and how it is told from its absence."""

import math
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.transforms import blended_transform_factory
from numpy.typing import ArrayLike

from bows.figures.style import BLUE, FAINT, GREEN, INK, ORANGE, SKY, new_figure, shorten, style

MOST_CONTEXT = 12  # words drawn one by one; further ones are summed in one row
_Part = tuple[str, float, str]  # name, value, colour
_BAR: dict[str, Any] = {"height": 0.72, "edgecolor": "white", "linewidth": 0.4, "zorder": 2}
# Legends stand above the axes, over a line left for the threshold's name.
_ABOVE: dict[str, Any] = {
    "loc": "lower left", "bbox_to_anchor": (0, 1), "borderaxespad": 1.8, "fontsize": 7.5, "handlelength": 1.4,
}  # fmt: skip


def explanation_figure(
    word: str,
    contributions: Mapping[str, float],
    random_contexts: tuple[float, float, int],
    edges: ArrayLike,
    with_word: ArrayLike,
    without_word: ArrayLike,
    numbers: Mapping[str, float | None],
    title: str = "",
    relu: bool = True,
) -> Figure:
    """Draw why a model does, or does not, report a word.

    Left, above: the pre-activation of the word in the bag {word} + context, a_i = b_i + G_ii + sum over the context
    of G_ij, as a waterfall: each bar starts where the one before ended. Left, below: the same sum as one stack, and
    the word alone, the context without it, and random contexts with and without it. A stack's positive parts reach
    right from 0, its negative ones left; the black mark is what they add up to. Right: held-out pre-activations of
    windows with and without the word, each histogram of area 1. 0, where a ReLU cuts, is a line through both.

    Args:
        word: the word explained.
        contributions: parts of the pre-activation in order: the first is the bias b_i, the second the self term
            G_ii, whatever their keys (a context may hold the word "bias"); then G_ij of each context word. Over 12 context
            words, those of least magnitude are drawn as one row.
        random_contexts: of many random contexts as large as this one: mean and standard deviation of
            sum over the context of G_ij (without bias and self term), and how many were drawn.
        edges: (n + 1,) rising edges of the histograms' bins, n >= 1.
        with_word, without_word: (n,) counts of held-out windows that hold the word, and that do not.
        numbers: name -> value, printed below; None (such as a share that only a ReLU has) is left out.
        title: above the picture, after the word.
        relu: whether 0 is the threshold of a ReLU, and is named so.

    Raises:
        ValueError: if bias and self term are missing, or edges and counts do not fit.
    """
    parts = list(contributions.items())
    if len(parts) < 2:
        raise ValueError(f"contributions begin with the bias and the self term, got {list(contributions)}")
    edges, present, absent = (np.asarray(values, dtype=float) for values in (edges, with_word, without_word))
    if edges.ndim != 1 or len(edges) < 2 or not present.shape == absent.shape == (len(edges) - 1,):
        raise ValueError(f"counts of shapes {present.shape}, {absent.shape} do not fit {edges.shape} edges")
    bias, self_term, context = parts[0][1], parts[1][1], _context(parts[2:])
    printed = [f"{name} {value:.3g}" for name, value in numbers.items() if value is not None]
    mean, deviation, draws = random_contexts
    printed.append(f"{draws:,} random contexts")
    with style():
        rows = len(context) + 2 + 5
        figure = new_figure(6.4, 1.9 + 0.18 * rows)
        left, right = figure.subplots(1, 2, width_ratios=[1.25, 1])
        _sums(left, bias, self_term, context, mean, deviation)
        _histograms(right, edges, present, absent)
        for axes in (left, right):
            axes.axvline(0, color=INK, linewidth=1, zorder=4)
            if relu:
                place = blended_transform_factory(axes.transData, axes.transAxes)
                axes.text(0, 1.01, "ReLU’s threshold", transform=place, fontsize=7, ha="center", va="bottom")
        figure.supxlabel(textwrap.fill(" · ".join(printed), 105), x=0.01, ha="left", fontsize=7.5)
        heading = f"“{shorten(word)}”" + (f" – {shorten(title, 60)}" if title else "")
        figure.suptitle(heading, fontsize=10, x=0.01, ha="left")
    return figure


def _context(parts: Sequence[tuple[str, float]]) -> list[tuple[str, float]]:
    if len(parts) <= MOST_CONTEXT:
        return list(parts)
    largest = sorted(range(len(parts)), key=lambda index: -abs(parts[index][1]))[: MOST_CONTEXT - 1]
    kept = [parts[index] for index in sorted(largest)]
    rest = sum(value for index, (_, value) in enumerate(parts) if index not in largest)
    return [*kept, (f"{len(parts) - len(kept)} further words", rest)]


def _sums(
    axes: Axes,
    bias: float,
    self_term: float,
    context: Sequence[tuple[str, float]],
    mean: float,
    deviation: float,
) -> None:
    head, own = ("bias", bias, FAINT), ("self", self_term, ORANGE)
    around = [(shorten(name, 16), value, SKY) for name, value in context]
    random = ("random", mean, GREEN)
    waterfall = [head, own, *around]
    stacks: list[tuple[str, list[_Part], float | None]] = [
        ("word + context", [head, own, *around], None),
        ("word alone", [head, own], None),
        ("context without word", [head, *around], None),
        ("word + random context", [head, own, random], deviation),
        ("random, without word", [head, random], deviation),
    ]
    start = 0.0
    for row, (_, value, colour) in enumerate(waterfall):
        axes.barh(row, value, left=start, color=colour, **_BAR)
        start += value
        # A thin line leads down to where the next bar begins, and at last to the sum.
        axes.plot([start, start], [row - 0.36, row + 1.36], color=INK, linewidth=0.4, zorder=3)
    below = len(waterfall) + 0.5
    axes.axhline(below - 0.75, color=FAINT, linewidth=0.6, zorder=0)
    for row, (_, pieces, spread) in enumerate(stacks):
        _stack(axes, below + row, pieces, spread)
    rows = [*range(len(waterfall)), *(below + np.arange(len(stacks)))]
    axes.set_ylim(rows[-1] + 0.5, -0.5)
    axes.set_yticks(rows, [name for name, _, _ in (*waterfall, *stacks)], fontsize=7.5)
    axes.tick_params(axis="y", length=0)
    axes.tick_params(axis="x", labelsize=7.5)
    axes.spines.left.set_visible(False)
    axes.use_sticky_edges = False  # bars would end at the very edge
    axes.margins(x=0.06)
    axes.set_xlabel("contribution to the pre-activation", fontsize=8)
    values = [value for _, value, _ in waterfall]
    values += [sum(value for _, value, _ in pieces) for _, pieces, _ in stacks]
    _print(axes, rows, values)
    axes.legend(
        [
            Patch(facecolor=SKY),
            Patch(facecolor=GREEN, hatch="////", edgecolor="white"),
            Line2D([], [], marker="D", markersize=4, color=INK, linewidth=1),
        ],
        ["one word of the context", "random context, mean", "sum (± one standard deviation)"],
        **_ABOVE,
    )


def _stack(axes: Axes, row: float, pieces: Sequence[_Part], spread: float | None) -> None:
    ends = {True: 0.0, False: 0.0}
    for _, value, colour in pieces:
        hatch = "////" if colour == GREEN else None
        axes.barh(row, value, left=ends[value > 0], color=colour, hatch=hatch, **_BAR)
        ends[value > 0] += value
    axes.errorbar(
        sum(ends.values()),
        row,
        xerr=spread,
        fmt="D",
        markersize=4,
        color=INK,
        markeredgecolor="white",
        markeredgewidth=0.5,
        elinewidth=1,
        capsize=2.5,
        zorder=5,
    )


def _print(axes: Axes, rows: Sequence[float], values: Sequence[float]) -> None:
    """The values, in a column right of the axes, where no bar can run through them."""
    place = blended_transform_factory(axes.transAxes, axes.transData)
    largest = max(map(abs, values))
    digits = max(2, 1 - math.floor(math.log10(largest))) if largest else 2  # small models add up small numbers
    for row, value in zip(rows, values, strict=True):
        signed = f"{value:+.{digits}f}".replace("-", "−")
        axes.text(1.12, row, signed, transform=place, fontsize=7, ha="right", va="center")


def _histograms(axes: Axes, edges: np.ndarray, present: np.ndarray, absent: np.ndarray) -> None:
    widths = np.diff(edges)
    for counts, label, colour, hatch in ((absent, "without", BLUE, None), (present, "with", ORANGE, "////")):
        total = counts.sum()
        density = counts / (total * widths) if total else np.zeros_like(counts)
        name = f"{total:,.0f} {label} the word"
        axes.stairs(density, edges, color=colour, linewidth=1.2, label=name)
        axes.stairs(
            density, edges, facecolor=(colour, 0.3), edgecolor=(colour, 0.6), fill=True, hatch=hatch, linewidth=0
        )
    axes.set_xlim(min(edges[0], 0), max(edges[-1], 0))  # the threshold is in view, however far
    axes.set_ylim(bottom=0)
    axes.set_xlabel("pre-activation", fontsize=8)
    axes.set_ylabel("density", fontsize=8)
    axes.tick_params(labelsize=7.5)
    axes.legend(title="held-out windows", title_fontsize=8, alignment="left", **_ABOVE)
