"""The names that runs log to W&B: metrics, tables, images and varied settings, of the catalog or of runs in a folder."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bows.analysis.catalog import METRICS, metric
from bows.errors import DataError, SettingError
from bows.runs.discover import find_jobs
from bows.runs.folder import RunFolder
from bows.runs.varied import varied

# The main hyperparameters of conf/train.yaml, which every run's configuration has -> whether their values are numbers.
MAIN_SETTINGS = {"latent": True, "wd": True, "seed": True}
# What an analysis of words does not log: metrics of pairs, of an overlapping split and of a GPU.
NOT_OF_WORDS = (
    "classification/",
    "probe/",
    "ablation/",
    "leak/",
    "speed/peak_gpu",
    "interference/gain_correlation",  # of models whose gains vary
)
# What a run logs at several steps.
OVER_TRAINING = ("train/", "capacity/", "packing/", "ring/", "reconstruction/loss", "speed/windows_per_second")
R2 = ("reconstruction/r2", "reconstruction/r2_macro")


@dataclass(frozen=True)
class Logged:
    """Names as they are logged."""

    metrics: frozenset[str]
    """All metrics of a finished run; patterns where the names of ordered sets are not known."""
    over_training: frozenset[str]
    """Those of `metrics` that a run logs at several steps; the others are logged once, at its end."""
    tables: tuple[str, ...] = ("tables/words", "tables/regimes")
    images: tuple[str, ...] = ("figures/training_curves", "figures/map", "figures/gram", "figures/regimes")
    settings: Mapping[str, bool] = field(default_factory=lambda: dict(MAIN_SETTINGS))
    """Varied settings, dotted -> whether their values are numbers."""


def known() -> Logged:
    """Return what a run of words with analysis=full logs."""
    single = {name for name in METRICS if "<" not in name and not name.startswith(NOT_OF_WORDS)}
    metrics = single | {other for name in single for other in metric(name).compared_with}
    metrics |= {name for name in METRICS if name.startswith("ring/") or "<k>" in name}
    over_training = {name for name in metrics if name.startswith(OVER_TRAINING) or name in R2}
    return Logged(frozenset(metrics), frozenset(over_training))


def of_folder(folder: Path) -> Logged:
    """Return what a run, or the runs of a sweep or a folder of those, logged, from their metrics.csv, summary.json, tables and figures.

    Raises:
        SettingError: There is no such folder, or no run in it.
        DataError: None of its runs has logged anything, or a metrics.csv is damaged.
    """
    try:
        jobs = find_jobs([folder])
    except SettingError as error:
        raise SettingError(
            f"--run={folder}: contains no run; give a run folder, such as outputs/runs/<date>/<run>, or a sweep folder"
        ) from error
    metrics: set[str] = set()
    over_training: set[str] = set()
    for job in jobs:
        rows = _rows_by_metric(job)
        metrics |= {name for name, count in rows.items() if count} | set(job.summary)
        over_training |= {name for name, count in rows.items() if count > 1}
    if not metrics:
        raise DataError(
            f"--run={folder}: metrics.csv and summary.json contain no metric; give a run that has begun to train"
        )
    files = {"tables/words": "words.parquet", "tables/regimes": "regimes.csv"}
    tables = [name for name, file in files.items() if any((job.folder / file).is_file() for job in jobs)]
    images = sorted({f"figures/{file.stem}" for job in jobs for file in job.figures})
    return Logged(
        frozenset(metrics), frozenset(over_training & metrics), tuple(tables), tuple(images), _varied_settings(jobs)
    )


def _rows_by_metric(job: RunFolder) -> dict[str, int]:
    """Return metric -> number of rows of metrics.csv with a value; empty where nothing was logged yet."""
    try:
        table = job.history
    except DataError as error:
        if str(error).endswith(("missing", "yet")):
            return {}
        raise DataError(f"{job.folder}/{error}; repair it or move it away") from error
    if job.incomplete_rows > 1:  # the last row of a run in training may be half written
        raise DataError(
            f"{job.folder}/metrics.csv: {job.incomplete_rows} rows cannot be read; repair it or move it away"
        )
    counts = {name: table.num_rows - table.column(name).null_count for name in table.column_names}
    return {name: count for name, count in counts.items() if name not in ("step", "epoch")}


def _varied_settings(jobs: Sequence[RunFolder]) -> dict[str, bool]:
    """Return the varied settings, as in `Logged.settings`; the main ones where at most the seed was varied."""
    configs = [job.config for job in jobs if job.config]
    found: dict[str, bool] = {}
    for name, values in varied(jobs).items():
        if (setting := _with_a_value(name, configs)) is not None:
            found[setting] = setting == name and not any(isinstance(value, str) for value in values)
    if not set(found) - {"seed"}:
        found |= {name: number for name, number in MAIN_SETTINGS.items() if any(name in config for config in configs)}
    return found


def _with_a_value(name: str, configs: Sequence[Mapping[str, Any]]) -> str | None:
    """Return a varied setting itself; for a config group, the setting in it that distinguishes most of its options."""
    nodes = [_setting(config, name) for config in configs]
    groups = [node for node in nodes if isinstance(node, Mapping)]
    if not groups:
        return name if any(node is not None for node in nodes) else None
    keys = dict.fromkeys(key for node in groups for key in node)
    values = {key: len({str(node.get(key)) for node in groups}) for key in keys}
    best = max(values, key=lambda key: (values[key], key == "name"), default=None)
    return f"{name}.{best}" if best is not None and values[best] > 1 else None


def _setting(config: Mapping[str, Any], name: str) -> Any:
    node: Any = config
    for part in name.split("."):
        node = node.get(part) if isinstance(node, Mapping) else None
    return node
