"""metrics.csv: every number a run logs, one row a step."""

from __future__ import annotations

import bisect
import csv
import io
import logging
import math
import os
from argparse import Namespace
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pytorch_lightning.loggers.logger import Logger
from pytorch_lightning.utilities.rank_zero import rank_zero_only

from bows.errors import DataError

log = logging.getLogger(__name__)

FILE_NAME = "metrics.csv"
FIXED = ("step", "epoch")


class MetricsTable(Logger):
    """Writes ``<folder>/metrics.csv`` as a run goes and keeps the last value of each metric.

    The table is wide: ``step``, ``epoch``, then one column a metric, rows in the order of steps. Metrics logged at
    the same step share a row. Each row reaches the operating system as soon as it is logged, so that a crash loses
    nothing but what was never logged. A new metric adds a column: the file is then rewritten under a temporary name
    and renamed, so its header always fits its rows.

    Args:
        folder: The run folder; made when the first metric is logged.
        resume_step: For a resumed run, the step of its checkpoint: rows of the file up to and including that step
            are kept, later ones (of steps that will be trained again) are dropped. None starts a new file.
        held: Rows are written only by `save`, all at once: for a table that many others are written beside.

    Raises:
        DataError: The existing file is no metrics table, or the file cannot be written.
    """

    def __init__(self, folder: str | Path, resume_step: int | None = None, held: bool = False) -> None:
        super().__init__()
        self._path = Path(folder) / FILE_NAME
        self._columns: list[str] = []
        self._steps: list[int] = []
        self._rows: list[dict[str, float]] = []  # beside _steps; the epoch is kept under "epoch"
        self._starts: list[int] = []  # byte offset of each written row
        self._last: dict[str, float] = {}
        self._warned: set[str] = set()
        self._written = False  # whether the file on disk is this table
        self._held = held
        self.dropped: dict[int, frozenset[str]] | None = None if resume_step is None else {}
        """Of a resumed run: step -> the metrics of the dropped rows, which were logged before and will be logged again."""
        if resume_step is not None and self._path.exists():
            self._read(resume_step)

    @property
    def path(self) -> Path:
        """The file."""
        return self._path

    @property
    def summary(self) -> dict[str, float]:
        """Metric name -> its last value; a metric whose last value is not finite is left out."""
        return {name: value for name, value in self._last.items() if math.isfinite(value)}

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
        if step is None:
            step = self._steps[-1] if self._steps else 0
        self._note_last_values(values, step)
        position = self._put(int(step), values)
        known = set(self._columns)
        new = [name for name in values if name not in known and name != "epoch"]
        self._columns.extend(new)
        if self._held:
            self._written = False
            return
        with self._saying_why():
            if new or not self._written:
                self._write_all()
            else:
                self._write_from(position)

    @rank_zero_only
    def save(self) -> None:
        """See that all that was logged is in the file.

        Raises:
            DataError: The file cannot be written.
        """
        if not self._written and self._rows:
            with self._saying_why():
                self._write_all()

    @contextmanager
    def _saying_why(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise DataError(
                f"cannot write {self._path}: {error.strerror or error}; free space or choose another run folder"
            ) from error

    def rows(self) -> Iterator[tuple[int, dict[str, float]]]:
        """Steps in their order, and what was logged at them; the epoch under ``epoch``."""
        return zip(self._steps, self._rows, strict=True)

    @rank_zero_only
    def log_hyperparams(self, params: dict[str, Any] | Namespace, *args: Any, **kwargs: Any) -> None:
        """Nothing: the run folder's .hydra/config.yaml holds the configuration."""

    @rank_zero_only
    def finalize(self, status: str) -> None:
        """See that the file exists even for a run that logged nothing. More may be logged afterwards."""
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

    def _note_last_values(self, values: dict[str, float], step: int) -> None:
        for name, value in values.items():
            if name == "epoch":
                continue
            self._last[name] = value
            if not math.isfinite(value) and name not in self._warned:
                self._warned.add(name)
                log.warning("%s is %s at step %d; it is left out of the summary while it stays so", name, value, step)

    def _put(self, step: int, values: dict[str, float]) -> int:
        """Merge values into the row of a step and return that row's position."""
        position = bisect.bisect_left(self._steps, step)
        if position == len(self._steps) or self._steps[position] != step:
            self._steps.insert(position, step)
            self._rows.insert(position, {})
        self._rows[position].update(values)
        return position

    def _write_from(self, position: int) -> None:
        """Write the rows from a position on over those on disk; nearly always the last one only."""
        with self._path.open("r+b") as file:
            offset = file.seek(self._starts[position]) if position < len(self._starts) else file.seek(0, os.SEEK_END)
            # Cut before writing: a crash in between leaves whole rows only.
            file.truncate()
            del self._starts[position:]
            lines = []
            for index in range(position, len(self._rows)):
                lines.append(self._line(index))
                self._starts.append(offset)
                offset += len(lines[-1])
            file.write(b"".join(lines))

    def _write_all(self) -> None:
        """Write the whole table under a temporary name, then rename it."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        temporary = self._path.with_name(f".{FILE_NAME}.{os.getpid()}.tmp")
        content = [_header([*FIXED, *self._columns])]
        starts, offset = [], len(content[0])
        for index in range(len(self._rows)):
            content.append(self._line(index))
            starts.append(offset)
            offset += len(content[-1])
        try:
            temporary.write_bytes(b"".join(content))
            os.replace(temporary, self._path)
        finally:
            temporary.unlink(missing_ok=True)
        self._starts = starts
        self._written = True

    def _line(self, index: int) -> bytes:
        row = self._rows[index]
        epoch = row.get("epoch")
        cells = [str(self._steps[index]), "" if epoch is None else f"{epoch:.0f}"]
        cells += ["" if (value := row.get(name)) is None else repr(value) for name in self._columns]
        return (",".join(cells) + "\n").encode()  # numbers: nothing to quote

    def _read(self, resume_step: int) -> None:
        """Take over the rows of an existing file up to a step. A last row that a crash cut short is dropped."""
        text = self._path.read_bytes().decode("utf-8", errors="replace")
        whole = text[: text.rfind("\n") + 1]
        reader = csv.reader(io.StringIO(whole))
        header = next(reader, None)
        if header is None:
            return
        if tuple(header[:2]) != FIXED:
            raise DataError(f"{self._path} is no metrics table (its header is {','.join(header)[:60]!r}); move it away")
        self._columns = header[2:]
        for cells in reader:
            try:
                step = int(cells[0])
                row = {name: float(cell) for name, cell in zip(header[1:], cells[1:], strict=True) if cell != ""}
            except (ValueError, IndexError) as error:
                raise DataError(
                    f"{self._path} line {reader.line_num} cannot be read ({error}); repair it or move it away"
                ) from error
            if step <= resume_step:
                self._put(step, row)
            elif self.dropped is not None:
                self.dropped[step] = frozenset(row)
        for row in self._rows:
            self._last.update({name: value for name, value in row.items() if name != "epoch"})


def _header(cells: list[str]) -> bytes:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerow(cells)
    return buffer.getvalue().encode("utf-8")
