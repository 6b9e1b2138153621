"""Several models side by side: how well each rebuilds rare and frequent words, and which words gain."""

import math
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.transforms import Bbox
from numpy.typing import ArrayLike

from bows.figures.regime_shares import COLOURS, REGIMES
from bows.figures.style import BLUE, GREEN, INK, ORANGE, PURPLE, RED, new_figure, shorten, style

_MODELS = (
    (BLUE, "o", "-"),
    (ORANGE, "s", "--"),
    (GREEN, "^", "-."),
    (PURPLE, "D", ":"),
    (RED, "v", "-"),
    (INK, "P", "--"),
)
_MARKERS: dict[str, str] = dict(zip(REGIMES, ["x", "o", "^", "s", "D"], strict=True))
_LEGEND: dict[str, Any] = {"loc": "lower right", "fontsize": 8, "title_fontsize": 8}
_LOWEST = -0.25  # R² below it are drawn at the edge: a few rare words would squeeze all others into a corner


def comparison_by_decile(
    table: Mapping[str, Sequence],
    title: str = "",
    group: str = "decile",
    quantity: str = "R²",
) -> Figure:
    """Draw each model's R² from rare words to frequent ones, and below what the first model gains over each other.

    Args:
        table: by columns, equally long. The column ``group`` holds the names of the groups of words, rarest first;
            every other column is a model, its R² a group; None or NaN where not defined. 2 to 6 models; the first is
            the one compared.
        title: above the picture.
        group: name of the column of groups, and of the axis.
        quantity: what a cell is.

    Raises:
        ValueError: if there is no column of groups, the columns are of different lengths, or the models are not
            2 to 6.
    """
    if group not in table:
        raise ValueError(f"a comparison needs a column {group!r}, got {sorted(table)}")
    models = {name: np.array(column, dtype=float) for name, column in table.items() if name != group}
    if not 2 <= len(models) <= len(_MODELS):
        raise ValueError(f"a comparison is of 2 to {len(_MODELS)} models, got {len(models)}")
    groups = [str(name) for name in table[group]]
    if any(len(values) != len(groups) for values in models.values()):
        raise ValueError(
            f"columns of {[len(values) for values in models.values()]} cells do not fit {len(groups)} groups"
        )
    (first, reference), *others = models.items()
    places = np.arange(len(groups))
    with style():
        figure = new_figure(6.4, 5.0)
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[1.4, 1])
        handles = []
        for (_, values), (colour, marker, dashes) in zip(models.items(), _MODELS, strict=False):
            handles += upper.plot(places, values, color=colour, marker=marker, linestyle=dashes, markersize=4.5)
        for (_, values), (colour, marker, dashes) in zip(others, _MODELS[1:], strict=False):
            lower.plot(places, reference - values, color=colour, marker=marker, linestyle=dashes, markersize=4.5)
        lower.axhline(0, color=INK, linewidth=0.6)
        if upper.get_ylim()[0] < 0:  # below this line the mean would rebuild words better
            upper.axhline(0, color=INK, linewidth=0.6, linestyle=":")
        upper.set_ylabel(quantity)
        lower.set_ylabel("gain")
        lower.set_title(f"gain of {shorten(first, 50)} over each other model", fontsize=8.5)
        lower.set_xticks(places, [shorten(name, 12) for name in groups], fontsize=8 if len(groups) <= 10 else 6.5)
        lower.set_xlabel(f"{group}, rare to frequent")
        names = [shorten(name, 30) for name in models]
        across = len(names) if sum(map(len, names)) + 8 * len(names) <= 85 else 2
        upper.legend(
            handles, names, fontsize=8, ncols=across, loc="lower left", bbox_to_anchor=(0, 1), handlelength=2.6
        )  # fmt: skip
        figure.align_ylabels()
        if title:
            figure.suptitle(shorten(title, 80), fontsize=10, x=0.01, ha="left")
    return figure


