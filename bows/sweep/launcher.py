"""Launching a sweep: its folder is locked, what is completed is passed over, the rest goes to an engine, in stacks where asked."""

from __future__ import annotations

import logging
import math
import shutil
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout
from hydra.core.utils import JobReturn, JobStatus, configure_log, setup_globals
from omegaconf import DictConfig

from bows.config.identity import config_key
from bows.config.resolve import plain
from bows.config.validate import check
from bows.errors import BowsError, DataError, SweepError
from bows.files import read_json
from bows.runs.discover import LIST
from bows.sweep.backends import ENGINES, Unit
from bows.sweep.begun import SCRATCH, begun_stacks
from bows.sweep.grouping import free_bytes, member_bytes, pieces, stacks
from bows.sweep.locks import Claimed, claimed, wait_for_one
from bows.sweep.plan import LOCK, Job, held_out_loss, plan, state_of, what_to_note, write_list
from bows.sweep.worker import StackedJob, SweepTask

if TYPE_CHECKING:
    from hydra_plugins.bows_launcher import SweepLauncher

log = logging.getLogger(__name__)


def launch(launcher: SweepLauncher, job_overrides: Sequence[list[str]], first: int) -> list[JobReturn]:
    """Do the jobs of a sweep, or of one batch of a sweeper. Returns their results in the order they were asked for.

    first: the number of the first job.

    Raises:
        SweepError: where another sweep is writing into the same folder, or the engine is not installed.
    """
    config, context, task = launcher.config, launcher.hydra_context, launcher.task_function
    assert config is not None
    assert context is not None
    assert task is not None
    setup_globals()
    configure_log(config.hydra.hydra_logging, config.hydra.verbose)
    if launcher.engine not in ENGINES:
        raise SweepError(
            f"hydra.launcher.engine={launcher.engine}: there is no such engine; allowed: {', '.join(ENGINES)}"
        )
    check_stack_limits(launcher.stack_members, launcher.stack_gigabytes)
    engine = ENGINES[launcher.engine](context, config, launcher.settings)
    if config.hydra.job.name != "train":
        return engine.launch([Unit(overrides, first + place) for place, overrides in enumerate(job_overrides)], task)
    sweep = Path(str(config.hydra.sweep.dir))
    sweep.mkdir(parents=True, exist_ok=True)
    with _locked(sweep):
        composed = [context.config_loader.load_sweep_config(config, overrides) for overrides in job_overrides]
        jobs = [
            _job(first + place, overrides, each)
            for place, (overrides, each) in enumerate(zip(job_overrides, composed, strict=True))
        ]
        plan(sweep, jobs)
        write_list(sweep, jobs, what_to_note(config.hydra))
        _say_what_is_done(sweep, jobs)
        done: dict[str, JobReturn] = {}
        while left := {job.folder for job in jobs if job.state not in {"completed", "double"}} - done.keys():
            asked = [place for place, job in enumerate(jobs) if job.folder in left and job.state in {"new", "begun"}]
            units, members = _units(launcher, sweep, asked, jobs, engine.workers)
            stacked = {
                jobs[leader].folder: [
                    StackedJob(jobs[place].number, jobs[place].folder, composed[place], jobs[place].config)
                    for place in places
                ]
                for leader, places in members.items()
            }
            for unit in units:
                unit.overrides.append(f"hydra.sweep.subdir='{jobs[unit.number - first].folder}'")
            returned = engine.launch(units, SweepTask(task, stacked)) if units else []
            done |= _outcomes(
                jobs, units, returned, first, {jobs[leader].folder: places for leader, places in members.items()}
            )
            _wait_for_others(sweep, [job for job in jobs if job.folder in left - done.keys() and job.state != "double"])
        for job in jobs:
            if job.state == "completed":
                done[job.folder] = _result(job, held_out_loss(sweep / job.folder))
        results = [done[job.folder] for job in jobs]
        if all(result.status == JobStatus.COMPLETED for result in results) and not claimed(sweep):
            shutil.rmtree(
                sweep / SCRATCH, ignore_errors=True
            )  # of stacks that were killed as their first members were done
    counts = Counter("completed" if result.status == JobStatus.COMPLETED else "failed" for result in results)
    told = ", ".join(f"{count} {state}" for state, count in counts.items())
    log.info("sweep of %d jobs: %s; one table of them: python -m bows.collect %s", len(jobs), told, sweep)
    return results


def check_stack_limits(members: int | None, gigabytes: float | None) -> None:
    """Raises SweepError for limits that no stack can keep."""
    if members is not None and members < 1:
        raise SweepError(f"hydra.launcher.stack_members={members} is not allowed; allowed: 1 or more, or null")
    # Not a number is refused too.
    if gigabytes is not None and not gigabytes > 0:
        raise SweepError(f"hydra.launcher.stack_gigabytes={gigabytes} is not allowed; allowed: above 0, or null")


