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
from bows.errors import SettingError
from bows.tracking.csv_logger import MetricsTable

if TYPE_CHECKING:
    import pyarrow as pa

log = logging.getLogger(__name__)


@contextmanager
def extra_loggers(
    chosen: LoggerSettings,
    config: dict[str, Any],
    folder: Path,
    group: str | None,
    run_name: str,
    table: MetricsTable | None = None,
) -> Iterator[list[Logger]]:
    """Open the chosen logger, which is used in addition to metrics.csv, and close it when the run ends.

    Args:
        chosen: The settings of the logger.
        config: The configuration of the run, plain.
        folder: The run folder.
        group: The sweep that the run belongs to.
        run_name: The name of the run.
        table: metrics.csv of a run that may be resumed: where it is, its W&B run is continued.

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
        from bows.tracking.wandb_mode import choose_mode

        mode, reason = choose_mode(chosen.mode, folder)
        log.info("%s", reason)
        logger = open_run(folder, mode, chosen, run_name, group, config, table)
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