def gain_by_word(
    frequency: ArrayLike | Sequence[float | None],
    r2_first: ArrayLike | Sequence[float | None],
    r2_other: ArrayLike | Sequence[float | None],
    words: Sequence[str],
    name_first: str,
    name_other: str,
    regimes: Sequence[str | None] | None = None,
    thresholds: str = "",
    title: str = "",
    labelled: int = 5,
) -> Figure:
    """Draw each word at its R² in the other model (across) and in the first (up): above the diagonal it gains.

    Marks grow with the frequency's logarithm. R² under -0.25 are drawn at the edge, and counted below.

    Args:
        frequency: (V,) shares of windows that hold the word.
        r2_first, r2_other: (V,); words of None or NaN in either are left out and counted below.
        words: V labels.
        name_first, name_other: names of the models.
        regimes: V regimes of the first model out of ``bows.figures.regime_shares.REGIMES``, or None; without them all words
            look alike.
        thresholds: what the regimes mean, printed below.
        title: above the picture.
        labelled: how many words of largest gain, and as many of largest loss, are named.

    Raises:
        ValueError: if the lengths differ, or a regime is unknown.
    """
    share, first, other = (np.array(values, dtype=float) for values in (frequency, r2_first, r2_other))
    lengths = [*map(len, (share, first, other, words)), len(words if regimes is None else regimes)]
    if len(set(lengths)) > 1:
        raise ValueError(f"frequency, R² twice, words and regimes are of different lengths: {lengths}")
    unknown = sorted({repr(regime) for regime in regimes or () if regime is not None and regime not in REGIMES})
    if unknown:
        raise ValueError(f"regimes are {', '.join(REGIMES)}, got {', '.join(unknown)}")
    drawn = np.flatnonzero(np.isfinite(first) & np.isfinite(other))
    with style():
        figure = new_figure(6.4, 5.6)
        axes = figure.add_subplot()
        lowest = min([0.0, *first[drawn], *other[drawn]])
        points = np.maximum(np.column_stack([other, first]), _LOWEST)
        edge = max(lowest, _LOWEST) - 0.02
        axes.plot([edge, 1.02], [edge, 1.02], color=INK, linewidth=0.6, zorder=1)
        axes.set(xlim=(edge, 1.02), ylim=(edge, 1.02), aspect="equal")
        axes.set(xlabel=f"R² of {shorten(name_other, 40)}", ylabel=f"R² of {shorten(name_first, 40)}")
        labels = ["" if regime is None else regime for regime in regimes] if regimes is not None else [""] * len(words)
        _marks(axes, points, _sizes(share), {kind: [i for i in drawn if labels[i] == kind] for kind in ("", *REGIMES)})
        if not len(drawn):
            axes.text(0.5, 0.5, "no word has an R² in both", transform=axes.transAxes, ha="center", va="center")
        elif regimes is not None:
            legend = axes.legend(title=f"regime in {shorten(name_first, 16)}", **_LEGEND)
            for handle in filter(None, legend.legend_handles):
                handle.set(sizes=[24], alpha=1)
        caption = [thresholds] if regimes is not None and thresholds else []
        caption.append(_counts(first, other, drawn))
        below = "\n".join(textwrap.fill(part, 105) for part in caption)
        figure.supxlabel(below, x=0.01, ha="left", fontsize=7.5)
        if title:
            figure.suptitle(shorten(title, 80), fontsize=10, x=0.01, ha="left")
        named = drawn[_extremes(points[drawn, 1] - points[drawn, 0], labelled)]
        if len(named):
            figure.canvas.draw()  # fixes the layout, so that labels are placed where the points will be
            figure.set_layout_engine("none")
            _name(figure, axes, points, named, [shorten(words[int(i)], 18) for i in named])
    return figure


def _marks(axes: Axes, points: np.ndarray, sizes: np.ndarray, groups: Mapping[str, list]) -> None:
    plain = not any(groups[kind] for kind in REGIMES)
    by_size = sorted(groups, key=lambda kind: -len(groups[kind]))
    for kind, here in groups.items():
        if here:
            axes.scatter(
                points[here, 0],
                points[here, 1],
                s=sizes[here],
                color=COLOURS.get(kind, BLUE if plain else INK),
                marker=_MARKERS.get(kind, "o" if plain else "."),
                linewidth=0.7 if kind == "absent" else 0,
                alpha=0.6,
                zorder=2 + 0.1 * by_size.index(kind),  # the fewest on top
                label=f"{kind or 'no regime'}: {len(here):,}",
                rasterized=len(here) > 2000,
            )


