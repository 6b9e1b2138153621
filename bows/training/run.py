"""Train one model to a complete run folder, and record how it ended."""

import logging
import math
import webbrowser
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import torch
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig
from pytorch_lightning.loggers import Logger
from pytorch_lightning.utilities.rank_zero import rank_zero_only

from bows.analysis.catalog import headline_labels
from bows.config.identity import config_key
from bows.config.overrides import shown_settings, swept_settings
from bows.config.paths import CONF
from bows.config.resolve import plain, trait
from bows.config.schema import TrainConfig
from bows.config.validate import check
from bows.console import print_line, print_results, working
from bows.errors import BowsError, DataError, Interrupted, SettingError, UnavailableError, cannot_write
from bows.evaluation.save import log_results
from bows.figures.render_pool import Drawers, Picture, draw
from bows.reports.run_report import write_report
from bows.runs.discover import LIST, read_list
from bows.runs.folder import read_run
from bows.runs.lock import lock_runs
from bows.runs.status import RunStatus, read_status
from bows.tracking.csv_logger import MetricsTable
from bows.tracking.loggers import extra_loggers, log_files
from bows.tracking.run_labels import Labels
from bows.training.autoencoder import AutoencoderTask
from bows.training.checkpoint_files import AtomicCheckpointIO, last_checkpoint
from bows.training.closing import closing_lines, one_line
from bows.training.pairs import PairClassifierTask
from bows.training.task import RunTask, conclude, make_trainer, prepare
from bows.training.threads import EVALUATION_WORK, log_threads, suited_threads, threads
from bows.training.verdict import held_out_losses, verdicts

log = logging.getLogger(__name__)

# W&B refuses longer tags.
LONGEST_TAG = 64
# What the map of the words imports, in the process that lays it out.
MAP_MODULES = ("bows.evaluation.word_positions", "sklearn.manifold")
# What a class of models states that it trains on (`trains_on`), and the task that trains it.
TASKS: dict[str, type[RunTask]] = {"bags": AutoencoderTask, "pairs": PairClassifierTask}


def train_job(config: DictConfig) -> float:
    """Train in Hydra's output folder, record how the job ended, and return the objective of its task, such as the held-out loss.

    An error is written to the job's own log with its traceback and to `status.json` as `failed`, and raised again.
    """
    hydra = HydraConfig.get()
    folder = Path(hydra.runtime.output_dir)
    composed = plain(config)
    if rank_zero_only.rank != 0:  # ranks above 0 do not write status.json
        train(check(composed), folder, None)
        return math.nan
    # In a sweep the worker holds the lock.
    with nullcontext() if hydra.mode == RunMode.MULTIRUN else lock_runs([folder]):
        return _train_and_record(composed, hydra, folder)


def _train_and_record(composed: dict[str, Any], hydra: Any, folder: Path) -> float:
    resume = composed.get("resume") is not None
    try:
        if resume and read_status(folder)["state"] == "completed":
            report = (
                ""
                if (folder / "report.html").is_file()
                else f"write its report with python -m bows.report {folder}, or "
            )
            raise SettingError(f"resume={folder}: this run is completed; {report}start a new run without resume")
    except DataError as error:
        raise DataError(f"{error}; copy the run again, or start a new run without resume") from None
    status = RunStatus.start(folder, resumed=resume)
    status.config = config_key(composed)
    sweep = hydra.mode == RunMode.MULTIRUN
    try:
        settings = check(composed)
        labels = labels_of(settings, hydra)
        metrics = train(settings, folder, status, labels, partial(complete, status))
    except BaseException as error:
        if status.state == "completed" and isinstance(error, KeyboardInterrupt | Interrupted):
            raise KeyboardInterrupt from error  # the run completed; only its report may be missing
        failure = as_expected(error, folder)
        line = record_failure(status, failure)
        # The command prints the error of a single run as it ends; that of a sweep's job is printed here.
        log.error("%s", line, exc_info=error, extra={"file_only": not sweep})
        if sweep and isinstance(failure, Interrupted):
            raise KeyboardInterrupt from error  # ends the sweep; an error ends this job alone
        raise failure from error
    if sweep:
        print_line(one_line(folder, labels.varied))
    else:
        print_results(metrics, headline_labels(), folder, closing_lines(settings, folder, status.warnings))
        if settings.open:
            open_report(folder)
    return metrics[task_of(settings).objective]


def record_failure(status: RunStatus, error: BaseException) -> str:
    """Write an error to status.json; return its one line."""
    line = str(error) if isinstance(error, BowsError) else f"{type(error).__name__}: {error}"
    status.write_failed(line)
    return line


def as_expected(error: BaseException, folder: Path) -> BaseException:
    """Return Ctrl-C, a full disk or an unavailable corpus as an error that names the remedy; any other error unchanged."""
    if isinstance(error, KeyboardInterrupt):
        return Interrupted(f"stopped by Ctrl-C; continue with resume={folder}")
    if isinstance(error, OSError) and (reason := cannot_write(error)):
        return DataError(
            f"run folder {folder}: {reason}; free space or permissions and continue with resume={folder}, or choose another folder "
            "with outputs=<folder>"
        )
    if isinstance(error, UnavailableError) and (small := small_version(folder)):
        return UnavailableError(
            f"{error}; the small version of this preset: python -m bows.train -m experiment={small} "
            "hydra/launcher=vectorized"
        )
    return error


