"""What a worker does with a unit of a sweep: a job as it would be done alone, or a stack in the place of its first job."""

from __future__ import annotations

import hashlib
import logging
import os
import sys
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from hydra.core.hydra_config import HydraConfig
from hydra.types import TaskFunction
from omegaconf import DictConfig, open_dict, read_write

from bows.config.identity import config_key
from bows.config.overrides import quoted
from bows.sweep.begun import SCRATCH, has_checkpoint, note_members
from bows.sweep.locks import claim
from bows.sweep.plan import held_out_loss, state_of

log = logging.getLogger(__name__)

# What Lightning sets in the environment as it starts the other processes of a run.
OF_SEVERAL_PROCESSES = ("MASTER_ADDR", "MASTER_PORT", "NODE_RANK", "LOCAL_RANK", "WORLD_SIZE")


class StackedJob(NamedTuple):
    """A job of a stack. number: Hydra's. folder: its name in the sweep's. composed: its configuration; config: the same, plain and
    resolved."""

    number: int
    folder: str
    composed: DictConfig
    config: dict[str, Any]


class SweepTask:
    """A Hydra task: what to do with a job, told by its folder.

    task: of a job alone. stacks: folder of a stack's first job -> all its jobs.
    """

    def __init__(self, task: TaskFunction, stacks: dict[str, list[StackedJob]]):
        self.task = task
        self.stacks = stacks
        self.__name__ = getattr(task, "__name__", "task")

    def __call__(self, config: DictConfig) -> Any:
        """A job's loss, or, of a stack, the losses or errors of its jobs in their order.

        What another process completed since the sweep was planned is not done again; what was begun goes on.

        Raises:
            Claimed: where another process is doing the job, or one of the stack's.
        """
        first = Path(HydraConfig.get().runtime.output_dir)
        sweep = first.parent
        if not _keeps_the_books():
            # What the first process does with this job is told by its checkpoint: none is written before all are here.
            if (first / "checkpoints" / "last.ckpt").is_file():
                config.resume = str(first)
            return self.task(config)
        jobs = self.stacks.get(first.name, [])
        with claim(sweep, [job.folder for job in jobs] or [first.name]):
            if jobs:
                done = {job.folder for job in jobs if state_of(sweep / job.folder) == "completed"}
                ended: dict[str, float | BaseException] = {}
                if len(done) < len(jobs):
                    # Its checkpoint is of all its jobs together: those that are completed come along.
                    whole = has_checkpoint(scratch_of(sweep, jobs))
                    members = [job for job in jobs if whole or job.folder not in done]
                    ended = dict(
                        zip((job.folder for job in members), run_stack(sweep, members, config, done), strict=True)
                    )
                return [held_out_loss(sweep / job.folder) if job.folder in done else ended[job.folder] for job in jobs]
            state = state_of(first)
            if state == "completed":
                return held_out_loss(first)
            if state == "begun":
                config.resume = str(first)
            with _as_a_single_run(first, config.resume):
                return self.task(config)


def _keeps_the_books() -> bool:
    """Whether this process is the first, or only, one of a run's: a cluster may start the others of itself."""
    from pytorch_lightning.utilities.rank_zero import rank_zero_only

    return rank_zero_only.rank == 0


@contextmanager
def _as_a_single_run(folder: Path, resume: str | None) -> Iterator[None]:
    """For the time of a job, this process's command line is the job's own, and what Lightning leaves of several processes is cleared.

    Lightning starts the other processes of a run (trainer=ddp) by the command line of the first; that of the sweep would be a sweep again.
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


def scratch_of(sweep: Path, jobs: Sequence[StackedJob]) -> Path:
    """The folder of a stack's own checkpoints."""
    keys = sorted(config_key(job.config) for job in jobs)
    return sweep / SCRATCH / hashlib.sha256("".join(keys).encode()).hexdigest()[:12]


def run_stack(
    sweep: Path, jobs: Sequence[StackedJob], leader: DictConfig, done: Collection[str] = ()
) -> list[float | BaseException]:
    """Train the jobs as one stack. The folder that Hydra made is there, and its log; the others are given theirs here.

    leader: the configuration of the unit, which says how many threads it may use. done: folders of jobs that are completed.
    """
    from bows.config.validate import check
    from bows.sweep.hydra_files import write_settings
    from bows.training.stack.train_stack import StackJob, train_stack

    hydra = HydraConfig.get()
    hydras_own = Path(hydra.runtime.output_dir).name
    scratch = scratch_of(sweep, jobs)
    note_members(scratch, [job.folder for job in jobs], [config_key(job.config) for job in jobs])
    made = []
    for job in jobs:
        folder, composed, config = sweep / job.folder, job.composed, job.config
        if job.folder != hydras_own and job.folder not in done:
            write_settings(folder, composed, job.number)
        if leader.trainer.threads:
            config = {**config, "trainer": {**config["trainer"], "threads": leader.trainer.threads}}
        settings = check(config)
        name = f"{settings.name} {composed.hydra.job.override_dirname}".strip()
        made.append(StackJob(folder, config, settings, sweep.name, name, done=job.folder in done))
    logs = [job.folder / f"{hydra.job.name}.log" for job in made if job.folder.name != hydras_own and not job.done]
    with _logging_to(logs):
        return train_stack(made, scratch)


@contextmanager
def _logging_to(files: Sequence[Path]) -> Iterator[None]:
    """What is logged goes to these files too, in the form of the first job's own log file."""
    root = logging.getLogger()
    form = next((handler.formatter for handler in root.handlers if isinstance(handler, logging.FileHandler)), None)
    handlers = [logging.FileHandler(file, encoding="utf-8") for file in files]
    for handler in handlers:
        handler.setFormatter(form)
        root.addHandler(handler)
    try:
        yield
    finally:
        for handler in handlers:
            root.removeHandler(handler)
            handler.close()
