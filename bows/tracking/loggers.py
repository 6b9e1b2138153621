"""Open the logger that the settings choose, and log figures and tables to it."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytorch_lightning.loggers.logger import Logger
from pytorch_lightning.utilities.rank_zero import rank_zero_only

from bows.config.schema import Logger as LoggerSettings
from bows.console import only_in
from bows.errors import SettingError
from bows.tracking.csv_logger import MetricsTable
from bows.tracking.run_labels import Labels

if TYPE_CHECKING:
    import pyarrow as pa

log = logging.getLogger(__name__)


@contextmanager
def extra_loggers(
    chosen: LoggerSettings,
    config: dict[str, Any],
    folder: Path,
    labels: Labels,
    table: MetricsTable | None = None,
    mode: str | None = None,
) -> Iterator[list[Logger]]:
    """Open the chosen logger, which is used in addition to metrics.csv, and close it when the run ends.

    Args:
        chosen: The settings of the logger.
        config: The configuration of the run, plain.
        folder: The run folder.
        labels: The names of the run.
        table: metrics.csv of a run that may be resumed: where it is, its W&B run is continued.
        mode: The mode of W&B, of a run in a stack, which has one for all; None to choose it and log why.

    Yields:
        One logger, or none where metrics.csv is the only one. A run that ends in an error is marked as failed.

    Raises:
        SettingError: The logger is not installed, or W&B cannot start in the mode that was asked for.
    """
    if chosen.kind == "tensorboard":
        if find_spec("tensorboard") is None:
            raise SettingError('logger=tensorboard: tensorboard is not installed; pip install "bows[tensorboard]"')
        from pytorch_lightning.loggers import TensorBoardLogger  # an optional extra

        yield [TensorBoardLogger(save_dir=folder, name="", version="tensorboard")]
    elif chosen.kind == "wandb" and rank_zero_only.rank == 0:
        from bows.tracking.wandb_logger import open_run  # wandb takes 1 s to import
        from bows.tracking.wandb_mode import choose_mode, sync_command

        if mode is None:
            mode, reason = choose_mode(chosen.mode, folder)
            log.info("%s", reason)
        else:
            log.info("W&B: %s; upload with: %s", mode, sync_command(folder, mode == "online"), extra=only_in(folder))
        logger = open_run(folder, mode, chosen, labels, config, table)
        failed = True
        try:
            yield [logger]
            failed = False
        finally:
            logger.finish(failed)
    else:
        yield []


def log_media(
    loggers: Sequence[Logger], figures: Mapping[str, Path], tables: "Mapping[str, pa.Table]", step: int
) -> None:
    """Log figures (name -> PNG file) and tables to the loggers that show them, which only W&B's does."""
    for logger in loggers:
        if (log_them := getattr(logger, "log_media", None)) is not None:
            log_them(figures, tables, step)


def log_files(loggers: Sequence[Logger], folder: Path, warnings: Sequence[str] = ()) -> None:
    """Log the model and the report of a completed run, and the warnings on its result, to the loggers that keep them."""
    for logger in loggers:
        if (log_them := getattr(logger, "log_files", None)) is not None:
            log_them(folder, warnings)
