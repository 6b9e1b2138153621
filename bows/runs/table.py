"""Tabulate runs: the settings that were varied, the state of each run and its metrics; and summarize over seeds."""

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import csv
from scipy.special import stdtrit

from bows.config.resolve import trait
from bows.runs.discover import find_jobs
from bows.runs.folder import RunFolder
from bows.runs.varied import varied

SEED = "seed"
STATES = ("completed", "running", "failed", "missing", "damaged")
# In the metadata of a field: status, setting (one that was varied) or metric.
_ROLE = b"role"
# In the metadata of the column corpus: those that their seed generates or permutes.
_SEEDED = b"seeded"
_STATUS = {
    "run": pa.string(), "state": pa.string(), "error": pa.string(), "corpus": pa.string(), "started": pa.string(),
    "finished": pa.string(), "run_seconds": pa.float64(), "bows": pa.string(), "commit": pa.string(), "config": pa.string(),
}  # fmt: skip
_FIRST = ("run", "state", "error")


def collect(folders: Sequence[Path | str]) -> pa.Table:
    """Return a table with a row per job of all runs, sweeps and folders of those in `folders`, each once, by folder and number.

    Returns:
        Columns `run` (the job's folder: inside the one folder that was given, else as given), `state` (completed, running, failed;
        missing where a job never started; damaged), `error`; a column for each varied setting (see `varied_settings`); `corpus` (name
        and hash), `started`, `finished`, `run_seconds`, `bows` (its version), `commit`, `config` (hash); and a float64
        column for each metric of any `summary.json`. A cell is null where a job does not have the value.

    Raises:
        SettingError: a folder does not exist, or contains no job.
    """
    return tabulate(find_jobs(folders), Path(folders[0]) if len(folders) == 1 else None)


def tabulate(jobs: Sequence[RunFolder], inside: Path | None) -> pa.Table:
    """Do what `collect` does with runs already read; `inside` is the folder that their names are relative to."""
    # A run without a readable configuration has the corpus name of another run with the same hash.
    names = {job.status.get("corpus"): name for job in jobs if (name := _data_name(job))}
    rows = [_status(job, inside, names) for job in jobs]
    of_seed = {row["corpus"] for job, row in zip(jobs, rows, strict=True) if row["corpus"] and _is_of_its_seed(job)}
    columns = {name: pa.array([row[name] for row in rows], kind) for name, kind in _STATUS.items()}
    of_setting = {name: _array(values) for name, values in varied(jobs).items()}
    metrics = sorted({name for job in jobs for name in job.summary})
    of_metric = {name: pa.array([job.summary.get(name) for job in jobs], pa.float64()) for name in metrics}
    fields, arrays = [], []
    for role, group in (
        ("status", {name: columns[name] for name in _FIRST}),
        ("setting", of_setting),
        ("status", {name: column for name, column in columns.items() if name not in _FIRST}),
        ("metric", of_metric),
    ):
        for name, array in group.items():
            seeded = {_SEEDED: ",".join(sorted(of_seed))} if name == "corpus" else {}
            fields.append(pa.field(name, array.type, metadata={_ROLE: role, **seeded}))
            arrays.append(array)
    return pa.Table.from_arrays(arrays, schema=pa.schema(fields))


def varied_settings(table: pa.Table) -> dict[str, list[Any]]:
    """Return the settings that were varied, each with its values: a config group (`model`) or a dotted setting (`optimizer.clip_norm`).

    Numbers are sorted by size, before text; None, for a setting that is null or that an option does not have, is last. A setting that
    is not known of a missing or damaged job adds no value.
    """
    known = [state not in ("missing", "damaged") for state in table.column("state").to_pylist()]
    return {
        name: ordered(
            value
            for value, is_known in zip(table.column(name).to_pylist(), known, strict=True)
            if is_known or value is not None
        )
        for name in _of_role(table, "setting")
    }


def metrics(table: pa.Table) -> list[str]:
    """Return the names of the columns of metrics."""
    return _of_role(table, "metric")


def ordered(values: Iterable[Any]) -> list[Any]:
    """Return distinct values: numbers by size, then text, then None."""
    return sorted(
        set(values), key=lambda x: (2, 0, "") if x is None else (1, 0, x) if isinstance(x, str) else (0, x, "")
    )


def over_seeds(table: pa.Table) -> pa.Table:
    """Summarize each metric of the completed runs over seeds, for each combination of the other varied settings.

    Of runs of one setting, seed and corpus the one that finished last counts. Where one setting and seed has several corpora (its text
    changed between runs), `corpus` is one of these too. The table is from `collect`, or read back from its Parquet file.

    Returns:
        A row per combination and metric that at least one run has: a column for each varied setting except the seed, `metric`, `mean`,
        `standard_deviation` (ddof 1), `count`, and `low` and `high`, the ends of the 95 % interval of the mean by Student's t; these
        and the standard deviation are null for one seed. By combination in the order of `varied_settings`, then by metric.
    """
    import pandas as pd

    keys = _of_role(table, "setting")
    names = [name for name in keys if name != SEED]
    frame = _counted(table).to_pandas(types_mapper=pd.ArrowDtype)
    if frame.duplicated(keys).any() if keys else len(frame) > 1:
        names.append("corpus")
    # Of no metrics, melt would take every column.
    long = frame[[*names, *metrics(table)]].melt(names, None, "metric", "value").dropna(subset="value")
    groups = long.astype({"value": float}).groupby([*names, "metric"], dropna=False)["value"]
    summary = groups.agg(mean="mean", standard_deviation="std", count="count").reset_index()
    half = stdtrit(summary["count"] - 1, 0.975) * summary["standard_deviation"] / summary["count"] ** 0.5
    summary = summary.assign(low=summary["mean"] - half, high=summary["mean"] + half)
    kinds = [(name, table.schema.field(name).type) for name in names] + [("metric", pa.string())]
    numbers = [(name, pa.int64() if name == "count" else pa.float64()) for name in summary.columns[len(kinds) :]]
    return pa.Table.from_pandas(summary, pa.schema(kinds + numbers), preserve_index=False).replace_schema_metadata()


