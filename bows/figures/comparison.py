"""Models compared: R² of rare and frequent words, and the gain of each word."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bows.figures.labels import place_labels
from bows.figures.regime_shares import COLOURS, REGIMES
from bows.figures.style import BLUE, GREEN, INK, ORANGE, PURPLE, RED, caption, heading, new_figure, shorten, style

_MODELS: tuple[dict[str, Any], ...] = tuple(
    {"color": colour, "marker": marker, "linestyle": dashes, "markersize": 4.5}
    for colour, marker, dashes in zip(
        (BLUE, ORANGE, GREEN, PURPLE, RED, INK), "os^DvP", ("-", "--", "-.", ":", "-", "--"), strict=True
    )
)
_MARKERS: dict[str, str] = dict(zip(REGIMES, "xo^sD", strict=True))
_LOWEST = -0.25  # R² below it are drawn at the edge: a few rare words would squeeze all others into a corner


def comparison_by_decile(table: Mapping[str, Sequence], title: str = "") -> Figure:
    """Draw each model's R² from rare to frequent words, and below it the gain of the first model over each other.

    Args:
        table: By columns, equally long. The column ``decile`` has the names of the groups of words, rarest first; every other column is a
            model, its R² per group, None or NaN where not defined. 2 to 6 models; the first is the one compared.
        title: Above the figure.

    Raises:
        ValueError: There is no column of groups, the columns are of different lengths, or the models are not 2 to 6.
    """
    if "decile" not in table:
        raise ValueError(f"a comparison needs a column 'decile', got {sorted(table)}")
    models = {name: np.array(column, dtype=float) for name, column in table.items() if name != "decile"}
    if not 2 <= len(models) <= len(_MODELS):
        raise ValueError(f"a comparison is of 2 to {len(_MODELS)} models, got {len(models)}")
    groups = [str(name) for name in table["decile"]]
    if any(len(values) != len(groups) for values in models.values()):
        cells = [len(values) for values in models.values()]
        raise ValueError(f"columns of {cells} cells do not fit {len(groups)} groups")
    (first, reference), *others = models.items()
    places = np.arange(len(groups))
    with style():
        figure = new_figure(6.4, 5.0)
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[1.4, 1])
        handles = []
        for values, look in zip(models.values(), _MODELS, strict=False):
            handles += upper.plot(places, values, **look)
        for (_, values), look in zip(others, _MODELS[1:], strict=False):
            lower.plot(places, reference - values, **look)
        lower.axhline(0, color=INK, linewidth=0.6)
        if upper.get_ylim()[0] < 0:  # below this line the mean would reconstruct words better
            upper.axhline(0, color=INK, linewidth=0.6, linestyle=":")
        upper.set_ylabel("R²")
        lower.set_ylabel("gain")
        lower.set_title(f"gain of {shorten(first, 50)} over each other model", fontsize=8.5)
        lower.set_xticks(places, [shorten(name, 12) for name in groups], fontsize=8 if len(groups) <= 10 else 6.5)
        lower.set_xlabel("decile, rare to frequent")
        names = [shorten(name, 30) for name in models]
        across = len(names) if sum(map(len, names)) + 8 * len(names) <= 85 else 2
        at = {"loc": "lower left", "bbox_to_anchor": (0, 1)}
        upper.legend(handles, names, fontsize=8, ncols=across, handlelength=2.6, **at)
        figure.align_ylabels()
        heading(figure, title)
    return figure


def gain_by_word(
    words: Mapping[str, Sequence[Any]], first: str, other: str, thresholds: str = "", labelled: int = 5
) -> Figure:
    """Draw each word at its R² in the other model (across) and in the first (up): above the diagonal it gains.

    Marks grow with the logarithm of the frequency. R² under -0.25 are drawn at the edge, and counted below.

    Args:
        words: By columns, a row per word: ``word``, ``frequency`` (share of windows with the word), ``r2 <first>``, ``r2 <other>`` (None
            or NaN in either: left out and counted), and ``regime``, of the first model; without it all words look alike.
        first: Name of the first model.
        other: Name of the other.
        thresholds: Of the regimes, printed below.
        labelled: How many words of largest gain, and as many of largest loss, are named.

    Raises:
        ValueError: The lengths differ, or a regime is unknown.
    """
    if len({len(column) for column in words.values()}) > 1:
        raise ValueError(f"columns are of different lengths: { {name: len(column) for name, column in words.items()} }")
    regimes = words.get("regime")
    unknown = sorted({repr(regime) for regime in regimes or () if regime is not None and regime not in REGIMES})
    if unknown:
        raise ValueError(f"regimes are {', '.join(REGIMES)}, got {', '.join(unknown)}")
    share, up, across = (np.array(words[name], dtype=float) for name in ("frequency", f"r2 {first}", f"r2 {other}"))
    drawn = np.flatnonzero(np.isfinite(up) & np.isfinite(across))
    with style():
        figure = new_figure(6.4, 5.6)
        axes = figure.add_subplot()
        points = np.maximum(np.column_stack([across, up]), _LOWEST)
        edge = max(min([0.0, *up[drawn], *across[drawn]]), _LOWEST) - 0.02
        axes.plot([edge, 1.02], [edge, 1.02], color=INK, linewidth=0.6, zorder=1)
        axes.set(xlim=(edge, 1.02), ylim=(edge, 1.02), aspect="equal")
        axes.set(xlabel=f"R² of {shorten(other, 40)}", ylabel=f"R² of {shorten(first, 40)}")
        kinds = [regime or "" for regime in regimes] if regimes is not None else [""] * len(share)
        _marks(axes, points, _sizes(share), {kind: [i for i in drawn if kinds[i] == kind] for kind in ("", *REGIMES)})
        if not len(drawn):
            axes.text(0.5, 0.5, "no word has an R² in both", transform=axes.transAxes, ha="center", va="center")
        elif regimes is not None:
            legend = axes.legend(
                title=f"regime in {shorten(first, 16)}", loc="lower right", fontsize=8, title_fontsize=8
            )
            for handle in filter(None, legend.legend_handles):
                handle.set(sizes=[24], alpha=1)
        caption(figure, thresholds if regimes is not None else "", _counts(up, across, drawn))
        named = drawn[_extremes(points[drawn, 1] - points[drawn, 0], labelled)]
        if len(named):
            axes.scatter(*points[named].T, s=46, facecolor="none", edgecolor=INK, linewidth=0.7, zorder=3)
            # Labels of the named words, clear of all others.
            order = [*named, *(i for i in drawn if i not in set(named))]
            labels = [shorten(words["word"][i], 18) for i in named] + [None] * (len(drawn) - len(named))
            place_labels(figure, axes, points[order], labels, 7.5, tied=True)
    return figure


def _marks(axes: Axes, points: np.ndarray, sizes: np.ndarray, groups: Mapping[str, list]) -> None:
    plain = not any(groups[kind] for kind in REGIMES)
    by_size = sorted(groups, key=lambda kind: -len(groups[kind]))
    for kind, here in groups.items():
        if here:
            axes.scatter(
                *points[here].T, s=sizes[here], color=COLOURS.get(kind, BLUE if plain else INK),
                marker=_MARKERS.get(kind, "o" if plain else "."), linewidth=0.7 if kind == "absent" else 0, alpha=0.6,
                zorder=2 + 0.1 * by_size.index(kind),  # the fewest on top
                label=f"{kind or 'no regime'}: {len(here):,}", rasterized=len(here) > 2000,
            )  # fmt: skip


def _counts(first: np.ndarray, other: np.ndarray, drawn: np.ndarray) -> str:
    gain = first[drawn] - other[drawn]
    low = int(((first[drawn] < _LOWEST) | (other[drawn] < _LOWEST)).sum())
    notes = [f"{len(drawn):,} words; {(gain > 0).sum():,} gain, {(gain < 0).sum():,} lose"]
    notes += [f"{low:,} under R² −{-_LOWEST} drawn at the edge"] if low else []
    notes += [f"{len(first) - len(drawn):,} without R² left out"] if len(drawn) < len(first) else []
    return "; ".join(notes) + ". Larger marks: more frequent words."


def _extremes(gain: np.ndarray, count: int) -> np.ndarray:
    """Return the words of largest gain, then those of largest loss, by index."""
    order = np.argsort(gain, kind="stable")
    losses = [index for index in order[:count] if gain[index] < 0]
    gains = [index for index in order[::-1][:count] if gain[index] > 0]
    return np.array([*gains, *losses], dtype=int)


def _sizes(share: np.ndarray) -> np.ndarray:
    """Return areas of the marks, 4 to 30 square points, linear in the logarithm of the frequency."""
    logs = np.log(share, out=np.full(share.shape, np.nan), where=share > 0)
    if np.isnan(logs).all():
        return np.full(share.shape, 10.0)
    low, high = np.nanmin(logs), np.nanmax(logs)
    spread = (high - low) or math.inf
    return 4 + 26 * np.nan_to_num((logs - low) / spread, nan=0.0)
