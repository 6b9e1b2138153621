"""The table that a sweep ends with: its settings, and the mean of the main metrics over seeds."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from bows.analysis.catalog import metric
from bows.console import four_digits

if TYPE_CHECKING:  # a sweep, and shell completion, start without pyarrow
    import pyarrow as pa

SHOWN = ("reconstruction/r2", "baseline/r2_pca", "reconstruction/loss", "cluster/purity_z", "classification/accuracy")  # fmt: skip
MOST_ROWS = 20


def closing_table(summary: pa.Table) -> list[str]:
    """Return the lines of the table, from `bows.runs.table.over_seeds`: a row per combination of settings, best R² or accuracy first."""
    settings = summary.column_names[: summary.column_names.index("metric")]
    rows: dict[tuple, dict[str, dict[str, Any]]] = {}
    for row in summary.to_pylist():
        if row["metric"] in SHOWN:
            rows.setdefault(tuple(row[name] for name in settings), {})[row["metric"]] = row
    if not rows:
        return []
    names = [name for name in SHOWN if any(name in found for found in rows.values())]
    ranked = sorted(rows.items(), key=lambda item: _rank(item[1]))
    head = [*settings, "seeds", *(metric(name).label for name in names)]
    body = [
        [
            *map(_setting, values),
            str(max(each["count"] for each in found.values())),
            *(_cell(found.get(name)) for name in names),
        ]
        for values, found in ranked[:MOST_ROWS]
    ]
    widths = [max(map(len, column)) for column in zip(head, *body, strict=True)]
    lines = [
        "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in [head, *body]
    ]
    left = len(ranked) - MOST_ROWS
    return [*lines, *([f"and {left} more in summary.csv"] if left > 0 else [])]


def _rank(found: dict[str, dict[str, Any]]) -> float:
    best = next(
        (found[name]["mean"] for name in ("reconstruction/r2", "classification/accuracy") if name in found), None
    )
    return float("inf") if best is None else -best


def _setting(value: Any) -> str:
    return "null" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def _cell(row: dict[str, Any] | None) -> str:
    """Return the mean, with the standard deviation over seeds where there are several."""
    if row is None:
        return "-"
    spread = row["standard_deviation"]
    return four_digits(row["mean"]) + ("" if spread is None else f" ± {spread:.2g}")


def progress_text(done: int, now: int, total: int, seconds: float) -> str:
    """Return which jobs of a sweep start, and the time left by the mean of those that are done.

    >>> progress_text(2, 1, 8, 20.0), progress_text(0, 4, 8, 0.0)
    ('job 3 of 8, about 0:01:00 left', 'jobs 1 to 4 of 8')
    """
    which = f"job {done + 1}" if now == 1 else f"jobs {done + 1} to {done + now}"
    left = f", about {timedelta(seconds=round(seconds / done * (total - done)))} left" if done else ""
    return f"{which} of {total}{left}"