def _counts(first: np.ndarray, other: np.ndarray, drawn: np.ndarray) -> str:
    gain = first[drawn] - other[drawn]
    low = int(((first[drawn] < _LOWEST) | (other[drawn] < _LOWEST)).sum())
    notes = [f"{len(drawn):,} words; {(gain > 0).sum():,} gain, {(gain < 0).sum():,} lose"]
    notes += [f"{low:,} under R² −{-_LOWEST} drawn at the edge"] if low else []
    notes += [f"{len(first) - len(drawn):,} without R² left out"] if len(drawn) < len(first) else []
    return "; ".join(notes) + ". Larger marks: more frequent words."


def _name(figure: Figure, axes: Axes, points: np.ndarray, named: np.ndarray, labels: Sequence[str]) -> None:
    """Circle the points named and put their names off the diagonal, each tied to its point by a line.

    Greedy: each label takes the cheapest of places around its point: inside the axes, clear of labels and circles
    before all, then clear of other points, then near and away from the diagonal.
    """
    halo = withStroke(linewidth=2, foreground="white")  # a label stays readable over the diagonal
    to_data = axes.transData.inverted()
    pixels = axes.transData.transform(points)
    frame = axes.get_window_extent()
    corner, far_corner = np.array(frame.min), np.array(frame.max)
    unit = figure.dpi / 72  # pixels a typographic point
    taken = [Bbox.from_extents(*(pixels[index] - 4 * unit), *(pixels[index] + 4 * unit)) for index in named]
    circles = points[named]
    axes.scatter(circles[:, 0], circles[:, 1], s=46, facecolor="none", edgecolor=INK, linewidth=0.7, zorder=3)
    for index, label in zip(named, labels, strict=True):
        text = axes.text(0, 0, label, fontsize=7.5, ha="center", va="center", zorder=5, path_effects=[halo])
        size = text.get_window_extent()
        half = np.array([size.width, size.height]) / 2 + unit
        gains = points[index, 1] > points[index, 0]
        best, best_cost = pixels[index], np.inf
        for distance in range(8, 100, 6):
            for turn in np.deg2rad(range(-180, 180, 20)):
                angle = turn + np.deg2rad(135 if gains else -45)
                heading = np.array([np.cos(angle), np.sin(angle)])
                middle = pixels[index] + heading * (distance * unit + np.abs(heading) @ half)
                box = Bbox.from_extents(*(middle - half), *(middle + half))
                outside = (middle - half < corner).any() or (middle + half > far_corner).any()
                covered = (np.abs(pixels - middle) < half).all(1).sum()
                cost = 1000 * outside + 1000 * box.count_overlaps(taken)
                cost += 20 * min(covered, 20) + distance + 10 * abs(turn)
                if cost < best_cost:
                    best, best_cost = middle, cost
        x, y = to_data.transform(best)
        text.set_position((x, y))
        taken.append(Bbox.from_extents(*(best - half), *(best + half)))
        near = np.clip(pixels[index], best - half, best + half)
        away = near - pixels[index]
        start = pixels[index] + away / max(np.hypot(*away), 1) * 3.8 * unit  # the circle's edge
        line = to_data.transform([start, near])
        axes.plot(line[:, 0], line[:, 1], color=INK, linewidth=0.6, zorder=4)


def _extremes(gain: np.ndarray, count: int) -> np.ndarray:
    """The words of largest gain, and those of largest loss, by index."""
    order = np.argsort(gain, kind="stable")
    losses = [index for index in order[:count] if gain[index] < 0]
    gains = [index for index in order[::-1][:count] if gain[index] > 0]
    return np.array([*gains, *losses], dtype=int)


def _sizes(share: np.ndarray) -> np.ndarray:
    """Areas of the marks, 4 to 30 square points, linear in the logarithm of the frequency."""
    logs = np.log(share, out=np.full(share.shape, np.nan), where=share > 0)
    if np.isnan(logs).all():
        return np.full(share.shape, 10.0)
    low, high = np.nanmin(logs), np.nanmax(logs)
    spread = (high - low) or math.inf
    return 4 + 26 * np.nan_to_num((logs - low) / spread, nan=0.0)
