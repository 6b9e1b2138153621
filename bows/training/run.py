"""Train one model to a complete run folder."""

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import torch
from pytorch_lightning.utilities.rank_zero import rank_zero_only

from bows.config.resolve import trait
from bows.config.schema import TrainConfig
from bows.evaluation.save import log_results
from bows.figures.render_pool import Drawers, Picture, draw
from bows.runs.status import RunStatus
from bows.tracking.csv_logger import MetricsTable
from bows.tracking.loggers import extra_loggers
from bows.training.autoencoder import AutoencoderTask
from bows.training.checkpoint_files import AtomicCheckpointIO, last_checkpoint
from bows.training.pairs import PairClassifierTask
from bows.training.task import RunTask, conclude, fit, prepare

# What a class of models states that it trains on (`trains_on`), and the task that trains it.
TASKS: dict[str, type[RunTask]] = {"bags": AutoencoderTask, "pairs": PairClassifierTask}


def task_of(settings: TrainConfig) -> type[RunTask]:
    """Return the kind of task that trains the model of the settings."""
    return TASKS[trait(settings.model, "trains_on", "bags")]


def train(
    settings: TrainConfig,
    folder: Path,
    status: RunStatus | None,
    group: str | None = None,
    run_name: str | None = None,
) -> dict[str, float]:
    """Train a model, evaluate it, and complete its run folder.

    Args:
        settings: The settings.
        folder: The run folder.
        status: The status.json; None on ranks above 0, which do not write it.
        group: The sweep's name for the loggers.
        run_name: The run's name for the loggers; None for that of the settings.

    Returns:
        The metrics of summary.json.
    """
    prepare(settings)
    task = task_of(settings)(settings, folder)
    if status:
        status.corpus, status.stored_corpus = task.data_hash, task.stored_hash
        status.write("running")
    task.build()
    files = AtomicCheckpointIO()
    checkpoint = last_checkpoint(folder) if settings.resume else None
    steps = files.read(checkpoint)["global_step"] if checkpoint else 0
    table = MetricsTable(folder, resume_step=steps - 1 if settings.resume else None)
    name = run_name or settings.name
    with (
        _second_drawer(settings, group) as drawer,
        extra_loggers(settings.logger, settings.plain, folder, group, name, table) as loggers,
    ):
        trainer = fit(task, [table, *loggers], files, checkpoint)
        if trainer.is_global_zero:
            evaluation = task.evaluate(trainer)
            figures = _draw(folder / "figures", conclude(task, evaluation, trainer, table, loggers), drawer)
            log_results(loggers, figures, evaluation, max(trainer.global_step - 1, 0))
    return table.summary


def _second_drawer(settings: TrainConfig, group: str | None) -> AbstractContextManager[Drawers | None]:
    """Start a process that draws half of the figures of a single run that has two cores.

    It imports matplotlib while W&B starts and the model trains. Ten figures take 1.7 s in one process, a fifth of all but the training
    of a default run.
    """
    wanted = settings.analysis.figures and group is None and rank_zero_only.rank == 0 and torch.get_num_threads() > 1
    return Drawers(1) if wanted else nullcontext()


def _draw(folder: Path, pictures: dict[str, Picture], drawer: Drawers | None) -> dict[str, Path]:
    if drawer is None:
        return draw(folder, pictures)
    items = list(pictures.items())
    there = drawer.draw(folder, dict(items[::2]))
    return draw(folder, dict(items[1::2])) | there.result()
