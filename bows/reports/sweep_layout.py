"""The layout of a sweep's figures: which settings are lines, panels or figures of their own, and which metrics are drawn."""

import itertools
import re
from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

from bows.config.suggestions import suggest
from bows.errors import SettingError
from bows.figures.metric_by_setting import MOST_LINES
from bows.figures.regime_shares import REGIMES
from bows.figures.scales import is_numeric, shown

Varied = Mapping[str, Sequence[Any]]  # name of a setting -> its values
Setting = dict[str, Any]

# Drawn where a sweep has them, with rings and the shares of the regimes.
GENERAL = (
    "reconstruction/r2", "reconstruction/relu_gain", "interference/gap", "interference/rescued", "interference/filtered",
    "packing/interference_rms", "packing/off_diagonal_norm", "alignment/rsa", "cluster/purity_z",
)  # fmt: skip
SHARES = tuple(f"regime/{regime}" for regime in REGIMES)
SIZE, DECAY = ("latent", "model.latent"), ("wd", "optimizer.weight_decay")
MOST_PAIRS = 3  # of settings over which heat maps are drawn
MOST_PANELS = 15  # a figure
MOST_SETTINGS = 6  # figures of one setting, for values of those that are neither its axis nor its lines
MANY = 3  # values drawn as lines of a setting that has more than MOST_LINES


def chosen_metrics(table: Mapping[str, Sequence[float | None]], asked: Sequence[str] | None) -> dict[str, list[str]]:
    """Return name of a figure -> the metrics in it, at most MOST_PANELS.

    Args:
        table: Metric -> its values over the completed runs.
        asked: Names of metrics, or None for some: those of GENERAL and the regimes' shares that any run has, and the order of the
            rings that all runs have.

    Raises:
        SettingError: No run has a metric of this name.
    """
    if asked is not None:
        if unknown := [name for name in asked if name not in table]:
            suggestion = suggest(unknown[0], list(table))
            raise SettingError(f"--metrics={unknown[0]}: no completed run has such a metric; {suggestion}")
        return _parts(list(dict.fromkeys(asked)))
    ring = re.compile("ring/.*/order")
    rings = [name for name, values in sorted(table.items()) if ring.fullmatch(name) and None not in values]
    present = {name for name, values in table.items() if any(value is not None for value in values)}
    return _parts([name for name in (*GENERAL, *rings, *SHARES) if name in present])


def _parts(metrics: list[str]) -> dict[str, list[str]]:
    """Return as few figures as possible, of even size."""
    figures = -(-len(metrics) // MOST_PANELS)
    size = -(-len(metrics) // max(figures, 1))
    return {f"metrics_{number + 1}": metrics[number * size : (number + 1) * size] for number in range(figures)}


def chosen_pairs(varied: Varied, asked: Sequence[str] | None) -> tuple[list[tuple[str, str]], str]:
    """Return pairs of settings over which heat maps are drawn, and a sentence on those that are left out.

    Args:
        varied: The varied settings and their values.
        asked: Numeric settings, all pairs of which are drawn; None for the first MOST_PAIRS pairs of numeric ones, the latent
            size and the weight decay first.

    Raises:
        SettingError: A setting does not vary or is not numeric, or there is only one.
    """
    numeric = [name for name in varied if is_numeric(varied[name])]
    numeric.sort(key=lambda name: (name not in SIZE, name not in DECAY))
    if asked is not None:
        for name in asked:
            if name not in varied:
                suggestion = suggest(name, list(numeric))
                raise SettingError(f"--dials={name}: it does not vary among completed runs; {suggestion}")
            if name not in numeric:
                choice = ", ".join(numeric)
                raise SettingError(
                    f"--dials={name}: its values are not numbers, which a heat map needs; choose from {choice}"
                )
        if len(set(asked)) < 2:
            raise SettingError(f"--dials={','.join(asked)}: a heat map needs two settings, as latent,wd")
        return list(itertools.combinations(dict.fromkeys(asked), 2)), ""
    pairs = list(itertools.combinations(numeric, 2))
    if len(pairs) <= MOST_PAIRS:
        return pairs, ""
    left = ", ".join(f"{across} and {down}" for across, down in pairs[MOST_PAIRS:])
    return pairs[:MOST_PAIRS], (
        f"Heat maps are drawn over {MOST_PAIRS} of {len(pairs)} pairs of settings, not over {left}; "
        f"for these, python -m bows.report <folder> --dials {','.join(pairs[-1])}"
    )


def lines_and_figures(varied: Varied) -> tuple[Varied, list[Setting], str]:
    """Return which settings besides a figure's axis are lines in it, and the values of the rest, one per figure.

    Lines: those with the fewest values, at most two settings and six lines, those of the data last: other data are a figure of their own
    where possible. Settings of many numbers are thinned.

    Returns:
        The lines' settings and values; at least one and at most six combinations of the others; a sentence on what was left out.
    """
    thin = {
        name: _thinned(values, MANY if len(values) > MOST_LINES else len(values)) for name, values in varied.items()
    }
    lines: dict[str, list[Any]] = {}
    for name in sorted(
        thin, key=lambda name: (name.partition(".")[0] == "data", len(thin[name]), is_numeric(thin[name]))
    ):
        if len(lines) < 2 and prod(map(len, lines.values())) * len(thin[name]) <= MOST_LINES:
            lines[name] = thin[name]
    rest = {name: list(varied[name]) for name in varied if name not in lines}
    settings, rest = few_settings(rest, MOST_SETTINGS)
    return lines, settings, left_out(varied, lines | rest)


def few_settings(varied: Varied, most: int) -> tuple[list[Setting], dict[str, list[Any]]]:
    """Return all combinations of settings, or of some of their values where there are more than `most`: numbers are thinned first.

    Returns:
        Combinations, an empty one where there is no setting; and the values that are kept.
    """
    left = {name: list(values) for name, values in varied.items()}
    while prod(map(len, left.values())) > most:
        name = max(left, key=lambda name: (is_numeric(left[name]) and len(left[name]) > 1, len(left[name])))
        left[name] = _thinned(left[name], min(len(left[name]) - 1, MANY))
    return [dict(zip(left, values, strict=True)) for values in itertools.product(*left.values())], left


def left_out(varied: Varied, kept: Varied) -> str:
    """Return a sentence on the settings of which only some values are drawn; empty where all are.

    >>> left_out({"latent": [2, 3, 4]}, {"latent": [2, 4]})
    'Only some of the 3 values of latent are drawn: 2, 4.'
    """
    return " ".join(
        f"Only some of the {len(values)} values of {name} are drawn: {', '.join(map(shown, kept[name]))}."
        for name, values in varied.items()
        if len(kept[name]) < len(values)
    )


def _thinned(values: Sequence[Any], count: int) -> list[Any]:
    """Return `count` of the values, evenly chosen, the first and last among them; the middle one for one."""
    if count >= len(values):
        return list(values)
    if count == 1:
        return [values[len(values) // 2]]
    return [values[round(place * (len(values) - 1) / (count - 1))] for place in range(count)]
