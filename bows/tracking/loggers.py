"""Open the logger that a run was given."""

import logging
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pytorch_lightning.utilities.rank_zero import rank_zero_only

from bows.config.schema import Logger
from bows.errors import SettingError

log = logging.getLogger(__name__)


@contextmanager
def extra_loggers(chosen: Logger, config: dict[str, Any], folder: Path, group: str | None, run_name: str):
    """The logger that was chosen, beside metrics.csv; ended with the run, as failed where the run fails."""
    if chosen.kind == "tensorboard":
        from importlib.util import find_spec

        if find_spec("tensorboard") is None:
            raise SettingError('logger=tensorboard: tensorboard is not installed; pip install "bows[tensorboard]"')
        from pytorch_lightning.loggers import TensorBoardLogger

        yield [TensorBoardLogger(save_dir=folder, name="", version="tensorboard")]
    elif chosen.kind == "wandb" and rank_zero_only.rank == 0:
        from bows.tracking.wandb_logger import finish, log_config, wandb_logger
        from bows.tracking.wandb_mode import choose_mode

        mode, sentence = choose_mode(chosen.mode, folder)
        log.info("%s", sentence)
        logger = wandb_logger(
            folder, mode, chosen.project, run_name, chosen.group or group, tuple(chosen.tags), entity=chosen.entity
        )
        failed = True
        try:
            log_config(logger, config)
            yield [logger]
            failed = False
        finally:
            finish(logger, failed)
    else:
        yield []
