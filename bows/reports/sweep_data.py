"""The runs of a sweep for its report: varied settings, states and every metric, as compact arrays."""

from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pyarrow as pa

from bows.analysis.catalog import metric
from bows.reports.encoding import coded, packed
from bows.runs.table import metrics, ordered, varied_settings

# The first columns of metrics in the table; others can be added.
SHOWN = ("reconstruction/r2", "interference/gap", "interference/filtered")


def run_data(table: pa.Table, folder: Path) -> dict[str, Any]:
    """Return the table of runs for the script: each run once, in the table's order.

    Returns:
        ``names``; ``addresses`` of the runs' own reports; ``state``, ``seconds``; ``dials``, the varied settings, each with its distinct
        values and a code per run (the number of values for a run without one); ``metrics``, with their meanings
        and a matrix (metrics, runs) of float32, NaN where a run has no such metric; ``shown``, the metrics that are columns at first.
    """
    names = table.column("run").to_pylist()
    measured = metrics(table)
    values = np.array([table.column(name).to_numpy(zero_copy_only=False) for name in measured], dtype=np.float32)
    seconds = table.column("run_seconds").to_numpy(zero_copy_only=False).astype(np.float32)
    shown = [name for name in SHOWN if name in measured]
    return {
        "names": names,
        "addresses": [address(folder, name) for name in names],
        "state": coded(table.column("state").to_pylist()),
        "seconds": packed(seconds),
        "dials": [
            {"name": name, **coded(table.column(name).to_pylist(), found)}
            for name, found in varied_settings(table).items()
        ],
        "metrics": {
            "names": measured,
            "meanings": [metric(name).meaning for name in measured],
            "values": packed(values.reshape(len(measured), len(names))),
        },
        "shown": shown or measured[:3],
    }


def setting_data(summary: pa.Table) -> dict[str, Any]:
    """Return means over seeds for the script.

    Args:
        summary: from `over_seeds`.

    Returns:
        ``dials`` that differ between settings, with their distinct values and a code per setting (the number of values for none);
        ``metrics``; and ``mean``, ``low``, ``high`` (metrics, settings) of float32, NaN where there is none, with the ``count`` of seeds.
    """
    names = summary.column_names[: summary.column_names.index("metric")]
    settings: dict[tuple, int] = {}
    rows = summary.to_pylist()
    for row in rows:
        settings.setdefault(tuple(row[name] for name in names), len(settings))
    measured = sorted({row["metric"] for row in rows})
    shape = len(measured), len(settings)
    numbers = {name: np.full(shape, np.nan, np.float32) for name in ("mean", "low", "high")}
    counts = np.zeros(shape, np.uint16)
    places = {name: place for place, name in enumerate(measured)}
    for row in rows:
        at = places[row["metric"]], settings[tuple(row[name] for name in names)]
        for name, matrix in numbers.items():
            matrix[at] = np.nan if row[name] is None else row[name]
        counts[at] = row["count"]
    dialled = []
    for place, name in enumerate(names):
        values = [setting[place] for setting in settings]
        if len(set(values)) > 1:
            dialled.append({"name": name, **coded(values, ordered(values))})
    return {
        "dials": dialled,
        "metrics": measured,
        "count": packed(counts, "u2"),
        **{name: packed(matrix) for name, matrix in numbers.items()},
    }


def address(folder: Path, name: str) -> str | None:
    """Return the path of a run's report relative to the sweep's, None where it has none; any name of a folder is only a path."""
    if not (folder / name / "report.html").is_file():
        return None
    return "./" + quote(Path(name, "report.html").as_posix())


def failures(table: pa.Table) -> list[dict[str, Any]]:
    """Return the jobs with problems, those with one state and error together: ``state``, ``error`` and the names of their ``runs``."""
    grouped: dict[tuple[str, str], list[str]] = {}
    for row in table.select(["run", "state", "error"]).to_pylist():
        if row["error"] or row["state"] in ("missing", "damaged"):
            grouped.setdefault((row["state"], row["error"] or ""), []).append(row["run"])
    return [{"state": state, "error": error, "runs": runs} for (state, error), runs in grouped.items()]


def absences(table: pa.Table) -> tuple[int, list[tuple[int, list[str]]]]:
    """Return the number of completed runs; and for each number of runs that lack a metric, these metrics, most first."""
    states = np.array(table.column("state").to_pylist())
    completed = states == "completed"
    lacking: dict[int, list[str]] = {}
    for name in metrics(table):
        missing = int(np.isnan(table.column(name).to_numpy(zero_copy_only=False)[completed]).sum())
        if missing:
            lacking.setdefault(missing, []).append(name)
    return int(completed.sum()), sorted(lacking.items(), reverse=True)
