"""The runs of a sweep for its report: varied settings, states, every metric, and the words of the runs, as compact arrays."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import parquet

from bows.analysis.catalog import metric
from bows.errors import DataError
from bows.figures.metric_by_setting import LEAST_FOR_INTERVAL
from bows.reports.encoding import coded, packed
from bows.runs.folder import RunFolder
from bows.runs.table import metrics, ordered, varied_settings

# The first columns of metrics in the table; others can be added.
SHOWN = ("reconstruction/r2", "interference/gap", "interference/filtered")
MOST_WORDS = 2000  # of a run, the most frequent ones
MOST_BYTES = 4_000_000  # of the words of all runs, as text of the report


def run_data(table: pa.Table, folder: Path) -> dict[str, Any]:
    """Return the table of runs for the script: each run once, in the table's order.

    Returns:
        ``names``; ``addresses`` of the runs' own reports; ``state``, ``seconds``; ``settings``, the varied ones, each with its distinct
        values and a code per run (the number of values for a run without one); ``metrics``, with their meanings
        and a matrix (metrics, runs) of float32, NaN where a run has no such metric; ``shown``, the metrics that are columns at first.
    """
    names = table.column("run").to_pylist()
    measured = metrics(table)
    values = np.array([table.column(name).to_numpy(zero_copy_only=False) for name in measured], dtype=np.float32)
    meanings = [metric(name).meaning for name in measured]
    varied = varied_settings(table).items()
    return {
        "names": names,
        "addresses": [address(folder, name) for name in names],
        "state": coded(table.column("state").to_pylist()),
        "seconds": packed(_seconds(table)),
        "settings": [{"name": name, **coded(table.column(name).to_pylist(), found)} for name, found in varied],
        "metrics": {"names": measured, "meanings": meanings, "values": packed(values.reshape(-1, len(names)))},
        "shown": [name for name in SHOWN if name in measured] or measured[:3],
    }


def _seconds(table: pa.Table) -> np.ndarray:
    """Return the seconds of training of each run, where they are not known those from start to end."""
    whole = table.column("run_seconds")
    if "speed/seconds" in table.column_names:
        whole = pc.coalesce(table.column("speed/seconds"), whole)
    return whole.to_numpy(zero_copy_only=False)


def with_seeds(summary: pa.Table, runs: Sequence[Mapping[str, Any]]) -> pa.Table:
    """Return a summary of `over_seeds` with a column ``values``: those of the seeds where they are too few for an interval, else null.

    runs: From `counted`, of the same table.
    """
    names = summary.column_names[: summary.column_names.index("metric")]
    found: dict[tuple, list[float]] = {}
    measured = pc.unique(summary.column("metric")).to_pylist()
    for run in runs:
        key = tuple(run[name] for name in names)
        for metric_name in measured:
            if run[metric_name] is not None:
                found.setdefault((*key, metric_name), []).append(run[metric_name])
    values = [
        found[tuple(row.values())] if count < LEAST_FOR_INTERVAL else None
        for row, count in zip(
            summary.select([*names, "metric"]).to_pylist(), summary.column("count").to_pylist(), strict=True
        )
    ]
    return summary.append_column("values", pa.array(values, pa.list_(pa.float64())))


def setting_data(summary: pa.Table) -> dict[str, Any]:
    """Return means over seeds, from `with_seeds`, for the script.

    Returns:
        ``settings`` that differ between rows of the summary, with their distinct values and a code per combination (the number of values
        for none); ``metrics``; ``mean``, ``low``, ``high`` (metrics, combinations) of float32, NaN where there is none, with the
        ``count`` of seeds; ``seeds`` (metrics, combinations, LEAST_FOR_INTERVAL - 1): their values where they are too few for an
        interval, which is NaN then.
    """
    names = summary.column_names[: summary.column_names.index("metric")]
    rows = summary.to_pylist()
    keys = [tuple(row[name] for name in names) for row in rows]
    combinations = {key: place for place, key in enumerate(dict.fromkeys(keys))}
    measured = {name: place for place, name in enumerate(sorted({row["metric"] for row in rows}))}
    numbers = {name: np.full((len(measured), len(combinations)), np.nan) for name in ("mean", "low", "high", "count")}
    seeds = np.full((len(measured), len(combinations), LEAST_FOR_INTERVAL - 1), np.nan)
    for row, key in zip(rows, keys, strict=True):
        place = measured[row["metric"]], combinations[key]
        for name, matrix in numbers.items():
            hidden = row[name] is None or (name in ("low", "high") and row["values"] is not None)
            matrix[place] = np.nan if hidden else row[name]
        seeds[place][: len(row["values"] or ())] = row["values"] or ()
    columns = {name: [key[place] for key in combinations] for place, name in enumerate(names)}
    varied = {name: values for name, values in columns.items() if len(set(values)) > 1}
    return {
        "settings": [{"name": name, **coded(values, ordered(values))} for name, values in varied.items()],
        "metrics": list(measured),
        "count": packed(np.nan_to_num(numbers.pop("count")), "u2"),
        "seeds": packed(seeds),
        "each": LEAST_FOR_INTERVAL - 1,
        **{name: packed(matrix) for name, matrix in numbers.items()},
    }


def address(folder: Path, name: str) -> str | None:
    """Return the path of a run's report relative to the sweep's, None where it has none; any name of a folder is only a path."""
    there = (folder / name / "report.html").is_file()
    return "./" + quote(Path(name, "report.html").as_posix()) if there else None


def failures(table: pa.Table) -> list[dict[str, Any]]:
    """Return the jobs with problems, those with one state and error together: ``state``, ``error`` and the names of their ``runs``."""
    grouped: dict[tuple[str, str], list[str]] = {}
    for row in table.select(["run", "state", "error"]).to_pylist():
        if row["error"] or row["state"] in ("missing", "damaged"):
            grouped.setdefault((row["state"], row["error"] or ""), []).append(row["run"])
    return [{"state": state, "error": error, "runs": runs} for (state, error), runs in grouped.items()]


def absences(table: pa.Table) -> tuple[int, list[tuple[int, list[str]]]]:
    """Return the number of completed runs; and for each number of runs that lack a metric, these metrics, most first."""
    completed = np.array(table.column("state").to_pylist()) == "completed"
    lacking: dict[int, list[str]] = {}
    for name in metrics(table):
        if missing := int(np.isnan(table.column(name).to_numpy(zero_copy_only=False)[completed]).sum()):
            lacking.setdefault(missing, []).append(name)
    return int(completed.sum()), sorted(lacking.items(), reverse=True)


def word_data(jobs: Sequence[RunFolder]) -> tuple[dict[str, Any], list[str]]:
    """Return R² and frequency of the most frequent words of completed runs for the script, as many as keep the report small.

    Runs with the same words, or the same frequencies, share them. Numbers are float16: of R² three digits, NaN where a word has none.

    Returns:
        ``lists``, of words; ``frequencies``, an array each; ``runs``, for each job the places of its list and its frequencies and its
        ``r2``, or None. And sentences on what is left out.
    """
    lists: dict[tuple[str, ...], int] = {}
    frequencies: dict[bytes, int] = {}
    runs: list[dict[str, Any] | None] = []
    size, beyond, lacking, cut = 0, 0, 0, 0
    for job in jobs:
        runs.append(None)
        if job.state != "completed":
            continue
        if (found := _words(job)) is None:
            lacking += 1
            continue
        words, shares, r2, count = found
        share_bytes = shares.tobytes()
        added = _size(r2) + (words not in lists) * sum(len(word.encode()) + 3 for word in words)
        added += (share_bytes not in frequencies) * _size(shares)
        if size + added > MOST_BYTES:
            beyond += 1
            continue
        size += added
        cut = max(cut, count)
        place = lists.setdefault(words, len(lists)), frequencies.setdefault(share_bytes, len(frequencies))
        runs[-1] = {"list": place[0], "frequency": place[1], "r2": _packed(r2)}
    notes = []
    if cut > MOST_WORDS:
        notes.append(
            f"Of each run the {MOST_WORDS:,} most frequent words are in this report; words.parquet in its folder has all."
        )
    if beyond:
        notes.append(
            f"{_without(beyond, 'run')}: with them, the report would contain more than {MOST_BYTES / 1e6:.0f} MB of words."
        )
    if lacking:
        notes.append(f"{_without(lacking, 'completed run')}: words.parquet is missing, damaged, or without R².")
    shared = [_packed(np.frombuffer(each, "<f2")) for each in frequencies]
    return {"lists": [list(words) for words in lists], "frequencies": shared, "runs": runs}, notes


def _words(job: RunFolder) -> tuple[tuple[str, ...], np.ndarray, np.ndarray, int] | None:
    """Return the most frequent words of a run, most frequent first, their frequency and R², and how many the run has in all.

    None where they cannot be read.
    """
    try:
        table = parquet.read_table(job.file("words.parquet"), columns=["word", "frequency", "r2"])
        frequency, r2 = (
            table.column(name).cast(pa.float64()).to_numpy(zero_copy_only=False) for name in ("frequency", "r2")
        )
    except (OSError, pa.ArrowException, KeyError, DataError):
        return None
    if len(table) == 0 or table.column("word").null_count:
        return None
    chosen = np.argsort(-frequency, kind="stable")[:MOST_WORDS]  # those without a frequency, NaN, come last
    largest = float(np.finfo(np.float16).max)  # an R² of a word that hardly varies may be far below 0
    shares, halves = (np.clip(values[chosen], -largest, largest).astype("<f2") for values in (frequency, r2))
    return tuple(table.column("word").take(chosen).to_pylist()), shares, halves, len(table)


def _packed(halves: np.ndarray) -> dict[str, Any]:
    """Return float16 as the whole numbers that hold the bits: not every browser reads float16 itself."""
    return packed(halves.view("<u2"), "u2")


def _size(halves: np.ndarray) -> int:
    return -(-halves.nbytes // 3) * 4 + 60  # base64, and the names around it


def _without(count: int, what: str) -> str:
    return f"{count} {what}s have no words here" if count > 1 else f"1 {what} has no words here"