def small_version(folder: Path) -> str | None:
    """Return the option of `experiment` that is the small version of a run's preset; None where there is none.

    For paper/months this is paper/small/months.
    """
    group, _, name = str(read_run(folder).choices.get("experiment")).rpartition("/")
    small = f"{group}/small/{name}"
    return small if (CONF / "experiment" / f"{small}.yaml").is_file() else None


def task_of(settings: TrainConfig) -> type[RunTask]:
    """Return the kind of task that trains the model of the settings."""
    return TASKS[trait(settings.model, "trains_on", "bags")]


def train(
    settings: TrainConfig,
    folder: Path,
    status: RunStatus | None,
    labels: Labels | None = None,
    finish: Callable[[Sequence[Logger], list[str]], None] | None = None,
) -> dict[str, float]:
    """Train a model, evaluate it, complete its run folder, and return the metrics of summary.json.

    Args:
        settings: The settings.
        folder: The run folder.
        status: None on ranks above 0, which do not write status.json.
        labels: The names of the run for the loggers; None for those of a single run.
        finish: Called with the loggers and the warnings on the result once the run folder is complete but for its report.
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
    labels = labels or Labels(settings.name)
    config = with_corpus(settings.plain, task)
    asked = settings.trainer.threads
    number, evaluating = suited_threads(asked, task.work), suited_threads(asked, task.evaluation_work, EVALUATION_WORK)
    with (
        _second_drawer(settings, labels.group) as drawer,
        threads(number),
        extra_loggers(settings.logger, config, folder, labels, table) as loggers,
    ):
        trainer = make_trainer(task, [table, *loggers], files)
        log_threads(number, asked, task.work)
        task.fit(trainer, checkpoint)
        losses = held_out_losses(table.rows())
        if trainer.is_global_zero:
            with threads(evaluating), working("evaluating the model"):
                evaluation = task.evaluate(trainer)
            figures = _draw(folder / "figures", conclude(task, evaluation, trainer, table, loggers), drawer)
            log_results(loggers, figures, evaluation, max(trainer.global_step - 1, 0))
            warnings = verdicts(table.summary, losses, settings.trainer.weights == "best")
            for warning in warnings:
                log.warning("%s", warning)
            if finish:
                finish(loggers, warnings)
    return table.summary


def complete(status: RunStatus, loggers: Sequence[Logger], warnings: list[str]) -> None:
    """Mark a run as completed, write its report, and pass its files and the warnings on its result to the loggers."""
    status.warnings = warnings
    status.write("completed")
    with working("writing the report"):
        write_report(status.folder)
    log_files(loggers, status.folder, warnings)


def open_report(folder: Path) -> None:
    """Open a run's report in the browser; log a warning where there is none."""
    report = folder / "report.html"
    if not webbrowser.open(report.absolute().as_uri()):
        log.warning("open=true: no browser was found; open %s yourself", report)


def labels_of(settings: TrainConfig, hydra: Any) -> Labels:
    """Return the names of a run for the loggers, from its settings and Hydra's own node."""
    sweep = Path(hydra.sweep.dir) if hydra.mode == RunMode.MULTIRUN else None
    varied = swept_settings(read_list(sweep).get("command", [])) if sweep and (sweep / LIST).is_file() else ()
    shown = shown_settings(hydra.overrides.task, varied)
    name = " ".join([settings.name, *(each for each in shown.values() if each != f"data={settings.name}")])
    choices = hydra.runtime.choices
    tags = [str(choices[group]) for group in ("data", "model", "experiment") if choices.get(group)]
    of_job = tuple(shown[key] for key in shown if key in varied)
    return Labels(name, sweep and sweep.name, tags=tuple(tag[:LONGEST_TAG] for tag in tags), varied=of_job)


def with_corpus(config: dict[str, Any], task: RunTask) -> dict[str, Any]:
    """Return the configuration with the hash of the corpus, for the loggers."""
    return {**config, "corpus": {"hash": task.data_hash, "words": task.words}}


def _second_drawer(settings: TrainConfig, group: str | None) -> AbstractContextManager[Drawers | None]:
    """Start a process that lays out the map of a single run that has two cores, or draws half of its figures where it has no map.

    It imports matplotlib and scikit-learn while W&B starts and the model trains. The map takes 1.3 s, as long as the other figures.
    """
    cores = settings.trainer.threads or torch.get_num_threads()
    wanted = settings.analysis.figures and group is None and rank_zero_only.rank == 0 and cores > 1
    return Drawers(1, MAP_MODULES) if wanted else nullcontext()


def _draw(folder: Path, pictures: dict[str, Picture], drawer: Drawers | None) -> dict[str, Path]:
    if drawer is None:
        return draw(folder, pictures)
    # The map takes as long as all others: it is laid out while these are drawn.
    theirs = ["map"] if "map" in pictures else list(pictures)[::2]
    there = drawer.draw(folder, {name: pictures[name] for name in theirs})
    return draw(folder, {name: each for name, each in pictures.items() if name not in theirs}) | there.result()
