"""Runs side by side: what they were asked, their metrics, the same words in maps of the same axes, and every word's difference."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from string import ascii_uppercase
from typing import Any, NamedTuple

import numpy as np
import torch

from bows.analysis.directions import directions
from bows.analysis.neighbours import nearest
from bows.errors import DataError, SettingError
from bows.files import write_whole
from bows.reports.encoding import index_kind, packed, packed_scaled
from bows.reports.headline import grouped
from bows.reports.html import json_block, number, render
from bows.reports.procrustes import Aligned, align, padded
from bows.reports.run_data import RunFolder
from bows.reports.run_header import command, dials
from bows.reports.sections import attempt
from bows.reports.word_map import principal_plane

MOST = 6  # runs on a page
NEIGHBOURS = 10
NOTABLE = 0.05  # of the larger of two values: a difference from which on a metric is marked
SCRIPTS = (
    "data", "theme", "drawing", "words", "picker", "map_colours", "map_view", "map_moves", "map", "maps_beside", "word_table", "page",
)  # fmt: skip


def write_comparison(folders: Sequence[Path | str], target: Path | None = None) -> Path:
    """Write a page on several runs; whatever one of them lacks is said in its place.

    Args:
        folders: 2 to 6 runs; the others are compared with the first.
        target: the page; None for ``reports/comparison-<key>.html`` in the outputs folder of the first, the key telling these runs.

    Returns:
        The page's path.

    Raises:
        SettingError: for a folder that is no run, one given twice, or more than six.
    """
    given = [Path(folder) for folder in folders]
    if not 2 <= len(given) <= MOST:
        raise SettingError(f"{len(given)} runs are given; compare 2 to {MOST} on a page, or give the folder of a sweep")
    for folder in given:
        if not any((folder / name).is_file() for name in ("status.json", ".hydra/config.yaml")):
            raise SettingError(f"{folder} is not a run folder: runs are compared with runs, and a sweep is given alone")
    places = [folder.resolve() for folder in given]
    if len(set(places)) < len(places):
        twice = next(given[at] for at, place in enumerate(places) if place in places[:at])
        raise SettingError(f"{twice}: it is given twice; name each run once")
    if target is None:
        key = hashlib.sha256("\n".join(map(str, places)).encode()).hexdigest()[:8]
        target = outputs_of(places[0]) / "reports" / f"comparison-{key}.html"
    target.parent.mkdir(parents=True, exist_ok=True)
    write_whole(target, _page([RunFolder(folder) for folder in given]))
    return target


def outputs_of(folder: Path) -> Path:
    """The folder that holds runs/ or sweeps/, in which a run lies; the run's own where it lies elsewhere."""
    return next((above.parent for above in folder.parents if above.name in ("runs", "sweeps")), folder.parent)


def _page(runs: Sequence[RunFolder]) -> str:
    letters = ascii_uppercase[: len(runs)]
    asked = [dict(attempt("What was asked for", lambda run=run: dials(run))[0] or []) for run in runs]
    names = list(dict.fromkeys(name for each in asked for name in each))
    made, note = attempt("Words side by side", lambda: words_beside(dict(zip(letters, runs, strict=True))))
    return render(
        "comparison.html",
        scripts=SCRIPTS,
        name=" and ".join(run.folder.resolve().name for run in runs),
        runs=[
            (letter, run.folder.resolve().name, run.job.state, run.job.error, command(run))
            for letter, run in zip(letters, runs, strict=True)
        ],
        letters=letters,
        dials=[(name, [each.get(name, "–") for each in asked]) for name in names],
        groups=metrics_beside([run.job.summary for run in runs]),
        notable=f"{NOTABLE:.0%}",
        note=note,
        data=None if made is None else json_block(made),
    )


class Cell(NamedTuple):
    """A metric of one run."""

    value: float | None
    mark: str
    """higher or lower than in the first run by a notable share, else empty."""


def metrics_beside(summaries: Sequence[Mapping[str, float]]) -> list[tuple[str, list[tuple[str, list[Cell], str]]]]:
    """All metrics that any run has, by group: name, a cell a run, and what it says."""
    every = {name: None for summary in summaries for name in summary}
    found = []
    for title, rows in grouped(dict.fromkeys(sorted(every))):
        cells = [(row.metric, _cells([summary.get(row.metric) for summary in summaries]), row.phrase) for row in rows]
        found.append((title, cells))
    return found


def _cells(values: Sequence[float | None]) -> list[Cell]:
    first, cells = values[0], []
    for value in values:
        mark = ""
        if first is not None and value is not None and abs(value - first) > NOTABLE * max(abs(value), abs(first)):
            mark = "higher" if value > first else "lower"
        cells.append(Cell(value, mark))
    return cells