@contextmanager
def _locked(sweep: Path) -> Iterator[None]:
    lock = FileLock(sweep / LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        try:
            holder = f" ({read_json(sweep / LIST)['launcher']})"
        except (DataError, KeyError, TypeError):  # it has not said so yet
            holder = ""
        raise SweepError(
            f"hydra.sweep.dir={sweep}: another sweep is writing into this folder{holder}; wait for its end, or choose another folder"
        ) from None
    try:
        yield
    finally:
        lock.release()


def _job(number: int, overrides: list[str], composed: DictConfig) -> Job:
    config = plain(composed)
    return Job(number, overrides, config, config_key(config))


def _say_what_is_done(sweep: Path, jobs: Sequence[Job]) -> None:
    states = Counter(job.state for job in jobs)
    if states["completed"] or states["begun"] or states["running"]:
        log.info(
            "%s: of %d jobs %d are completed and not done again, %d were begun and go on, %d are being done by other processes",
            sweep, len(jobs), states["completed"], states["begun"], states["running"],
        )  # fmt: skip
    if states["double"]:
        log.info("%d jobs are asked for twice: their settings come to the same", states["double"])


def _units(
    launcher: SweepLauncher, sweep: Path, asked: Sequence[int], jobs: Sequence[Job], workers: int
) -> tuple[list[Unit], dict[int, list[int]]]:
    """What the engine is to do: single jobs, and a job of each stack, its leader, in whose place it is done; and of each leader the places
    of all its stack's jobs."""
    stacked: list[list[int]] = []
    alone = list(asked)
    if launcher.vectorized:
        stacked += begun_stacks(sweep, jobs, asked)
        taken = {place for places in stacked for place in places}
        valid = [
            place
            for place in asked
            if place not in taken and _is_valid(jobs[place]) and not _has_checkpoint(launcher, jobs[place])
        ]
        groups, reasons = stacks([jobs[place].config for place in valid])
        for group in groups:
            places = [valid[number] for number in group]
            stacked += _cut(launcher, places, jobs, workers)
        for number, reason in reasons.items():
            log.info("job %s runs alone: %s", jobs[valid[number]].folder, reason)
        held = {place for places in stacked for place in places}
        alone = [place for place in asked if place not in held]
        for places in stacked:
            names = ", ".join(jobs[place].folder for place in places)
            log.info("a stack of %d jobs: %s", len(places), names)
    leaders = {next(place for place in places if place in asked): places for places in stacked}
    units = [Unit(list(jobs[place].overrides), jobs[place].number) for place in sorted([*alone, *leaders])]
    return units, leaders


def _is_valid(job: Job) -> bool:
    """Whether its settings are allowed; a job whose are not fails in its own folder, as it would alone."""
    try:
        check(job.config)
    except BowsError:
        return False
    return True


def _has_checkpoint(launcher: SweepLauncher, job: Job) -> bool:
    assert launcher.config is not None
    return (Path(str(launcher.config.hydra.sweep.dir)) / job.folder / "checkpoints" / "last.ckpt").is_file()


def _cut(launcher: SweepLauncher, places: list[int], jobs: Sequence[Job], workers: int) -> list[list[int]]:
    """A group in pieces that fit in memory, and at least one for each of the engine's workers."""
    if launcher.stack_gigabytes is None:
        limit = free_bytes(jobs[places[0]].config["trainer"]["accelerator"]) // 2
    else:
        limit = math.ceil(min(launcher.stack_gigabytes * 1e9, sys.maxsize))
    most = -(-len(places) // workers)
    if launcher.stack_members is not None:
        most = min(launcher.stack_members, most)
    sizes = [member_bytes(jobs[place].config) for place in places]
    cut = pieces(sizes, max(1, limit // workers), most)
    if len(cut) > 1:
        log.info(
            "%d jobs are cut into %d stacks: they take about %.2g GB, a stack may take %.2g GB (hydra.launcher.stack_gigabytes) and "
            "have %d members", len(places), len(cut), sum(sizes) / 1e9, limit / workers / 1e9, most,
        )  # fmt: skip
    return [[places[number] for number in piece] for piece in cut]


def _outcomes(
    jobs: Sequence[Job],
    units: Sequence[Unit],
    returned: Sequence[JobReturn],
    first: int,
    stacked: dict[str, list[int]],
) -> dict[str, JobReturn]:
    """The result of each job that was done, by its folder; none of those that turned out to be another process's."""
    of_folder: dict[str, JobReturn] = {}
    for unit, result in zip(units, returned, strict=True):
        job = jobs[unit.number - first]
        places = stacked.get(job.folder)
        if isinstance(result._return_value, Claimed):
            continue
        if places is None:
            of_folder[job.folder] = result
        elif result.status != JobStatus.COMPLETED:  # the stack as a whole
            of_folder |= {jobs[place].folder: result for place in places}
        else:
            for place, outcome in zip(places, result.return_value, strict=True):
                of_folder[jobs[place].folder] = _result(jobs[place], outcome)
    return of_folder


def _wait_for_others(sweep: Path, jobs: Sequence[Job]) -> None:
    """Until one of these jobs, which another process is doing, is free; their states are then those of their folders.

    One that its process did not complete is to be done here after all.
    """
    if not jobs:
        return
    who = {folder: process for folder, process in claimed(sweep).items() if folder in {job.folder for job in jobs}}
    if len(who) == len(jobs):
        log.info(
            "%s: %d jobs are being done by another process (%s), and waited for; Ctrl-C leaves them to it",
            sweep, len(who), ", ".join(sorted(set(who.values()))),
        )  # fmt: skip
    wait_for_one(sweep, [job.folder for job in jobs])
    held = claimed(sweep)
    for job in jobs:
        job.state = "running" if job.folder in held else state_of(sweep / job.folder)


def _result(job: Job, outcome: float | BaseException) -> JobReturn:
    failed = isinstance(outcome, BaseException)
    made = JobReturn(overrides=job.overrides, status=JobStatus.FAILED if failed else JobStatus.COMPLETED)
    made.return_value = outcome
    return made
