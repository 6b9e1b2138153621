"""metrics.csv: every number that a run logs, one row per step."""

from __future__ import annotations

import bisect
import csv
import io
import logging
import math
from argparse import Namespace
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pytorch_lightning.loggers.logger import Logger
from pytorch_lightning.utilities.rank_zero import rank_zero_only

from bows.errors import DataError
from bows.files import finite, write_whole

log = logging.getLogger(__name__)

FILE_NAME = "metrics.csv"
FIXED = ("step", "epoch")


class MetricsTable(Logger):
    """Write ``<folder>/metrics.csv`` during a run and keep the last value of each metric.

    The table is wide: ``step``, ``epoch``, then one column per metric, rows in the order of steps. Metrics logged at
    the same step share a row. Each row reaches the operating system as soon as it is logged: a crash loses nothing.
    A new metric adds a column: the file is then rewritten under a temporary name and renamed, so its header always
    fits its rows. Lightning's CSVLogger rewrites the whole file for each row, and keeps steps in the order of logging.

    Args:
        folder: The run folder; made when the first metric is logged.
        resume_step: For a resumed run, the step of its checkpoint: rows of the file up to and including that step
            are kept, later ones (of steps that will be trained again) are dropped. None starts a new file.
        held: Rows are written only by `save`, all at once: for a stack, which has many tables.

    Raises:
        DataError: The existing file is no metrics table, or the file cannot be written.
    """

    def __init__(self, folder: str | Path, resume_step: int | None = None, held: bool = False) -> None:
        super().__init__()
        self._path = Path(folder) / FILE_NAME
        self._columns: list[str] = []
        self._steps: list[int] = []
        self._rows: list[dict[str, float]] = []  # one per step; the epoch is kept under "epoch"
        self._last: dict[str, float] = {}
        self._warned: set[str] = set()
        self._written = False  # whether the file on disk is this table
        self._last_row_bytes = 0
        self._held = held
        self.dropped: dict[int, frozenset[str]] | None = None if resume_step is None else {}
        """Of a resumed run: step -> the metrics of the dropped rows, which were logged before and will be logged again."""
        if resume_step is not None and self._path.exists():
            self._read(resume_step)

    @property
    def summary(self) -> dict[str, float]:
        """Metric name -> its last value; a metric whose last value is not finite is left out."""
        return finite(self._last)

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Add metrics to the row of a step.

        Args:
            metrics: Metric name -> number. ``epoch`` fills the epoch column.
            step: The optimizer step; None means the last step that was logged.

        Raises:
            DataError: The file cannot be written.
        """
        values = {name: float(value) for name, value in metrics.items() if name != "step"}
        if not values:
            return
        step = (self._steps[-1] if self._steps else 0) if step is None else step
        for name, value in values.items():
            if name == "epoch":
                continue
            self._last[name] = value
            if not math.isfinite(value) and name not in self._warned:
                self._warned.add(name)
                log.warning("%s is %s at step %d; the summary leaves it out while it is not finite", name, value, step)
        steps = len(self._steps)
        position = self._put(int(step), values)
        known = set(self._columns)
        new = [name for name in values if name not in known and name != "epoch"]
        self._columns.extend(new)
        if self._held:
            self._written = False
        elif new or not self._written or position < len(self._steps) - 1:
            self._write_all()
        else:
            self._write_last(replace=len(self._steps) == steps)

    @rank_zero_only
    def save(self) -> None:
        """Write what is not in the file yet.

        Raises:
            DataError: The file cannot be written.
        """
        if not self._written and self._rows:
            self._write_all()

    def rows(self) -> Iterator[tuple[int, dict[str, float]]]:
        """Return pairs of a step and what was logged there, in the order of steps; the epoch is under ``epoch``."""
        return zip(self._steps, self._rows, strict=True)

    @rank_zero_only
    def log_hyperparams(self, params: dict[str, Any] | Namespace, *args: Any, **kwargs: Any) -> None:
        """Do nothing: the run folder's .hydra/config.yaml holds the configuration."""

    @rank_zero_only
    def finalize(self, status: str) -> None:
        """Write the file even for a run that logged nothing. More may be logged afterwards."""
        if not self._written:
            self._write_all()

    @property
    def name(self) -> str:
        return "metrics"

    @property
    def version(self) -> str:
        return ""

    @property
    def save_dir(self) -> str:
        return str(self._path.parent)

    def _put(self, step: int, values: dict[str, float]) -> int:
        """Merge values into the row of a step and return that row's position."""
        position = bisect.bisect_left(self._steps, step)
        if position == len(self._steps) or self._steps[position] != step:
            self._steps.insert(position, step)
            self._rows.insert(position, {})
        self._rows[position].update(values)
        return position

    def _write_last(self, replace: bool) -> None:
        """Append the last row, or replace it where metrics were added to it."""
        line = self._line(len(self._rows) - 1)
        try:
            with self._path.open("r+b") as file:
                end = file.seek(-self._last_row_bytes if replace else 0, io.SEEK_END)
                file.truncate(end)  # cut before writing: a crash in between leaves whole rows only
                file.write(line)
        except OSError as error:
            raise self._cannot_write(error) from error
        self._last_row_bytes = len(line)

    def _write_all(self) -> None:
        """Write the whole table, atomically."""
        header = io.StringIO()
        csv.writer(header, lineterminator="\n").writerow([*FIXED, *self._columns])
        lines = [header.getvalue().encode(), *(self._line(index) for index in range(len(self._rows)))]
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(self._path, b"".join(lines))
        except OSError as error:
            raise self._cannot_write(error) from error
        self._last_row_bytes = len(lines[-1])
        self._written = True

    def _cannot_write(self, error: OSError) -> DataError:
        reason = error.strerror or error
        return DataError(f"cannot write {self._path}: {reason}; free space or choose another run folder")

    def _line(self, index: int) -> bytes:
        row = self._rows[index]
        epoch = row.get("epoch")
        cells = [str(self._steps[index]), "" if epoch is None else f"{epoch:.0f}"]
        cells += ["" if (value := row.get(name)) is None else repr(value) for name in self._columns]
        return (",".join(cells) + "\n").encode()  # numbers: nothing to quote

    def _read(self, resume_step: int) -> None:
        """Read the rows of an existing file up to a step, without a last row that a crash cut short.

        Strict, unlike `bows.runs.readers.read_history`: a row that is left out would be missing from the file for good.
        """
        text = self._path.read_bytes().decode("utf-8", errors="replace")
        try:
            header, *rows = [*csv.reader(io.StringIO(text[: text.rfind("\n") + 1]))] or [[]]
        except csv.Error as error:
            raise DataError(f"{self._path} cannot be read ({error}); repair it or move it away") from error
        if not header:
            return
        if tuple(header[:2]) != FIXED:
            raise DataError(f"{self._path} is no metrics table (its header is {','.join(header)[:60]!r}); move it away")
        self._columns = header[2:]
        for line, cells in enumerate(rows, 2):
            try:
                step = int(cells[0])
                row = {name: float(cell) for name, cell in zip(header[1:], cells[1:], strict=True) if cell != ""}
            except (ValueError, IndexError) as error:
                raise DataError(
                    f"{self._path} line {line} cannot be read ({error}); repair it or move it away"
                ) from error
            if step <= resume_step:
                self._put(step, row)
            elif self.dropped is not None:
                self.dropped[step] = frozenset(row)
        for row in self._rows:
            self._last.update({name: value for name, value in row.items() if name != "epoch"})


def logged_before(folder: Path) -> dict[int, frozenset[str]]:
    """Return step -> metrics of a run's metrics.csv; empty where there is none, or it is damaged."""
    try:
        return MetricsTable(folder, resume_step=-1).dropped or {}
    except DataError:
        return {}
