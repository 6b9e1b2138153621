"""Words in contexts: what adds up to a word's pre-activation in a context of its own, in another, and without the word."""

from collections.abc import Mapping, Sequence
from typing import Any

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


def context_towers(columns: Mapping[str, Sequence[Any]], relu: bool = True) -> Figure:
    """Draw a row a word: for each bag a stack of bias, self term and each context word's part. Positive parts reach up from 0,
    negative ones down; the black mark is their sum, what the activation is applied to.

    Args:
        columns: a table by columns, a row a part: `word`; `tower`, one of TOWERS; `part` (bias, self, context); `context` (the context
            word, or None); `value`.
        relu: whether 0 is the threshold of a ReLU, and is named so.

    Raises:
        ValueError: if there is no word.
    """
    names = list(dict.fromkeys(columns["word"]))
    if not names:
        raise ValueError("there is no word to draw")
    rows = list(zip(*(columns[name] for name in ("word", "tower", "part", "context", "value")), strict=True))
    with style():
        figure = new_figure(7.4, 0.7 + 2.35 * len(names))
        for axes, word in zip(figure.subplots(len(names), 1, squeeze=False)[:, 0], names, strict=True):
            contexts = {}
            for place, tower in enumerate(TOWERS):
                ends = {True: 0.0, False: 0.0}
                for of, at, part, context, value in rows:
                    if (of, at) != (word, tower):
                        continue
                    own = place in (1, 3)
                    colour = {"bias": FAINT, "self": ORANGE}.get(part, SKY if own else RED)
                    axes.bar(
                        place, value, bottom=ends[value > 0], width=0.6, color=colour, edgecolor="white", linewidth=0.6,
                        hatch=None if part != "context" or own else "///",
                    )  # fmt: skip
                    ends[value > 0] += value
                    if context is not None:
                        contexts.setdefault("own" if own else "other", {})[context] = None
                total = sum(ends.values())
                axes.plot(
                    place,
                    total,
                    marker="D",
                    markersize=5,
                    color=INK,
                    markeredgecolor="white",
                    markeredgewidth=0.6,
                    zorder=5,
                )
                axes.annotate(
                    f"{total:+.2f}".replace("-", "−"),
                    (place + 0.34, total),
                    fontsize=8,
                    va="center",
                    annotation_clip=False,
                )
            axes.axhline(0, color=INK, linewidth=1)
            if relu:
                beside = axes.get_yaxis_transform()
                axes.text(1.01, 0, "ReLU’s\nthreshold", transform=beside, fontsize=7, va="center", ha="left")
            axes.set_xlim(-0.5, len(TOWERS) - 0.25)
            axes.set_xticks(range(len(TOWERS)), TOWERS, fontsize=7.5)
            axes.tick_params(axis="x", length=0)
            axes.margins(y=0.1)
            axes.set_ylabel("pre-activation", fontsize=8)
            said = "; ".join(
                f"{name} context: {' '.join(shorten(each, 16) for each in contexts[key])}"
                for key, name in (("own", "own"), ("other", "other"))
                if key in contexts
            )
            axes.set_title(f"“{shorten(word)}”   {said}", fontsize=8.5)
        figure.legend(
            handles=[
                Patch(facecolor=FAINT, label="bias"),
                Patch(facecolor=ORANGE, label="the word itself"),
                Patch(facecolor=SKY, label="a word of its own context"),
                Patch(facecolor=RED, hatch="///", edgecolor="white", label="a word of another context"),
            ],
            loc="outside lower center",
            ncols=4,
            fontsize=8,
        )
    return figure
