"""The names that runs log to W&B: metrics, tables, images and dials, as the code has them or as runs in a folder left them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import csv

from bows.errors import DataError, SettingError
from bows.runs.discover import FoundJob, find_jobs
from bows.runs.table import dials, tabulate

STEP = "trainer/global_step"
"""What charts are drawn against: W&B's own step counts calls of the logger, this one the optimizer's steps."""
NOT_METRICS = ("step", "epoch")
# The short dials of conf/train.yaml that one turns most; each is a key of every run's configuration.
USUAL_DIALS = {"latent": True, "wd": True, "seed": True}


@dataclass(frozen=True)
class Logged:
    """Names as they are logged."""

    metrics: frozenset[str]
    """All of them, once a run is finished."""
    over_training: frozenset[str]
    """Those of `metrics` that a run logs at several steps; the others only at its end."""
    tables: tuple[str, ...]
    """Of words, as ``tables/words``."""
    images: tuple[str, ...]
    """As ``figures/gram``."""
    dials: Mapping[str, bool] = field(default_factory=lambda: dict(USUAL_DIALS))
    """Dotted settings of a run's configuration -> whether their values are numbers."""
    any_ring: bool = False
    """Whether the rings are not known by name: panels then take every ``ring/<set>/`` there is."""


def of_folder(folder: Path) -> Logged:
    """What the runs in a folder logged, from their metrics.csv and summary.json, tables and figures.

    Args:
        folder: a run, a sweep, or a folder of those.

    Raises:
        SettingError: no such folder, or no run in it. DataError: none of its runs has logged anything, or a metrics.csv is damaged.
    """
    try:
        jobs = find_jobs([folder])
    except SettingError as error:
        raise SettingError(
            f"--run={folder}: no run lies there; give a run folder, as outputs/runs/<date>/<run>, or a sweep folder"
        ) from error
    metrics: set[str] = set()
    over_training: set[str] = set()
    for job in jobs:
        rows = _rows_by_metric(job.folder / "metrics.csv")
        metrics |= {name for name, count in rows.items() if count} | set(job.summary)
        over_training |= {name for name, count in rows.items() if count > 1}
    if not metrics:
        raise DataError(
            f"--run={folder}: nothing was logged there, neither in metrics.csv nor in summary.json; give a run that has begun to train"
        )
    tables = [
        f"tables/{name}"
        for name, file in (("words", "words.parquet"), ("regimes", "regimes.csv"))
        if any((job.folder / file).is_file() for job in jobs)
    ]
    images = sorted({f"figures/{file.stem}" for job in jobs for file in job.folder.glob("figures/*.png")})
    return Logged(frozenset(metrics), frozenset(over_training & metrics), tuple(tables), tuple(images), _turned(jobs))


def _rows_by_metric(file: Path) -> dict[str, int]:
    """Metric -> in how many rows of a metrics.csv it stands; none where there is no such file yet."""
    options = csv.ConvertOptions(null_values=[""], strings_can_be_null=True)
    try:
        text = file.read_bytes()
        whole = text[: text.rfind(b"\n") + 1]  # of a run in training, the last row may be half written
        if not whole:
            return {}
        table = csv.read_csv(pa.BufferReader(whole), convert_options=options)
    except FileNotFoundError:
        return {}
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{file}: cannot be read ({str(error).splitlines()[0]}); repair it or move it away") from error
    return {
        name: table.num_rows - table.column(name).null_count for name in table.column_names if name not in NOT_METRICS
    }


def _turned(jobs: Sequence[FoundJob]) -> dict[str, bool]:
    """What was varied, as in `Logged.dials`; the usual dials where nothing was but the seed."""
    configs = [job.config for job in jobs if job.config]
    found: dict[str, bool] = {}
    for name, values in dials(tabulate(jobs, None)).items():
        if (setting := _telling(name, configs)) is not None:
            found[setting] = setting == name and not any(isinstance(value, str) for value in values)
    if not set(found) - {"seed"}:
        found |= {name: number for name, number in USUAL_DIALS.items() if any(name in config for config in configs)}
    return found


def _telling(name: str, configs: Sequence[Mapping[str, Any]]) -> str | None:
    """A dial as a dotted setting with a value: itself; of a config group, the setting that tells most of its options apart."""
    nodes = [_setting(config, name) for config in configs]
    groups = [node for node in nodes if isinstance(node, Mapping)]
    if not groups:
        return name if any(node is not None for node in nodes) else None
    keys = dict.fromkeys(key for node in groups for key in node)
    kinds = {key: len({str(node.get(key)) for node in groups}) for key in keys}
    best = max(kinds, key=lambda key: (kinds[key], key == "name"), default=None)
    return f"{name}.{best}" if best is not None and kinds[best] > 1 else None


def _setting(config: Mapping[str, Any], name: str) -> Any:
    node: Any = config
    for part in name.split("."):
        node = node.get(part) if isinstance(node, Mapping) else None
    return node
