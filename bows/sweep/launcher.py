"""Launch a sweep: skip completed jobs, hand the others to a back end, and write the sweep's tables."""

import logging
import shutil
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from filelock import Timeout
from hydra.core.utils import JobReturn, JobStatus, configure_log, setup_globals
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from bows.config.hydra_internals import error_of
from bows.errors import SweepError, cannot_write
from bows.files import file_lock
from bows.runs.lock import RunInUse, is_locked, user_of
from bows.runs.table import save_tables
from bows.sweep.backends import ENGINES, Engine
from bows.sweep.plan import LAUNCH_LOCK, Job, held_out_loss, make_jobs, plan, what_to_note
from bows.sweep.units import STACKS, Stacking, Unit, make_units
from bows.sweep.worker import SweepTask

log = logging.getLogger(__name__)

# Seconds between two checks of jobs that other processes run.
PAUSE = 1.0


def launch(
    engine_name: str,
    stacking: Stacking,
    settings: dict[str, Any],
    context: HydraContext,
    config: DictConfig,
    task: TaskFunction,
    job_overrides: Sequence[list[str]],
    first: int,
) -> list[JobReturn]:
    """Run the jobs of a sweep, or of one batch of a sweeper.

    Args:
        engine_name: the back end, a key of ENGINES.
        stacking: whether to stack jobs, and the limits of a stack.
        settings: of the back end's own launcher.
        context: Hydra's.
        config: the configuration that all jobs share.
        task: runs a single job.
        job_overrides: the command line of each job.
        first: the number of the first job.

    Returns:
        The result of each job, in the order of `job_overrides`.

    Raises:
        SweepError: a setting of the launcher is not allowed, or the back end is not installed.
    """
    setup_globals()
    configure_log(config.hydra.hydra_logging, config.hydra.verbose)
    if engine_name not in ENGINES:
        raise SweepError(f"hydra.launcher.engine={engine_name}: there is no such engine; allowed: {', '.join(ENGINES)}")
    engine = ENGINES[engine_name](context, config, settings)
    if config.hydra.job.name != "train":
        units = [Unit(overrides, first + place) for place, overrides in enumerate(job_overrides)]
        return engine.launch(units, task)
    sweep = Path(str(config.hydra.sweep.dir))
    sweep.mkdir(parents=True, exist_ok=True)
    with _marked_as_launched(sweep):
        jobs = make_jobs(job_overrides, first, partial(context.config_loader.load_sweep_config, config))
        unique = plan(sweep, jobs, what_to_note(config.hydra))
        _log_plan(sweep, unique, len(jobs))
        results = _run(stacking, engine, task, unique)
    ended = [results[job.key] for job in jobs]
    completed = sum(result.status == JobStatus.COMPLETED for result in ended)
    if completed == len(ended) and not any(is_locked(job.folder) for job in unique):
        shutil.rmtree(sweep / STACKS, ignore_errors=True)  # of stacks that were killed while they finished
    failed = f", {len(ended) - completed} failed" if completed < len(ended) else ""
    log.info("sweep of %d jobs: %d completed%s", len(ended), completed, failed)
    try:
        log.info("all runs in one table: %s", save_tables([sweep], sweep)[2][0])
    except OSError as error:
        log.error("%s; free space or permissions, then python -m bows.collect %s", cannot_write(error) or error, sweep)
    return ended


@contextmanager
def _marked_as_launched(sweep: Path) -> Iterator[None]:
    """Hold the sweep's lock, unless another process launches jobs in the same folder: then that one holds it."""
    lock = file_lock(sweep / LAUNCH_LOCK, 0)
    try:
        lock.acquire()
    except Timeout:
        log.info("%s: another process runs this sweep; its jobs are divided between the two", sweep)
    try:
        yield
    finally:
        lock.release()


def _log_plan(sweep: Path, unique: Sequence[Job], asked: int) -> None:
    states = Counter(job.state for job in unique)
    if states.keys() - {"new"}:
        log.info(
            "%s: %d jobs: %d completed (skipped), %d resuming, %d running elsewhere",
            sweep, asked, states["completed"], states["interrupted"], states["running"],
        )  # fmt: skip
    if asked > len(unique):
        log.info("%d jobs are duplicates: their configurations equal those of other jobs", asked - len(unique))


def _run(stacking: Stacking, engine: Engine, task: TaskFunction, jobs: Sequence[Job]) -> dict[str, JobReturn]:
    """Return the result of each job by its key: run those that no other process runs, wait for the others."""
    results: dict[str, JobReturn] = {}
    while left := [job for job in jobs if job.key not in results]:
        states = {job.key: job.state for job in left}
        results |= {job.key: _result(job, held_out_loss(job.folder)) for job in left if states[job.key] == "completed"}
        asked = [job for job in left if states[job.key] in ("new", "interrupted")]
        units = make_units(stacking, asked, jobs, engine.workers)
        stacked = {unit.folder: unit.jobs for unit in units if len(unit.jobs) > 1}
        returned = engine.launch(units, SweepTask(task, stacked)) if units else []
        for unit, result in zip(units, returned, strict=True):
            results |= _outcomes(unit, result)
        _wait_for_others([job for job in left if job.key not in results])
    return results


def _outcomes(unit: Unit, result: JobReturn) -> dict[str, JobReturn]:
    """Return the result of each job of a unit; none where another process runs one of them."""
    if isinstance(error_of(result), RunInUse):
        return {}
    if len(unit.jobs) == 1 or result.status != JobStatus.COMPLETED:  # of a stack: it failed as a whole
        return dict.fromkeys((job.key for job in unit.jobs), result)
    return {job.key: _result(job, outcome) for job, outcome in zip(unit.jobs, result.return_value, strict=True)}


def _wait_for_others(jobs: Sequence[Job]) -> None:
    """Wait until one of these jobs, which other processes run, has ended there; one that did not complete is then run here."""
    if jobs and all(is_locked(job.folder) for job in jobs):
        who = ", ".join(sorted({user_of(job.folder) for job in jobs}))
        log.info("waiting for %d jobs that run elsewhere (%s); Ctrl-C leaves them to it", len(jobs), who)
    while jobs and all(is_locked(job.folder) for job in jobs):
        time.sleep(PAUSE)


def _result(job: Job, outcome: float | BaseException) -> JobReturn:
    failed = isinstance(outcome, BaseException)
    result = JobReturn(overrides=job.overrides, status=JobStatus.FAILED if failed else JobStatus.COMPLETED)
    result.return_value = outcome
    return result
