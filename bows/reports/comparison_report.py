"""The report that compares runs: their settings, metrics, word maps on the same axes, and every word's differences."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from string import ascii_uppercase
from typing import NamedTuple

from bows.errors import SettingError
from bows.files import write_whole
from bows.reports.compared_words import compared_words
from bows.reports.html import json_block, render, try_section
from bows.reports.run_data import RunData
from bows.reports.run_header import command, grouped, settings
from bows.runs.discover import is_run

MOST = 6  # runs of a comparison
NOTABLE = 0.05  # of the larger of two values: the difference from which on a metric is marked
SCRIPTS = (
    "data", "theme", "drawing", "words", "picker", "map_colours", "map_view", "map_labels", "map_moves", "map", "compared_maps", "table",
    "word_table", "page",
)  # fmt: skip


def write_comparison(folders: Sequence[Path | str], target: Path | None = None) -> Path:
    """Write a report on several runs and return its path; a note takes the place of what one of them lacks.

    Args:
        folders: 2 to 6 runs; the others are compared with the first.
        target: The report; None for ``reports/comparison-<key>.html`` in the outputs folder of the first run, with a key of these runs.

    Raises:
        SettingError: A folder is not a run or is given twice, or there are more than six.
    """
    given = [Path(folder) for folder in folders]
    if not 2 <= len(given) <= MOST:
        raise SettingError(f"{len(given)} runs are given; compare 2 to {MOST} runs, or give the folder of a sweep")
    for folder in given:
        if not folder.is_dir():
            raise SettingError(f"{folder}: no such folder; give runs, outputs/runs/<date>/<run>")
        if not is_run(folder):
            raise SettingError(f"{folder} is not a run folder; runs are compared with runs, and a sweep is given alone")
    places = [folder.resolve() for folder in given]
    if len(set(places)) < len(places):
        twice = next(given[at] for at, place in enumerate(places) if place in places[:at])
        raise SettingError(f"{twice}: it is given twice; name each run once")
    if target is None:
        key = hashlib.sha256("\n".join(map(str, places)).encode()).hexdigest()[:8]
        above = (each.parent for each in places[0].parents if each.name in ("runs", "sweeps"))
        target = next(above, places[0].parent) / "reports" / f"comparison-{key}.html"
    target.parent.mkdir(parents=True, exist_ok=True)
    write_whole(target, _page([RunData(folder) for folder in given]))
    return target


def _page(runs: Sequence[RunData]) -> str:
    letters = ascii_uppercase[: len(runs)]
    asked = [dict(try_section("The settings", lambda run=run: settings(run))[0] or []) for run in runs]
    names = list(dict.fromkeys(name for each in asked for name in each))
    words, note = try_section(
        "The words of the runs", lambda: json_block(compared_words(dict(zip(letters, runs, strict=True))))
    )
    return render(
        "comparison.html",
        scripts=SCRIPTS,
        name=" and ".join(run.folder.resolve().name for run in runs),
        runs=[
            (letter, run.folder.resolve().name, run.run.state, run.run.error, command(run))
            for letter, run in zip(letters, runs, strict=True)
        ],
        letters=letters,
        settings=[(name, [each.get(name, "–") for each in asked]) for name in names],
        groups=compared_metrics([run.run.summary for run in runs]),
        notable=f"{NOTABLE:.0%}",
        note=note,
        data=words,
    )


class Cell(NamedTuple):
    """A metric of one run, marked where it is higher or lower than in the first run by a notable share."""

    value: float | None
    mark: str


def compared_metrics(summaries: Sequence[Mapping[str, float]]) -> list[tuple[str, list[tuple[str, list[Cell], str]]]]:
    """Return all metrics that any run has, by group: name, a cell per run, and meaning."""
    every: dict[str, float | None] = dict.fromkeys(sorted({name for summary in summaries for name in summary}))
    return [
        (title, [(name, _cells([each.get(name) for each in summaries]), phrase) for name, _, phrase in rows])
        for title, rows in grouped(every)
    ]


def _cells(values: Sequence[float | None]) -> list[Cell]:
    first, cells = values[0], []
    for value in values:
        mark = ""
        if first is not None and value is not None and abs(value - first) > NOTABLE * max(abs(value), abs(first)):
            mark = "higher" if value > first else "lower"
        cells.append(Cell(value, mark))
    return cells
