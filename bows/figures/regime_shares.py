"""Shares of the regimes (absent, linear, antipodal, orthogonal, mixed) among rare to frequent words."""

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bows.figures.style import (
    BLUE,
    FAINT,
    GREEN,
    INK,
    ORANGE,
    PURPLE,
    caption,
    dark,
    message,
    new_figure,
    style,
)

REGIMES = ("absent", "linear", "antipodal", "orthogonal", "mixed")
COLOURS: dict[str, str] = dict(zip(REGIMES, (FAINT, BLUE, ORANGE, GREEN, PURPLE), strict=True))
# Distinguishable in grey too. No dots: in an SVG they take 250 KB.
HATCHES: dict[str, str] = dict(zip(REGIMES, ("--", "", "///", "\\\\\\", "xxx"), strict=True))
_SMALLEST_LABELLED = 0.06  # of a bar: thinner pieces have no room for a number


def regime_shares(regimes: Sequence[str | None], frequency: Sequence[float | None], thresholds: str) -> Figure:
    """Draw the shares of the regimes in each tenth of the words, rarest left, most frequent right.

    A bar is a decile of the words that have a regime: equally many words (give or take one), by frequency, words of equal frequency in
    the order given. Fewer than 10 words get a bar each.

    Args:
        regimes: V entries out of ``REGIMES``; None where a word's regime is not defined.
        frequency: V shares of windows with the word, in [0, 1]; None or NaN where unknown.
        thresholds: Of the regimes, such as ``"absent: R² < 0.05; linear: ..."``; printed below, with the number of words that are left
            out because their regime or frequency is None.

    Raises:
        ValueError: The lengths differ, or a regime is none of ``REGIMES``.
    """
    if len(regimes) != len(frequency):
        raise ValueError(f"{len(regimes)} regimes do not fit {len(frequency)} frequencies")
    unknown = sorted({regime for regime in regimes if regime is not None and regime not in REGIMES})
    if unknown:
        raise ValueError(f"regimes are {', '.join(REGIMES)}, got {', '.join(map(repr, unknown))}")
    pairs = zip(frequency, regimes, strict=True)
    known = [
        (share, REGIMES.index(regime))
        for share, regime in pairs
        if regime is not None and share is not None and math.isfinite(share)
    ]
    known.sort(key=lambda pair: pair[0])
    left_out = len(regimes) - len(known)
    with style():
        note = f"{left_out:,} of {len(regimes):,} words have no regime or frequency and are left out."
        tall = 4.2
        figure = new_figure(6.4, tall, layout="none")
        # In inches: the legend on the right; below two lines of ticks, the name of the axis and the caption.
        below = 0.62 + 0.125 * caption(figure, thresholds, note if left_out else "")
        axes = figure.add_axes((0.105, below / tall, 0.668, 1 - (below + 0.24) / tall))
        if known:
            _draw(axes, np.array([share for share, _ in known]), np.array([regime for _, regime in known]))
        else:
            message(axes, "no word has a regime")
    return figure


def _draw(axes: Axes, frequency: np.ndarray, of_word: np.ndarray) -> None:
    """Draw the bars of words by rising frequency, with the places of their regimes in REGIMES."""
    bins = np.array_split(np.arange(len(of_word)), min(10, len(of_word)))
    counts = np.stack([np.bincount(of_word[one], minlength=len(REGIMES)) for one in bins])  # (bars, regimes)
    shares = counts / counts.sum(1, keepdims=True)
    floor = np.zeros(len(bins))
    for index, regime in enumerate(REGIMES):
        colour, share = COLOURS[regime], shares[:, index]
        label = f"{regime}  {counts[:, index].sum() / counts.sum():.0%}"
        axes.bar(
            range(len(bins)), share, bottom=floor, width=0.86, color=colour, edgecolor="white", linewidth=0.6,
            hatch=HATCHES[regime], label=label,
        )  # fmt: skip
        ink, under = ("white", colour) if dark(colour) else (INK, colour)
        # A number has a plain patch under it, or the hatching would cross it.
        patch = {"boxstyle": "round,pad=0.15", "facecolor": under, "edgecolor": "none"}
        for place in np.flatnonzero(share >= _SMALLEST_LABELLED).tolist():
            middle = floor[place] + share[place] / 2
            axes.text(place, middle, f"{share[place]:.0%}", fontsize=7, color=ink, ha="center", va="center", bbox=patch)
        floor = floor + share
    for place, one in enumerate(bins):
        axes.text(place, 1.015, f"{len(one):,}", fontsize=7, ha="center", va="bottom")
    axes.text(-0.62, 1.015, "n", fontsize=7, ha="right", va="bottom", style="italic")
    ranges = [_range(float(frequency[one[0]]), float(frequency[one[-1]])) for one in bins]
    axes.set_xticks(range(len(bins)), ranges, fontsize=7)
    axes.tick_params(axis="x", length=0)
    axes.set(xlim=(-0.55, len(bins) - 0.45), ylim=(0, 1), ylabel="share of words")
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    axes.set_xlabel("windows with the word: lowest–highest of the bar’s words", fontsize=8)
    handles, labels = axes.get_legend_handles_labels()
    # As the pieces are stacked: the first regime lowest.
    axes.legend(
        handles[::-1], labels[::-1], title="regime and its share", title_fontsize=8, fontsize=8, loc="center left",
        bbox_to_anchor=(1, 0.5), handleheight=1.4,
    )  # fmt: skip


def _range(low: float, high: float) -> str:
    first, last = _percent(low), _percent(high)
    return first if first == last else f"{first}\n–{last}"


def _percent(share: float) -> str:
    """Return two significant digits without an exponent: 0.00042 is 0.042%."""
    if share <= 0:
        return "0%"
    digits = max(0, 1 - math.floor(math.log10(100 * share)))
    return f"{100 * share:.{min(digits, 6)}f}%"
