"""Regime map: which share of the words is absent, linear, antipodal, orthogonal or mixed, from rare words to frequent ones."""

import math
import textwrap
from collections.abc import Sequence

import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from bows.figures.style import BLUE, FAINT, GREEN, INK, ORANGE, PURPLE, new_figure, shorten, style

REGIMES = ("absent", "linear", "antipodal", "orthogonal", "mixed")
COLOURS: dict[str, str] = dict(zip(REGIMES, (FAINT, BLUE, ORANGE, GREEN, PURPLE), strict=True))
# Distinguishable in grey too. No dots: in an SVG they take 250 KB.
HATCHES: dict[str, str] = dict(zip(REGIMES, ("--", "", "///", "\\\\\\", "xxx"), strict=True))
_SMALLEST_LABELLED = 0.06  # of a bar: thinner pieces have no room for a number


def regime_shares(
    regimes: Sequence[str | None],
    frequency: Sequence[float | None],
    thresholds: str,
    title: str = "",
) -> Figure:
    """Draw the shares of the regimes in each tenth of the words, rarest left, most frequent right.

    A bar is a decile of the words that have a regime: equally many words (give or take one), in order of frequency,
    words of equal frequency in the order given. Fewer than 10 words give a bar each.

    Args:
        regimes: V entries out of ``REGIMES``; None where a word's regime is not defined.
        frequency: V shares of windows that hold the word, in [0, 1]; None or NaN where unknown.
        thresholds: what the regimes mean, such as ``"absent: R² < 0.05; linear: ..."``; printed below with the number
            of words left out because their regime or frequency is None.
        title: above the picture.

    Raises:
        ValueError: if the lengths differ, or a regime is none of ``REGIMES``.
    """
    if len(regimes) != len(frequency):
        raise ValueError(f"{len(regimes)} regimes do not fit {len(frequency)} frequencies")
    unknown = sorted({regime for regime in regimes if regime is not None and regime not in REGIMES})
    if unknown:
        raise ValueError(f"regimes are {', '.join(REGIMES)}, got {', '.join(map(repr, unknown))}")
    known = [
        (share, regime)
        for regime, share in zip(regimes, frequency, strict=True)
        if regime is not None and share is not None and math.isfinite(share)
    ]
    known.sort(key=lambda pair: pair[0])
    left_out = len(regimes) - len(known)
    caption = [thresholds] if thresholds else []
    if left_out:
        caption.append(f"{left_out:,} of {len(regimes):,} words have no regime or frequency and are left out.")
    with style():
        figure = new_figure(6.4, 4.2)
        axes = figure.add_subplot()
        if known:
            _draw(figure, known)
        else:
            axes.text(0.5, 0.5, "no word has a regime", transform=axes.transAxes, ha="center", va="center")
            axes.set(xticks=[], yticks=[])
        if caption:
            below = "\n".join(textwrap.fill(part, 105) for part in caption)
            figure.supxlabel(below, x=0.01, ha="left", fontsize=7.5)
        if title:
            figure.suptitle(shorten(title, 80), fontsize=10, x=0.01, ha="left")
    return figure


def _draw(figure: Figure, known: Sequence[tuple[float, str]]) -> None:
    axes = figure.axes[0]
    bins = np.array_split(np.arange(len(known)), min(10, len(known)))
    of_word = np.array([REGIMES.index(regime) for _, regime in known])
    counts = np.stack([np.bincount(of_word[one], minlength=len(REGIMES)) for one in bins])  # (bars, regimes)
    shares = counts / counts.sum(1, keepdims=True)
    floor = np.zeros(len(bins))
    for index, regime in enumerate(REGIMES):
        colour = COLOURS[regime]
        share = shares[:, index]
        axes.bar(
            range(len(bins)),
            share,
            bottom=floor,
            width=0.86,
            color=colour,
            edgecolor="white",
            linewidth=0.6,
            hatch=HATCHES[regime],
            label=f"{regime}  {counts[:, index].sum() / counts.sum():.0%}",
        )
        for place, part in enumerate(share):
            if part >= _SMALLEST_LABELLED:
                ink, under = ("white", colour) if _dark(colour) else (INK, colour)
                axes.text(
                    place,
                    floor[place] + part / 2,
                    f"{part:.0%}",
                    fontsize=7,
                    color=ink,
                    ha="center",
                    va="center",
                    # The number stands on a plain patch, or the hatching would run through it.
                    bbox={"boxstyle": "round,pad=0.15", "facecolor": under, "edgecolor": "none"},
                )
        floor = floor + share
    for place, one in enumerate(bins):
        axes.text(place, 1.015, f"{len(one):,}", fontsize=7, ha="center", va="bottom")
    axes.text(-0.62, 1.015, "n", fontsize=7, ha="right", va="bottom", style="italic")
    ranges = [_range(known[one[0]][0], known[one[-1]][0]) for one in bins]
    axes.set_xticks(range(len(bins)), ranges, fontsize=7)
    axes.tick_params(axis="x", length=0)
    axes.set(xlim=(-0.55, len(bins) - 0.45), ylim=(0, 1), ylabel="share of words")
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    axes.set_xlabel("windows that hold the word: lowest–highest of the bar’s words", fontsize=8)
    handles, labels = axes.get_legend_handles_labels()
    # As the pieces are stacked: the first regime lowest.
    axes.legend(
        handles[::-1],
        labels[::-1],
        title="regime and its share",
        title_fontsize=8,
        fontsize=8,
        loc="center left",
        bbox_to_anchor=(1, 0.5),
        handleheight=1.4,
    )


def _range(low: float, high: float) -> str:
    first, last = _percent(low), _percent(high)
    return first if first == last else f"{first}\n–{last}"


def _percent(share: float) -> str:
    """Two significant digits, without an exponent: 0.00042 is 0.042%."""
    if share <= 0:
        return "0%"
    digits = max(0, 1 - math.floor(math.log10(100 * share)))
    return f"{100 * share:.{min(digits, 6)}f}%"


def _dark(colour: str) -> bool:
    red, green, blue = to_rgb(colour)
    return 0.299 * red + 0.587 * green + 0.114 * blue < 0.5
