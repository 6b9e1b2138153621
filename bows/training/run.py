"""Train one model to a complete run folder."""

from pathlib import Path

from bows.config.resolve import trait
from bows.config.schema import TrainConfig
from bows.evaluation.save import log_results
from bows.figures.render_pool import draw
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
        status.corpus = task.data_hash
        status.write("running")
    task.build()
    files = AtomicCheckpointIO()
    checkpoint = last_checkpoint(folder) if settings.resume else None
    steps = files.read(checkpoint)["global_step"] if checkpoint else 0
    table = MetricsTable(folder, resume_step=steps - 1 if settings.resume else None)
    with extra_loggers(settings.logger, settings.plain, folder, group, run_name or settings.name, table) as loggers:
        trainer = fit(task, [table, *loggers], files, checkpoint)
        if trainer.is_global_zero:
            evaluation = task.evaluate(trainer)
            figures = draw(folder / "figures", conclude(task, evaluation, trainer, table, loggers))
            log_results(loggers, figures, evaluation, max(trainer.global_step - 1, 0))
    return table.summary
