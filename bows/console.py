"""What a run says to a person: log lines, quiet libraries, the table of results at the end."""

from __future__ import annotations

import logging
import math
import sys
import warnings
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from rich.console import Console
from rich.logging import RichHandler
from rich.table import Table
from rich.text import Text

# The handful a person looks at first, with names that need no table of definitions.
RESULTS = {
    "reconstruction/loss": "loss a cell, held out",
    "reconstruction/r2": "variance explained, held out",
    "reconstruction/relu_gain": "more than a linear read-out",
    "interference/gap": "interference helps by",
    "interference/rescued": "words rescued by context",
    "interference/filtered": "false alarms the ReLU removes",
    "alignment/rsa": "geometry follows co-occurrence",
    "cluster/purity_z": "topics cluster, z",
    "capacity/features_per_dimension": "features a dimension",
    "capacity/represented_fraction": "words represented",
    "packing/interference_rms": "interference (RMS cosine)",
    "packing/mean_max_cosine": "nearest neighbour's cosine",
    "ring/months/order": "months in circular order",
    "ring/weekdays/order": "weekdays in circular order",
    "classification/accuracy": "pairs named rightly, held out",
    "probe/r2": "a linear probe reads the values",
    "ablation/accuracy_base": "accuracy, whole embedding",
    "ablation/accuracy_keep": "accuracy, the probed plane alone",
    "ablation/accuracy_remove": "accuracy, all but that plane",
    "speed/windows_per_second": "windows a second",
    "speed/seconds": "seconds",
    "speed/peak_memory_mb": "peak memory, MB",
}

CHATTY = (
    "pytorch_lightning", "lightning_fabric", "lightning", "lightning_utilities", "wandb", "torch", "datasets", "fsspec",
    "filelock", "huggingface_hub", "httpx", "httpcore", "urllib3", "matplotlib", "PIL", "git", "fontTools",
)  # fmt: skip


@cache
def console() -> Console:
    """The console on standard error that log lines and progress share, so that a line is printed above the bar."""
    return Console(stderr=True)


def on_terminal() -> bool:
    """Whether a person watches standard error."""
    return sys.stderr.isatty() and not console().is_dumb_terminal


class MessageFormatter(logging.Formatter):
    """The message without the traceback it may carry: that is for train.log, and for the process that ends with it."""

    def formatException(self, ei) -> str:
        return ""


class PlainHandler(logging.StreamHandler):
    """``LEVEL message`` lines on standard error, looked up at each line as it may be redirected."""

    def __init__(self) -> None:
        super().__init__(sys.stderr)
        self.setFormatter(MessageFormatter("%(levelname)s %(message)s"))

    @property
    def stream(self):
        return sys.stderr

    @stream.setter
    def stream(self, value: object) -> None:
        """Nothing: the stream is always the current standard error."""


class TerminalHandler(RichHandler):
    """Coloured lines: the time, the level from warnings on, the message."""

    def __init__(self) -> None:
        super().__init__(
            console=console(), show_path=False, markup=False, rich_tracebacks=False, log_time_format="%H:%M:%S",
            omit_repeated_times=False,
        )  # fmt: skip
        self.setFormatter(MessageFormatter("%(message)s"))

    def get_level_text(self, record: logging.LogRecord) -> Text:
        return Text("") if record.levelno < logging.WARNING else super().get_level_text(record)


def log_handler() -> logging.Handler:
    """The handler for log lines, for logging's dictConfig: ``"()": bows.console.log_handler``.

    Returns:
        Coloured lines where standard error is a terminal, plain ``LEVEL message`` lines elsewhere. Records logged with
        ``extra={"file_only": True}`` are left to the log file.
    """
    handler = TerminalHandler() if on_terminal() else PlainHandler()
    handler.addFilter(lambda record: not getattr(record, "file_only", False))
    return handler


def quiet_libraries() -> None:
    """Lower the loggers of libraries to warnings. Imports Lightning, which would raise its own level otherwise."""
    import pytorch_lightning  # noqa: F401 - imported for its effect on logging

    for name in CHATTY:
        logger = logging.getLogger(name)
        logger.setLevel(logging.WARNING)
        if name in ("pytorch_lightning", "lightning_fabric", "lightning"):
            # Imported before logging is set up, Lightning prints by a handler of its own; once is enough.
            for handler in list(logger.handlers):
                logger.removeHandler(handler)
            logger.propagate = True
    # Lightning's own use of torch's tree utilities.
    warnings.filterwarnings("ignore", message=".*LeafSpec.*is deprecated.*")
    # Batches are slices of arrays in memory: more worker processes would make them slower.
    warnings.filterwarnings("ignore", message=".*does not have many workers.*")
    # A small corpus has fewer batches than log_every_n_steps; the epoch's end is logged all the same.
    warnings.filterwarnings("ignore", message=".*smaller than the logging interval.*")


def print_results(metrics: Mapping[str, float], folder: str | Path | None = None) -> None:
    """Print the short table that ends a run, then the run folder, on standard output.

    Args:
        metrics: Metric name -> value; the handful in RESULTS that are there are shown.
        folder: The run folder, printed whole on a line of its own; None to leave it out.
    """
    rows = [(label, name, four_digits(metrics[name])) for name, label in RESULTS.items() if name in metrics]
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
    # Not through rich: it would break a long path over lines, and a path is to be copied.
    if folder is not None:
        print(folder)


def four_digits(value: float) -> str:
    """A number in four significant digits, without an exponent where it stays readable.

    >>> [four_digits(x) for x in (0.0123456, 12345.678, 3, 1e-7, float("nan"))]
    ['0.01235', '12346', '3', '1e-07', 'nan']
    """
    if math.isfinite(value) and 1000 <= abs(value) < 1e9:
        return f"{value:.0f}"
    return f"{value:.4g}"
