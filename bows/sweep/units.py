"""What a back end is given to do: single jobs, and stacks of jobs that train as one model."""

import hashlib
import logging
import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bows.config.validate import check
from bows.errors import BowsError, DataError
from bows.files import read_json, write_json
from bows.sweep.grouping import free_bytes, member_bytes, pieces, stacks
from bows.sweep.plan import Job

log = logging.getLogger(__name__)

STACKS = ".stacks"
MEMBERS = "members.json"
CHECKPOINT = Path("checkpoints") / "last.ckpt"  # bows.training.callbacks.checkpoints, which takes seconds to import


@dataclass
class Unit:
    """One job, or a stack, which a back end runs by the overrides, the number and the folder of its first unfinished job."""

    overrides: list[str]
    number: int
    jobs: list[Job] = field(default_factory=list)
    """The members of a stack in their order, or the one job."""
    folder: str = ""
    """The name of the folder that it runs in."""


def unit_of(jobs: list[Job]) -> Unit:
    """Return the unit of a job or of the members of a stack."""
    first = next((job for job in jobs if job.state != "completed"), jobs[0])
    name = first.folder.name
    return Unit([*first.overrides, f"hydra.sweep.subdir='{name}'"], first.number, jobs, name)


def make_units(
    asked: Sequence[Job], jobs: Sequence[Job], divide: Callable[[Sequence[Job]], list[list[Job]]] | None
) -> list[Unit]:
    """Divide jobs into units: interrupted stacks as they were, new stacks, and single jobs.

    Args:
        asked: the jobs to do, none of them running or completed.
        jobs: all jobs of the sweep.
        divide: divides jobs that can be stacked into stacks; None where each job is a unit.
    """
    if divide is None or not asked:
        return [unit_of([job]) for job in asked]
    stacked = interrupted_stacks(asked, jobs)
    resumed = {job.key for members in stacked for job in members}
    fresh = [
        job for job in asked if job.key not in resumed and _is_valid(job) and not (job.folder / CHECKPOINT).is_file()
    ]
    groups, reasons = stacks([job.config for job in fresh])
    for group in groups:
        stacked += divide([fresh[place] for place in group])
    for place, reason in reasons.items():
        log.info("job %s runs alone: %s", fresh[place].folder.name, reason)
    for members in stacked:
        log.info("a stack of %d jobs: %s", len(members), ", ".join(str(job.number) for job in members))
    held = {job.key for members in stacked for job in members}
    units = [unit_of(members) for members in [*stacked, *([job] for job in asked if job.key not in held)]]
    return sorted(units, key=lambda unit: unit.number)


def scratch_of(jobs: Sequence[Job]) -> Path:
    """Return the folder of a stack's own checkpoints."""
    keys = "".join(sorted(job.key for job in jobs))
    return jobs[0].folder.parent / STACKS / hashlib.sha256(keys.encode()).hexdigest()[:12]


def note_members(jobs: Sequence[Job]) -> Path:
    """Write the members of a stack, in their order, into its scratch folder, and return that."""
    scratch = scratch_of(jobs)
    scratch.mkdir(parents=True, exist_ok=True)
    write_json(scratch / MEMBERS, {"configs": [job.key for job in jobs]})
    return scratch


def interrupted_stacks(asked: Sequence[Job], jobs: Sequence[Job]) -> list[list[Job]]:
    """Return the members of each stack that can be resumed, in its own order.

    Its checkpoint must exist, all its members must be in the sweep and none be running, and one at least must be in `asked`. Completed
    members are included: the checkpoint is of all members together.
    """
    by_key = {job.key: job for job in jobs}
    wanted = {job.key for job in asked}
    found: list[list[Job]] = []
    for scratch in sorted((jobs[0].folder.parent / STACKS).glob("*")):
        try:
            keys = read_json(scratch / MEMBERS)["configs"]
        except (DataError, KeyError):  # of an older version, or not written completely
            continue
        if (scratch / CHECKPOINT).is_file() and wanted & set(keys) and by_key.keys() >= set(keys):
            members = [by_key[key] for key in keys]
            if all(job.state != "running" for job in members):
                found.append(members)
                wanted -= set(keys)
    return found


def divide_stack(jobs: Sequence[Job], members: int | None, gigabytes: float | None, workers: int) -> list[list[Job]]:
    """Divide jobs that can be stacked into stacks within the limits, at least one per worker.

    Args:
        jobs: that can be stacked.
        members: most jobs per stack; None for as many as fit.
        gigabytes: most memory per stack; None for half of the free memory.
        workers: units that run at once.
    """
    if gigabytes is None:
        limit = free_bytes(jobs[0].config["trainer"]["accelerator"]) // 2
    else:
        limit = math.ceil(min(gigabytes * 1e9, sys.maxsize))
    most = min(members or len(jobs), -(-len(jobs) // workers))
    sizes = [member_bytes(job.config) for job in jobs]
    cut = pieces(sizes, max(1, limit // workers), most)
    if len(cut) > 1:
        log.info(
            "%d jobs are divided into %d stacks: they need about %.2g GB; a stack may have %.2g GB (hydra.launcher.stack_gigabytes) and "
            "%d members", len(jobs), len(cut), sum(sizes) / 1e9, limit / workers / 1e9, most,
        )  # fmt: skip
    return [[jobs[place] for place in piece] for piece in cut]


def _is_valid(job: Job) -> bool:
    """Return whether a job's settings are allowed; one whose are not fails in its own folder, as it would alone."""
    try:
        check(job.config)
    except BowsError:
        return False
    return True
