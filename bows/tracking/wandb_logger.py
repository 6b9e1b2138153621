"""Weights & Biases: every decision is made before wandb is asked, so that it can neither prompt nor hang.

The run of each job is opened on its own (``reinit="create_new"``), never taken over from another one, and ended by
`finish`. Metrics go through Lightning's ``log_metrics(step=)``, which logs the trainer's step beside them as
``trainer/global_step``; charts are drawn against it.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import wandb
from pytorch_lightning.loggers import WandbLogger
from pytorch_lightning.utilities.rank_zero import rank_zero_only

from bows.errors import SettingError
from bows.tracking.wandb_mode import choose_mode, sync_command

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["choose_mode", "finish", "log_config", "log_figures", "log_word_table", "sync_command", "wandb_logger"]

log = logging.getLogger(__name__)

START_SECONDS = 30.0
FINISH_SECONDS = 300.0


def wandb_logger(
    folder: str | Path,
    mode: str,
    project: str,
    name: str,
    group: str | None = None,
    tags: tuple[str, ...] = (),
    run_id: str | None = None,
    entity: str | None = None,
) -> WandbLogger:
    """Open a W&B run and wrap it as a Lightning logger.

    Args:
        folder: The run folder; W&B's files go to ``<folder>/wandb/``.
        mode: ``online``, ``offline`` or ``disabled``, as `bows.tracking.wandb_mode.choose_mode` decided.
        project: The W&B project.
        name: The run's name.
        group: The group it belongs to, for the jobs of one multirun.
        tags: The run's tags.
        run_id: Online only: continue this W&B run rather than open a new one.
        entity: The user or team it goes to; None for the key's own.

    Returns:
        The logger. Only the first process of a distributed run opens a W&B run.

    Raises:
        SettingError: W&B refused to start the run, for instance because of its key.
    """
    folder = Path(folder)
    run = _start(folder, mode, project, name, group, tags, run_id, entity) if rank_zero_only.rank == 0 else None
    return WandbLogger(name=name, save_dir=str(folder), project=project, group=group, experiment=run)


def finish(logger: WandbLogger, failed: bool) -> None:
    """End the run of a logger.

    Args:
        logger: What `wandb_logger` returned.
        failed: Whether the job failed; W&B then marks the run as failed.
    """
    if rank_zero_only.rank != 0:
        return
    try:
        logger.experiment.finish(exit_code=1 if failed else 0)
    except TimeoutError:
        command = sync_command(logger.save_dir, online=True)
        log.warning("W&B did not take the last data within %.0f s; upload them with: %s", FINISH_SECONDS, command)


def log_config(logger: WandbLogger, config: Mapping[str, Any]) -> None:
    """Record the configuration of a run.

    Args:
        logger: What `wandb_logger` returned.
        config: Plain nested dictionaries, lists, numbers and strings.
    """
    if rank_zero_only.rank == 0:
        logger.experiment.config.update(dict(config), allow_val_change=True)


def log_figures(logger: WandbLogger, figures: Mapping[str, str | Path], step: int) -> None:
    """Record figures as images.

    Args:
        logger: What `wandb_logger` returned.
        figures: Name -> path of a PNG file.
        step: The optimizer step they show.
    """
    if figures:
        images = {f"figures/{name}": wandb.Image(str(path)) for name, path in figures.items()}
        logger.log_metrics(images, step=step)  # type: ignore[arg-type]


def log_word_table(logger: WandbLogger, name: str, table: pa.Table, max_rows: int, step: int) -> None:
    """Record the first rows of a table of words.

    Args:
        logger: What `wandb_logger` returned.
        name: The table's name, shown as ``tables/<name>``.
        table: One row a word.
        max_rows: How many rows to keep, from the top.
        step: The optimizer step it was measured at.
    """
    head = table.slice(0, max_rows)
    if head.num_rows < table.num_rows:
        log.info("W&B table %s holds the first %d of %d rows", name, head.num_rows, table.num_rows)
    rows = list(map(list, zip(*(column.to_pylist() for column in head.columns), strict=True)))
    value = wandb.Table(columns=list(head.column_names), data=rows)  # type: ignore[arg-type]
    logger.log_metrics({f"tables/{name}": value}, step=step)  # type: ignore[dict-item]


def _start(
    folder: Path,
    mode: str,
    project: str,
    name: str,
    group: str | None,
    tags: tuple[str, ...],
    run_id: str | None,
    entity: str | None,
) -> Any:
    folder.mkdir(parents=True, exist_ok=True)
    quiet: dict[str, Any] = {"console": "off", "silent": True, "reinit": "create_new", "init_timeout": START_SECONDS}
    # Older versions of wandb wait for uploads without end; newer ones can give up and leave the data on disk.
    if "finish_timeout" in wandb.Settings.model_fields:
        quiet |= {"finish_timeout": FINISH_SECONDS, "finish_timeout_raises": True}
    again: dict[str, Any] = {"id": run_id, "resume": "allow"} if run_id is not None and mode == "online" else {}
    try:
        run = wandb.init(
            project=project,
            entity=entity,
            name=name,
            group=group,
            tags=list(tags),
            dir=str(folder),
            mode=mode,  # type: ignore[arg-type]
            settings=wandb.Settings(**quiet),
            **again,
        )
    except wandb.errors.Error as error:
        first_line = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise SettingError(
            f"logger.mode={mode}: W&B did not start the run ({first_line}); use logger.mode=offline"
        ) from error
    run.define_metric("trainer/global_step")
    run.define_metric("*", step_metric="trainer/global_step", step_sync=True)
    return run
