"""The launcher of sweeps: it skips completed jobs, hands the others to a back end, and writes the sweep's tables."""

import logging
import shutil
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, final

from filelock import Timeout
from hydra.core.utils import JobReturn, JobStatus, configure_log, setup_globals
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from bows.config.hydra_internals import cache_compositions, error_of
from bows.console import print_line
from bows.errors import BowsError, SweepError, cannot_write
from bows.files import file_lock
from bows.runs.lock import RunInUse, is_locked, lock_runs, user_of
from bows.sweep.backends import ENGINES, Engine
from bows.sweep.plan import LAUNCH_LOCK, Job, held_out_loss, plan, what_to_note
from bows.sweep.units import STACKS, Unit, divide_stack, make_units
from bows.sweep.worker import SweepTask

log = logging.getLogger(__name__)

# Seconds between two checks of jobs that other processes run.
PAUSE = 1.0


@final
class SweepLauncher(Launcher):
    """Launch the jobs of a sweep.

    Args:
        engine: basic (one after another in this process), joblib, submitit_local or submitit_slurm.
        vectorized: train jobs that can be stacked as one model.
        stack_members: most jobs per stack; None for as many as fit.
        stack_gigabytes: most memory per stack; None for half of the free memory.
        settings: of the back end's own launcher.
    """

    def __init__(
        self,
        engine: str,
        vectorized: bool,
        stack_members: int | None = None,
        stack_gigabytes: float | None = None,
        **settings: Any,
    ) -> None:
        self.engine = engine
        self.vectorized = vectorized
        self.stack_members = stack_members
        self.stack_gigabytes = stack_gigabytes
        self.settings = settings

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        self.context, self.task, self.config = hydra_context, task_function, config
        cache_compositions(hydra_context.config_loader)

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> list[JobReturn]:
        """Run the jobs of a sweep, or of one batch of a sweeper, and return their results in the same order."""
        setup_globals()
        configure_log(self.config.hydra.hydra_logging, self.config.hydra.verbose)
        engine = self._back_end()
        overrides = [list(words) for words in job_overrides]
        if self.config.hydra.job.name != "train":
            return engine.launch([Unit(words, initial_job_idx + i) for i, words in enumerate(overrides)], self.task)
        sweep = Path(str(self.config.hydra.sweep.dir))
        sweep.mkdir(parents=True, exist_ok=True)
        with _marked_as_launched(sweep):
            compose = self.context.config_loader.load_sweep_config
            jobs = [Job(initial_job_idx + i, words, compose(self.config, words)) for i, words in enumerate(overrides)]
            unique = plan(sweep, jobs, what_to_note(self.config.hydra))
            _log_plan(sweep, unique, len(jobs))
            results = self._run(engine, unique)
        ended = [results[job.key] for job in jobs]
        failed = sum(result.status != JobStatus.COMPLETED for result in ended)
        if not failed and not any(is_locked(job.folder) for job in unique):
            shutil.rmtree(sweep / STACKS, ignore_errors=True)  # of stacks that were killed while they finished
        also = f", {failed} failed" if failed else ""
        log.info("sweep of %d jobs: %d completed%s", len(ended), len(ended) - failed, also)
        _write_tables(sweep)
        return ended

    def _back_end(self) -> Engine:
        members, gigabytes = self.stack_members, self.stack_gigabytes
        if self.engine not in ENGINES:
            raise SweepError(
                f"hydra.launcher.engine={self.engine}: there is no such engine; allowed: {', '.join(ENGINES)}"
            )
        if members is not None and members < 1:
            raise SweepError(f"hydra.launcher.stack_members={members} is not allowed; allowed: 1 or more, or null")
        # NaN is refused too.
        if gigabytes is not None and not gigabytes > 0:
            raise SweepError(f"hydra.launcher.stack_gigabytes={gigabytes} is not allowed; allowed: above 0, or null")
        return ENGINES[self.engine](self.context, self.config, self.settings)

    def _run(self, engine: Engine, jobs: Sequence[Job]) -> dict[str, JobReturn]:
        """Return the result of each job by its key: run those that no other process runs, wait for the others."""
        limits = (self.stack_members, self.stack_gigabytes, engine.workers)
        divide = (lambda group: divide_stack(group, *limits)) if self.vectorized else None
        results: dict[str, JobReturn] = {}
        while left := [job for job in jobs if job.key not in results]:
            states = {job.key: job.state for job in left}
            completed = [job for job in left if states[job.key] == "completed"]
            for job in completed:
                _write_missing_report(job.folder)
                results[job.key] = _result(job, held_out_loss(job.folder))
            asked = [job for job in left if states[job.key] in ("new", "interrupted")]
            units = make_units(asked, jobs, divide)
            stacked = {unit.folder: unit.jobs for unit in units if len(unit.jobs) > 1}
            returned = engine.launch(units, SweepTask(self.task, stacked)) if units else []
            for unit, result in zip(units, returned, strict=True):
                results |= _outcomes(unit, result)
            _wait_for_others([job for job in left if job.key not in results])
        return results


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


def _write_missing_report(folder: Path) -> None:
    """Write the report of a completed run whose process was killed before it did."""
    if (folder / "report.html").is_file():
        return
    from bows.reports.run_report import write_report  # a sweep begins without it

    try:
        with lock_runs([folder]):
            write_report(folder)
    except (BowsError, OSError) as error:
        log.warning("%s: its report is missing and cannot be written (%s)", folder, error)


def _outcomes(unit: Unit, result: JobReturn) -> dict[str, JobReturn]:
    """Return the result of each job of a unit; none where another process runs one of them."""
    if isinstance(error_of(result), RunInUse):
        return {}
    if len(unit.jobs) == 1 or result.status != JobStatus.COMPLETED:  # of a stack: it failed as a whole
        return dict.fromkeys((job.key for job in unit.jobs), result)
    return {job.key: _result(job, outcome) for job, outcome in zip(unit.jobs, result.return_value, strict=True)}


def _result(job: Job, outcome: float | BaseException) -> JobReturn:
    failed = isinstance(outcome, BaseException)
    result = JobReturn(overrides=job.overrides, status=JobStatus.FAILED if failed else JobStatus.COMPLETED)
    result.return_value = outcome
    return result


def _wait_for_others(jobs: Sequence[Job]) -> None:
    """Wait until one of these jobs, which other processes run, has ended there; one that did not complete is then run here."""
    if jobs and all(is_locked(job.folder) for job in jobs):
        who = ", ".join(sorted({user_of(job.folder) for job in jobs}))
        log.info("waiting for %d jobs that run elsewhere (%s); Ctrl-C leaves them to it", len(jobs), who)
    while jobs and all(is_locked(job.folder) for job in jobs):
        time.sleep(PAUSE)


def _write_tables(sweep: Path) -> None:
    # Imported here: a sweep begins without pyarrow.
    from bows.runs.table import save_tables
    from bows.sweep.closing_table import closing_table

    try:
        _, summary, files = save_tables([sweep], sweep)
    except OSError as error:
        log.error("%s; free space or permissions, then python -m bows.collect %s", cannot_write(error) or error, sweep)
        return
    for line in closing_table(summary):
        print_line(line)
    log.info("all runs in one table: %s", files[0])
