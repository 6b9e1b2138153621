"""Log lines on the console, quiet libraries, and the table of results at the end of a run."""

from __future__ import annotations

import logging
import math
import os
import sys
import threading
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.logging import RichHandler
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

CHATTY = (
    "pytorch_lightning", "lightning_fabric", "lightning", "lightning_utilities", "wandb", "torch", "datasets", "fsspec",
    "filelock", "huggingface_hub", "httpx", "httpcore", "urllib3", "PIL", "git", "fontTools",
)  # fmt: skip


log = logging.getLogger(__name__)

# A step shorter than this needs no log line.
FIRST_SECONDS = 5.0


@cache
def console() -> Console:
    """Return the console on standard error that log lines and progress share: a line is printed above the bar."""
    return Console(stderr=True)


def on_terminal() -> bool:
    """Return whether standard error is an interactive terminal."""
    return sys.stderr is not None and sys.stderr.isatty() and not console().is_dumb_terminal


class MessageFormatter(logging.Formatter):
    """Format a record without its traceback, which goes to train.log only."""

    def formatException(self, ei) -> str:
        return ""


class PlainHandler(logging.StreamHandler):
    """Write ``LEVEL message`` lines to the current standard error, which may be redirected between two lines."""

    def __init__(self) -> None:
        super().__init__(sys.stderr)
        self.setFormatter(MessageFormatter("%(levelname)s %(message)s"))

    @property
    def stream(self):
        return sys.stderr

    @stream.setter
    def stream(self, value: object) -> None:
        """Do nothing: the stream is always the current standard error."""


class TerminalHandler(RichHandler):
    """Write coloured lines: the time, the level from warnings on, the message."""

    def __init__(self) -> None:
        super().__init__(
            console=console(), show_path=False, markup=False, rich_tracebacks=False, log_time_format="%H:%M:%S",
            omit_repeated_times=False,
        )  # fmt: skip
        self.setFormatter(MessageFormatter("%(message)s"))

    def get_level_text(self, record: logging.LogRecord) -> Text:
        return Text("") if record.levelno < logging.WARNING else super().get_level_text(record)


def only_in(folder: Path) -> dict[str, Any]:
    """Return the `extra` of a log record that is for the log of one run folder only."""
    return {"file_only": True, "folder": folder}


class OwnRecords(logging.Filter):
    """Pass the records that are for the log of a run folder: not those for the log of another one, nor those for the console only."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder

    def filter(self, record: logging.LogRecord) -> bool:
        return getattr(record, "folder", self.folder) == self.folder and not getattr(record, "console_only", False)


def log_handler() -> logging.Handler:
    """Return the handler for log lines, for logging's dictConfig: ``"()": bows.console.log_handler``.

    It writes coloured lines where standard error is a terminal, and plain ``LEVEL message`` lines elsewhere. It skips records logged with
    ``extra={"file_only": True}``.
    """
    handler = TerminalHandler() if on_terminal() else PlainHandler()
    handler.addFilter(lambda record: not getattr(record, "file_only", False))
    return handler


def quiet_libraries() -> None:
    """Set the loggers of libraries to warnings. Imports Lightning first, since its import sets its own level."""
    import pytorch_lightning  # noqa: F401 - imported for its effect on logging

    for name in CHATTY:
        logger = logging.getLogger(name)
        logger.setLevel(logging.WARNING)
        if name in ("pytorch_lightning", "lightning_fabric", "lightning"):
            # Lightning adds a handler of its own where it is imported before logging is set up: lines would appear twice.
            for handler in list(logger.handlers):
                logger.removeHandler(handler)
            logger.propagate = True
    # Lightning's own use of torch's tree utilities.
    warnings.filterwarnings("ignore", message=".*LeafSpec.*is deprecated.*")
    # Batches are slices of arrays in memory: more worker processes would make them slower.
    warnings.filterwarnings("ignore", message=".*does not have many workers.*")
    # A small corpus has fewer batches than log_every_n_steps; the epoch's end is logged all the same.
    warnings.filterwarnings("ignore", message=".*smaller than the logging interval.*")


@contextmanager
def working(what: str) -> Iterator[None]:
    """Show that a step is in progress: on a terminal by its seconds so far, elsewhere by log lines after 5 s, 10 s, 20 s and so on.

    Args:
        what: The step, as "searching for shapes".
    """
    if on_terminal():
        columns = SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn()
        with Progress(*columns, console=console(), transient=True) as progress:
            progress.add_task(what, total=None)
            yield
        return
    ended = threading.Event()

    def report() -> None:
        wait, seconds = FIRST_SECONDS, 0.0
        while not ended.wait(wait):
            seconds += wait
            wait = seconds
            log.info("%s: %.0f s so far", what, seconds)

    reporter = threading.Thread(target=report, daemon=True, name="working")
    reporter.start()
    try:
        yield
    finally:
        ended.set()
        reporter.join()


def print_results(
    metrics: Mapping[str, float],
    labels: Mapping[str, str],
    folder: str | Path | None = None,
    lines: Sequence[str] = (),
) -> None:
    """Print a short table of metrics on standard output, then lines, and the run folder on a line of its own.

    `labels`: metric name -> label, of the metrics to show where they exist, in order.
    """
    rows = [(label, name, four_digits(metrics[name])) for name, label in labels.items() if name in metrics]
    screen = Console(file=sys.stdout)
    if screen.is_terminal:
        table = Table(box=None, show_header=False, pad_edge=False)
        table.add_column(overflow="fold")
        table.add_column(style="dim", overflow="fold")
        table.add_column(justify="right", style="bold", no_wrap=True)
        for row in rows:
            table.add_row(*row)
        screen.print(table)
    else:
        width = max((len(name) for _, name, _ in rows), default=0)
        for _, name, value in rows:
            print(f"{name:<{width}}  {value:>10}")
    # Not by rich, which breaks a long path over lines: users copy it.
    for line in lines:
        print(line)
    if folder is not None:
        print(folder)


def discard_output() -> None:
    """Connect standard output to nothing: its reader has left, and Python flushes once more at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def print_line(line: str) -> None:
    """Print a line of a sweep's job. Where the reader has left, as with `| head -1`, the other jobs run on without output."""
    try:
        print(line, flush=True)
    except BrokenPipeError:
        discard_output()


def four_digits(value: float) -> str:
    """Format a number with four significant digits, without an exponent from 1,000 to 1e9.

    >>> [four_digits(x) for x in (0.0123456, 12345.678, 3, 1e-7, float("nan"))]
    ['0.01235', '12346', '3', '1e-07', 'nan']
    """
    if math.isfinite(value) and 1000 <= abs(value) < 1e9:
        return f"{value:.0f}"
    return f"{value:.4g}"
