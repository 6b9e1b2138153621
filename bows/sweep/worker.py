"""Run one unit of a sweep in a worker: a job as it would run alone, or a stack in the folder of its first unfinished job."""

import logging
import os
import resource
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.types import TaskFunction
from omegaconf import DictConfig, open_dict, read_write

from bows.config.hydra_internals import write_settings
from bows.config.overrides import quoted
from bows.config.validate import check
from bows.console import OwnRecords
from bows.runs.lock import lock_runs
from bows.sweep.plan import Job, held_out_loss, progress
from bows.sweep.units import CHECKPOINT, note_members, scratch_of

log = logging.getLogger(__name__)

# Environment variables that Lightning sets as it starts the other processes of a run.
OF_SEVERAL_PROCESSES = ("MASTER_ADDR", "MASTER_PORT", "NODE_RANK", "LOCAL_RANK", "WORLD_SIZE")


class SweepTask:
    """A Hydra task that runs the unit to which the output folder belongs: a single job by `task`, or a stack.

    `stacks`: name of a unit's folder -> the members of its stack.
    """

    def __init__(self, task: TaskFunction, stacks: Mapping[str, list[Job]]):
        self.task = task
        self.stacks = stacks
        self.__name__ = getattr(task, "__name__", "task")

    def __call__(self, config: DictConfig) -> Any:
        """Return a job's held-out loss; of a stack, the loss or the error of each member in their order.

        A job that another process completed meanwhile is skipped, an interrupted one resumed.

        Raises:
            RunInUse: another process runs the job, or a member of the stack.
        """
        folder = Path(HydraConfig.get().runtime.output_dir)
        if not _is_first_process():
            # Whether the first process resumes this job follows from the checkpoint: none is written before all processes are here.
            if (folder / CHECKPOINT).is_file():
                config.resume = str(folder)
            return self.task(config)
        if jobs := self.stacks.get(folder.name):
            _allow_open_files(8 * len(jobs))  # of each member the lock, the log, a table, and W&B's files and sockets
            with lock_runs([job.folder for job in jobs]):
                return _run_unfinished(jobs)
        with lock_runs([folder]):
            state = progress(folder)
            if state == "completed":
                return held_out_loss(folder)
            if state == "interrupted":
                config.resume = str(folder)
            with _as_single_run(folder, config.resume):
                return self.task(config)


def _is_first_process() -> bool:
    """Return whether this is the first, or only, process of a run: a cluster may start the others by itself."""
    from pytorch_lightning.utilities.rank_zero import rank_zero_only

    return rank_zero_only.rank == 0


def _allow_open_files(count: int) -> None:
    """Raise the limit of open files by `count`, as far as this process may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = soft + count if hard == resource.RLIM_INFINITY else min(soft + count, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))


@contextmanager
def _as_single_run(folder: Path, resume: str | None) -> Iterator[None]:
    """Set the command line of this process to the job's own, and remove what Lightning leaves of several processes afterwards.

    Lightning starts the other processes of a run (trainer=ddp) by the command line of the first; that of the sweep would start a sweep.
    """
    import torch.distributed

    hydra: Any = HydraConfig.get()
    words, before = sys.argv, {name: os.environ.get(name) for name in OF_SEVERAL_PROCESSES}
    own = [f"resume={quoted(Path(resume))}"] if resume else []
    sys.argv = [words[0], *(str(word) for word in hydra.overrides.task), *own]
    with read_write(hydra), open_dict(hydra):
        hydra.run.dir = str(folder)
    try:
        yield
    finally:
        sys.argv = words
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            torch.distributed.destroy_process_group()
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _run_unfinished(jobs: Sequence[Job]) -> list[float | BaseException]:
    """Run a stack, without the members that are completed, unless its checkpoint, which is of all members together, includes them."""
    done = {job.key for job in jobs if progress(job.folder) == "completed"}
    outcomes: dict[str, float | BaseException] = {}
    if len(done) < len(jobs):
        resumed = (scratch_of(jobs) / CHECKPOINT).is_file()
        members = [job for job in jobs if resumed or job.key not in done]
        outcomes = dict(zip((job.key for job in members), run_stack(members, done), strict=True))
    return [held_out_loss(job.folder) if job.key in done else outcomes[job.key] for job in jobs]


def run_stack(jobs: Sequence[Job], done: Collection[str] = ()) -> list[float | BaseException]:
    """Train jobs as one stack. Hydra made one of their folders, and its log; the others are made here.

    `done`: keys of members that are completed.
    """
    from bows.training.run import labels_of
    from bows.training.stack.train_stack import StackJob, train_stack

    hydra = HydraConfig.get()
    hydras_own = Path(hydra.runtime.output_dir).name
    made, logs = [], []
    for job in jobs:
        completed = job.key in done
        if job.folder.name != hydras_own and not completed:
            write_settings(job.folder, job.composed, job.number)
            logs.append(job.folder / f"{hydra.job.name}.log")
        settings = check(job.config)
        made.append(StackJob(job.folder, settings, labels_of(settings, job.composed.hydra), done=completed))
    with _logging_to(logs, Path(hydra.runtime.output_dir)):
        return train_stack(made, note_members(jobs))


@contextmanager
def _logging_to(files: Sequence[Path], first: Path) -> Iterator[None]:
    """Write log records to these files too, in the format of the log of the first member; each log gets its own records only."""
    root = logging.getLogger()
    firsts = [handler for handler in root.handlers if isinstance(handler, logging.FileHandler)]
    own = OwnRecords(first)
    handlers = [logging.FileHandler(file, encoding="utf-8") for file in files]
    for handler, file in zip(handlers, files, strict=True):
        handler.setFormatter(next((each.formatter for each in firsts), None))
        handler.addFilter(OwnRecords(file.parent))
        root.addHandler(handler)
    for handler in firsts:
        handler.addFilter(own)
    try:
        yield
    finally:
        for handler in firsts:
            handler.removeFilter(own)
        for handler in handlers:
            root.removeHandler(handler)
            handler.close()