def corpora(table: pa.Table) -> str:
    """Return the corpora of the runs by name where they are several, as "2 of pydoc, sphere"; else nothing.

    Corpora that their seed alone tells apart, of generated or permuted data, count as one.
    """
    of_seed = (table.schema.field("corpus").metadata or {}).get(_SEEDED, b"").decode().split(",")
    of_data = [name for name in _of_role(table, "setting") if name == "data" or name.startswith("data.")]
    settings = [name for name in of_data if name != "data.seed"]
    different = {
        (
            row["corpus"].rpartition("-")[0],
            *((row[name] for name in settings) if row["corpus"] in of_seed else (row["corpus"],)),
        )
        for row in table.select(["corpus", *settings]).to_pylist()
        if row["corpus"]
    }
    named = Counter(sorted(name for name, *_ in different))
    text = ", ".join(f"{count} of {name}" if count > 1 else name for name, count in named.items())
    return text if len(different) > 1 else ""


def repeats(table: pa.Table) -> int:
    """Return the number of completed runs that `over_seeds` leaves out, as repeats of a setting, seed and corpus."""
    return table.column("state").to_pylist().count("completed") - len(_counted(table))


def counted(table: pa.Table) -> list[dict[str, Any]]:
    """Return, as rows by column, the completed runs, of those of one setting, seed and corpus the one that finished last."""
    return _counted(table).to_pylist()


def _counted(table: pa.Table) -> pa.Table:
    keys = [*_of_role(table, "setting"), "corpus"]
    frame = table.select([*keys, "finished", "state"]).to_pandas(ignore_metadata=True)
    completed = frame[frame["state"] == "completed"].sort_values("finished", kind="stable", na_position="first")
    return table.take(pa.array(sorted(completed.drop_duplicates(keys, keep="last").index), pa.int64()))


def save_tables(folders: Sequence[Path | str], output: Path) -> tuple[pa.Table, pa.Table, list[Path]]:
    """Write `results` (see `collect`) and `summary` (see `over_seeds`) of folders as .parquet and .csv; return both and the four files."""
    results = collect(folders)
    summary = over_seeds(results)
    output.mkdir(parents=True, exist_ok=True)
    tables = (("results", results), ("summary", summary))
    return results, summary, [file for name, table in tables for file in save_table(table, output / name)]


def save_table(table: pa.Table, stem: Path) -> list[Path]:
    """Write a table as .parquet and .csv, each whole or not at all."""
    files = [stem.with_name(f"{stem.name}{ending}") for ending in (".parquet", ".csv")]
    for file, write in zip(files, (pq.write_table, csv.write_csv), strict=True):
        partial = file.with_name(f".{file.name}.{os.getpid()}")
        try:
            write(table, partial)
            partial.replace(file)
        finally:
            partial.unlink(missing_ok=True)
    return files


def _of_role(table: pa.Table, role: str) -> list[str]:
    return [field.name for field in table.schema if (field.metadata or {}).get(_ROLE) == role.encode()]


def _status(job: RunFolder, inside: Path | None, names: dict[Any, str]) -> dict[str, Any]:
    folder, status = job.folder, job.status
    if inside is not None and folder != inside:
        folder = folder.relative_to(inside)
    corpus = status.get("corpus")
    versions = status.get("versions")
    seconds = status.get("seconds")
    texts = {key: status.get(key) for key in ("started", "finished", "commit", "config")}
    texts["bows"] = versions.get("bows") if isinstance(versions, dict) else None
    return {key: None if value is None else str(value) for key, value in texts.items()} | {
        "run": str(folder),
        "state": job.state,
        "error": job.error or None,
        "corpus": f"{names.get(corpus, 'unknown')}-{corpus[:12]}" if isinstance(corpus, str) else None,
        "run_seconds": float(seconds) if isinstance(seconds, int | float) else None,
    }


def _is_of_its_seed(job: RunFolder) -> bool:
    """Return whether the seed changes the corpus of a run: it generates or permutes the data."""
    data = job.stored_config.get("data")
    return isinstance(data, dict) and bool(trait(data, "generated") or data.get("shuffle") or data.get("rewire"))


def _data_name(job: RunFolder) -> str | None:
    data = job.stored_config.get("data")
    name = data.get("name") if isinstance(data, dict) else None
    return name if isinstance(name, str) and isinstance(job.status.get("corpus"), str) else None


def _array(values: Sequence[Any]) -> pa.Array:
    """Return a column of booleans, integers or floats where all values are of that type; else of text."""
    known = [value for value in values if value is not None]
    if all(isinstance(value, bool) for value in known):
        return pa.array(values, pa.bool_())
    if all(type(value) is int and abs(value) < 2**63 for value in known):
        return pa.array(values, pa.int64())
    if all(type(value) in (int, float) for value in known):
        return pa.array([None if value is None else float(value) for value in values], pa.float64())
    return pa.array(
        [None if value is None else str(value).lower() if isinstance(value, bool) else str(value) for value in values]
    )