def words_beside(runs: Mapping[str, RunFolder]) -> dict[str, Any]:
    """The words that all runs share and give a direction: maps on the axes of the first, and a table of differences, for the page.

    Args:
        runs: by letter.

    Raises:
        BowsError: where the weights of a run cannot be read, or fewer than three words are shared.
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
    size = max(len(each) for each in unit.values())
    plane = principal_plane(padded(unit[first], size))
    turned = {letter: align(unit[first], unit[letter]) for letter in others}
    of_run = {first: padded(unit[first], size)} | {letter: padded(turned[letter].directions, size) for letter in others}
    near = {letter: nearest(unit[letter], NEIGHBOURS).indices.numpy() for letter in runs}
    columns: list[dict[str, Any]] = []

    def column(name: str, values: np.ndarray, meaning: str) -> None:
        columns.append({"name": name, "meaning": meaning, "numbers": packed(values)})

    column(
        "frequency",
        _values(base, "frequency", places[first]),
        "share of the first run’s held-out windows with the word",
    )
    r2 = {letter: _values(run, "r2", places[letter]) for letter, run in runs.items()}
    for letter in others:
        column(f"gain_{letter}", r2[letter] - r2[first], f"R² of {letter} less that of {first}")
    for letter in others:
        same = (of_run[first] * of_run[letter]).sum(0).numpy()
        column(f"alike_{letter}", same, f"cosine of the word’s direction in {letter}, turned, with that in {first}")
        kept = np.array([len(np.intersect1d(one, other)) for one, other in zip(near[first], near[letter], strict=True)])
        each = near[first].shape[1]
        column(f"near_{letter}", kept / each, f"share of its {each} nearest words in {first} that are so in {letter}")
    for letter, run in runs.items():
        column(f"r2_{letter}", r2[letter], f"R² in {letter}")
        if (regimes := _regimes(run, places[letter])) is not None:
            columns.append({"name": f"regime_{letter}", "meaning": f"regime in {letter}", **regimes})
    return {
        "words": shared,
        "table": {"columns": columns, "unmeasured": []},
        "neighbours": {
            "each": near[first].shape[1],
            "indices": packed(near[first], index_kind(len(shared))),
            "cosines": None,
            "note": "",
        },
        "gains": [f"gain_{letter}" for letter in reversed(others)],
        "facts": [["frequency", "frequency"], *([f"R² {letter}", f"r2_{letter}"] for letter in runs),
                  *([f"alike {letter}", f"alike_{letter}"] for letter in others)],
        "beside": {
            "kept": packed(np.arange(len(shared)), "u4"),
            "reach": _reach([plane.places(each) for each in of_run.values()]),
            "maps": [_placed(letter, plane.places(each), turned.get(letter)) for letter, each in of_run.items()],
            "first": first,
            "left_out": {letter: len(run.words) - len(shared) for letter, run in runs.items()},
            "shares": [float(share) for share in plane.shares],
        },
        "of_pairs": base.of_pairs,
    }  # fmt: skip


def _directions(run: RunFolder) -> torch.Tensor:
    """(m, V) unit columns, zero where a word has no direction."""
    unit, kept = directions(run.weights.encoder)
    whole = torch.zeros(run.weights.encoder.shape)
    whole[:, kept] = unit
    return whole


def _values(run: RunFolder, name: str, places: np.ndarray) -> np.ndarray:
    """A column of the word table at some words, NaN where it is not known."""
    try:
        column = run.table.column(name)
    except (DataError, KeyError):
        return np.full(len(places), np.nan)
    return column.cast("float64").to_numpy(zero_copy_only=False)[places]


def _regimes(run: RunFolder, places: np.ndarray) -> dict[str, Any] | None:
    try:
        labels = run.table.column("regime").to_pylist()
    except (DataError, KeyError):
        return None
    chosen = [labels[place] for place in places]
    values = sorted({label for label in chosen if label is not None})
    if not values:
        return None
    codes = [len(values) if label is None else values.index(label) for label in chosen]
    return {"values": values, "codes": packed(np.array(codes), "u2")}


def _placed(letter: str, places: np.ndarray, aligned: Aligned | None) -> dict[str, Any]:
    x, y = places.T
    said = "the axes are this run’s principal components"
    if aligned is not None:
        found, chance = (number(round(value, 3)) for value in (aligned.agreement, aligned.by_chance))
        said = f"mean cosine with the first {found}, beside {chance} with words paired at random"
    return {"letter": letter, "x": packed_scaled(x), "y": packed_scaled(y), "said": said}


def _reach(places: Sequence[np.ndarray]) -> list[float]:
    return [float(max(np.abs(each[:, axis]).max() for each in places)) for axis in (0, 1)]
