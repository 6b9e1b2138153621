"""What a run logged over its steps, for the page's curves."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from bows.errors import DataError
from bows.reports.encoding import packed

MOST_POINTS = 1000  # of a curve: more do not show at a screen's width


def history(file: Path) -> dict[str, Any]:
    """Each metric of metrics.csv over steps: ``name``, ``steps``, ``values``; ``thinned``, where the mean of neighbouring rows stands for
    them so that a curve has at most MOST_POINTS points; ``rows``, ``count`` of columns, and ``cut``, rows that are not whole.

    Raises:
        DataError: where the file is missing, damaged or empty.
    """
    from pyarrow import csv

    if not file.is_file():
        raise DataError("metrics.csv is missing")
    # A process that was killed, or a full disk, leaves a last line that is not whole: the rows before it are shown, and it is counted.
    cut = []
    try:
        # Every column as text first: of a column with one odd cell the numbers are still shown.
        table = csv.read_csv(
            file,
            convert_options=csv.ConvertOptions(null_values=[""], strings_can_be_null=True),
            parse_options=csv.ParseOptions(invalid_row_handler=lambda row: cut.append(row.number) or "skip"),
        )
    except (pa.ArrowException, OSError) as error:
        raise DataError(
            "metrics.csv holds no rows yet"
            if not file.stat().st_size
            else "metrics.csv is damaged: it is no table of metrics"
        ) from error
    if not len(table) or "step" not in table.column_names:
        raise DataError(
            "metrics.csv holds no rows yet" if not len(table) else "metrics.csv is damaged: it has no column step"
        )
    steps = _numbers(table.column("step"))
    series = []
    for name in table.column_names:
        values = _numbers(table.column(name))
        known = np.isfinite(values) & np.isfinite(steps)
        if name in ("step", "epoch") or not known.any():
            continue
        thinned = thin(steps[known], values[known])
        series.append(
            {
                "name": name,
                "steps": packed(thinned[0]),
                "values": packed(thinned[1]),
                "thinned": len(thinned[0]) < int(known.sum()),
            }
        )
    return {"series": series, "rows": len(table), "count": len(table.column_names), "cut": len(cut)}


def _numbers(column: pa.ChunkedArray) -> np.ndarray:
    if pa.types.is_string(column.type):
        return np.array([_number(value) for value in column.to_pylist()])
    return column.cast(pa.float64()).to_numpy(zero_copy_only=False).astype(float)


def _number(text: str | None) -> float:
    try:
        return float(text or "nan")
    except ValueError:
        return float("nan")


def thin(steps: np.ndarray, values: np.ndarray, most: int = MOST_POINTS) -> tuple[np.ndarray, np.ndarray]:
    """A curve of at most `most` points: means of steps and values over runs of neighbouring points, the last of them shorter.

    >>> thin(np.array([0.0, 2.0, 4.0]), np.array([1.0, 3.0, 5.0]), most=2)[1].tolist()
    [2.0, 5.0]
    """
    each = -(-len(values) // most)
    starts = np.arange(0, len(values), each)
    counts = np.diff(np.append(starts, len(values)))
    return np.add.reduceat(steps, starts) / counts, np.add.reduceat(values, starts) / counts
