"""Words in contexts: the contributions to a word's pre-activation in its own context, in another, and without the word."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from bows.figures.style import FAINT, INK, ORANGE, RED, SKY, new_figure, shorten, style

TOWERS = (
    "word alone",
    "in its own context",
    "in another context",
    "its own context\nwithout the word",
    "another context\nwithout the word",
)
OWN = (1, 3)  # towers of the word's own context
_MARK: dict[str, Any] = {
    "marker": "D", "markersize": 5, "color": INK, "markeredgecolor": "white", "markeredgewidth": 0.6, "zorder": 5,
}  # fmt: skip


def context_towers(columns: Mapping[str, Sequence[Any]]) -> Figure:
    """Draw a row per word: for each bag a stack of bias, self term and each context word's contribution.

    Positive contributions are stacked above 0, negative ones below; the black mark is their sum, the input of the activation.

    Args:
        columns: A table by columns, a row per contribution: `word`; `tower`, one of TOWERS; `part` (bias, self, context); `context` (the
            context word, or None); `value`.

    Raises:
        ValueError: There is no word.
    """
    names = list(dict.fromkeys(columns["word"]))
    if not names:
        raise ValueError("there is no word to draw")
    rows = list(zip(*(columns[name] for name in ("word", "tower", "part", "context", "value")), strict=True))
    with style():
        figure = new_figure(7.4, 0.7 + 2.35 * len(names))
        for axes, word in zip(figure.subplots(len(names), 1, squeeze=False)[:, 0], names, strict=True):
            contexts: dict[str, dict[str, None]] = {"own": {}, "other": {}}
            for place, tower in enumerate(TOWERS):
                parts = [row[2:] for row in rows if row[:2] == (word, tower)]
                _tower(axes, place, parts)
                words = dict.fromkeys(context for _, context, _ in parts if context is not None)
                contexts["own" if place in OWN else "other"] |= words
            axes.axhline(0, color=INK, linewidth=1)
            right = axes.get_yaxis_transform()
            axes.text(1.01, 0, "ReLU’s\nthreshold", transform=right, fontsize=7, va="center", ha="left")
            axes.set_xlim(-0.5, len(TOWERS) - 0.25)
            axes.set_xticks(range(len(TOWERS)), TOWERS, fontsize=7.5)
            axes.tick_params(axis="x", length=0)
            axes.margins(y=0.1)
            axes.set_ylabel("pre-activation", fontsize=8)
            listed = [
                f"{key} context: {' '.join(shorten(each, 16) for each in words)}"
                for key, words in contexts.items()
                if words
            ]
            axes.set_title(f"“{shorten(word)}”   {'; '.join(listed)}", fontsize=8.5)
        kinds = (
            ("bias", FAINT), ("the word itself", ORANGE), ("a word of its own context", SKY), ("a word of another context", RED),
        )  # fmt: skip
        handles = [
            Patch(facecolor=colour, hatch="///" if colour == RED else None, edgecolor="white", label=label)
            for label, colour in kinds
        ]
        figure.legend(handles=handles, loc="outside lower center", ncols=4, fontsize=8)
    return figure


def _tower(axes: Axes, place: int, parts: Sequence[tuple[str, str | None, float]]) -> None:
    """Stack the contributions (part, context word, value) of a bag, and mark their sum."""
    ends = {True: 0.0, False: 0.0}
    own = place in OWN
    for part, _, value in parts:
        colour = {"bias": FAINT, "self": ORANGE}.get(part, SKY if own else RED)
        hatch = "///" if part == "context" and not own else None
        axes.bar(
            place, value, bottom=ends[value > 0], width=0.6, color=colour, edgecolor="white", linewidth=0.6, hatch=hatch
        )
        ends[value > 0] += value
    total = sum(ends.values())
    axes.plot(place, total, **_MARK)
    axes.annotate(
        f"{total:+.2f}".replace("-", "−"), (place + 0.34, total), fontsize=8, va="center", annotation_clip=False
    )
