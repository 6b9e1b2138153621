"""Words that several runs share: their maps on the same axes, and a table of differences."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from bows.analysis.directions import directions
from bows.analysis.neighbours import nearest
from bows.errors import DataError
from bows.reports.encoding import coded, index_kind, packed, packed_scaled
from bows.reports.html import number
from bows.reports.procrustes import Aligned, align, padded
from bows.reports.run_data import RunData
from bows.reports.word_map import principal_plane

NEIGHBOURS = 10


def compared_words(runs: Mapping[str, RunData]) -> dict[str, Any]:
    """Return the words that all runs share with a direction in each: maps on the axes of the first run, and a table of differences.

    Args:
        runs: By letter.

    Raises:
        BowsError: The weights of a run cannot be read, or fewer than three words are shared.
    """
    base = next(iter(runs.values()))
    position = {letter: {word: place for place, word in enumerate(run.words)} for letter, run in runs.items()}
    units = {letter: _directions(run) for letter, run in runs.items()}
    shared = [
        word
        for word in base.words
        if all(word in position[letter] and bool(units[letter][:, position[letter][word]].any()) for letter in runs)
    ]
    if len(shared) < 3:
        raise DataError(f"the runs share {len(shared)} words with a direction, and a map needs three")
    places = {letter: np.array([position[letter][word] for word in shared]) for letter in runs}
    unit = {letter: units[letter][:, places[letter]] for letter in runs}
    first, *others = runs
    near = {letter: nearest(unit[letter], NEIGHBOURS).indices.numpy() for letter in runs}
    aligned = {letter: align(unit[first], unit[letter]) for letter in others}
    size = max(len(each) for each in unit.values())
    of_run = {
        letter: padded(aligned[letter].directions if letter in aligned else unit[letter], size) for letter in runs
    }
    left_out = {letter: len(run.words) - len(shared) for letter, run in runs.items()}
    return {
        "words": shared,
        "table": {"columns": _columns(runs, places, of_run, near), "unmeasured": []},
        "neighbours": {"each": near[first].shape[1], "indices": packed(near[first], index_kind(len(shared))), "cosines": None, "note": ""},
        "gains": [f"gain_{letter}" for letter in reversed(others)],
        "facts": [["frequency", "frequency"], *([f"R² {letter}", f"r2_{letter}"] for letter in runs),
                  *([f"alike {letter}", f"alike_{letter}"] for letter in others)],
        "compared": _maps(of_run, aligned) | {"left_out": left_out},
        "of_pairs": base.run.of_pairs,
    }  # fmt: skip


def _columns(
    runs: Mapping[str, RunData],
    places: dict[str, np.ndarray],
    of_run: dict[str, torch.Tensor],
    near: dict[str, np.ndarray],
) -> list[dict[str, Any]]:
    """Return the columns of the table: frequency, gains in R², likeness of directions and of neighbours, R² and regimes."""
    first, *others = runs
    r2 = {letter: _values(run, "r2", places[letter]) for letter, run in runs.items()}
    frequency = _values(runs[first], "frequency", places[first])
    numbers = [("frequency", frequency, f"share of the held-out windows of {first} with the word")]
    numbers += [(f"gain_{letter}", r2[letter] - r2[first], f"R² of {letter} minus R² of {first}") for letter in others]
    each = near[first].shape[1]
    for letter in others:
        same = (of_run[first] * of_run[letter]).sum(0).numpy()
        kept = np.array([len(np.intersect1d(one, other)) for one, other in zip(near[first], near[letter], strict=True)])
        numbers.append(
            (f"alike_{letter}", same, f"cosine of the word’s direction in {letter}, aligned, with that in {first}")
        )
        numbers.append(
            (
                f"near_{letter}",
                kept / each,
                f"share of its {each} nearest words in {first} that are also nearest in {letter}",
            )
        )
    numbers += [(f"r2_{letter}", r2[letter], f"R² in {letter}") for letter in runs]
    columns = [{"name": name, "meaning": meaning, "numbers": packed(values)} for name, values, meaning in numbers]
    for letter, run in runs.items():
        labels = _labels(run, places[letter])
        if any(label is not None for label in labels):
            columns.append({"name": f"regime_{letter}", "meaning": f"regime in {letter}", **coded(labels)})
    return columns


def _directions(run: RunData) -> torch.Tensor:
    """Return (m, V) unit columns, zero where a word has no direction."""
    encoder = run.run.weights.encoder
    unit, kept = directions(encoder)
    whole = torch.zeros(encoder.shape)
    whole[:, kept] = unit
    return whole


def _values(run: RunData, name: str, places: np.ndarray) -> np.ndarray:
    """Return a column of the words table at some words, NaN where it is not known."""
    try:
        column = run.table.column(name)
    except (DataError, KeyError):
        return np.full(len(places), np.nan)
    return column.cast("float64").to_numpy(zero_copy_only=False)[places]


def _labels(run: RunData, places: np.ndarray) -> list[str | None]:
    try:
        labels = run.table.column("regime").to_pylist()
    except (DataError, KeyError):
        return []
    return [labels[place] for place in places]


def _maps(of_run: Mapping[str, torch.Tensor], aligned: Mapping[str, Aligned]) -> dict[str, Any]:
    """Return the maps on the axes of the first run."""
    first, *_ = of_run
    plane = principal_plane(of_run[first])
    places = {letter: plane.places(each) for letter, each in of_run.items()}
    maps = []
    for letter, (x, y) in ((letter, each.T) for letter, each in places.items()):
        note = "the axes are this run’s principal components"
        if letter in aligned:
            found, chance = (
                number(round(value, 3)) for value in (aligned[letter].agreement, aligned[letter].by_chance)
            )
            note = f"mean cosine with {first} {found}; {chance} with words paired at random"
        maps.append({"letter": letter, "x": packed_scaled(x), "y": packed_scaled(y), "note": note})
    return {
        "kept": packed(np.arange(len(places[first])), "u4"),
        "reach": _reach(list(places.values())),
        "maps": maps,
        "shares": [float(share) for share in plane.shares],
    }


def _reach(places: Sequence[np.ndarray]) -> list[float]:
    return [float(max(np.abs(each[:, axis]).max() for each in places)) for axis in (0, 1)]
