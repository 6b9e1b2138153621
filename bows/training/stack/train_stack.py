"""Train a stack to a complete run folder of each member: its task, and what follows training."""

from __future__ import annotations

import gc
import json
import logging
import math
import shutil
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import nullcontext, suppress
from pathlib import Path

import pytorch_lightning as pl
import torch

from bows.config.identity import config_key
from bows.console import print_line
from bows.data.datamodule import BagsDataModule
from bows.errors import BowsError, Interrupted, TrainingError
from bows.evaluation.evaluate import Evaluation
from bows.evaluation.save import log_results
from bows.figures.render_pool import Drawers, Picture
from bows.model.sparse_loss import product_type, why_dense
from bows.runs.status import RunStatus
from bows.tracking.csv_logger import MetricsTable, logged_before
from bows.training.autoencoder import AutoencoderTask, open_bags
from bows.training.callbacks.checkpoints import LastCheckpoint
from bows.training.callbacks.nan_guard import cause
from bows.training.checkpoint_files import BEST, CHECKPOINTS, LAST, AtomicCheckpointIO
from bows.training.closing import one_line
from bows.training.run import as_expected, complete, record_failure
from bows.training.stack.block import Member, Solo, arrange, solos
from bows.training.stack.members import MemberRun, StackJob, start_loggers
from bows.training.stack.monitor import StackMonitor, StackTables, evaluation_threads, member_checkpoint
from bows.training.stack.stack_data import StackData
from bows.training.stack.stack_module import StackModule
from bows.training.task import Task, conclude, make_trainer, prepare, training_steps
from bows.training.threads import log_threads, suited_threads, threads
from bows.training.verdict import held_out_losses, verdicts

log = logging.getLogger(__name__)

# Seconds between two checkpoints of a stack.
PAUSE = 20.0


class StackTask(Task[StackData]):
    """Trains the members of a stack. Creating one opens their data and creates their models; `scratch` gets the stack's own checkpoints."""

    def __init__(self, jobs: Sequence[StackJob], scratch: Path):
        super().__init__(jobs[0].settings, scratch)
        self._datasets: dict[str, BagsDataModule] = {}
        self.members: list[MemberRun] = []
        for job in jobs:
            self.members.append(self._open(job))
        self.words = self.members[0].task.words
        self.tables = StackTables(
            [member.table for member in self.members], [member.loggers for member in self.members]
        )
        self.monitor = StackMonitor(self.tables, [member.task for member in self.members])
        self.data = StackData(list(self._datasets.values()))
        self.stack: StackModule

    @property
    def work(self) -> float:
        return sum(member.task.work for member in self.members)

    def monitors(self) -> list[pl.Callback]:
        return [self.monitor]

    def checkpoints(self, folder: Path) -> list[pl.Callback]:
        return [LastCheckpoint(folder, self.settings.trainer.checkpoint_every_steps, PAUSE)]

    def module(self, trainer: pl.Trainer) -> StackModule:
        datasets = self.data.datasets
        members = [Member(member.task.autoencoder, member.dataset) for member in self.members]
        optimizers = [member.job.settings.optimizer for member in self.members]
        batch, device, precision = datasets[0].batch_size, trainer.strategy.root_device, str(trainer.precision)
        alone = solos(members, batch) if device.type == "cpu" else set()
        blocks = arrange(members, batch, alone)
        steps = training_steps(self.settings, datasets[0])
        self.stack = StackModule(blocks, members, optimizers, steps=steps, solos=alone)
        densities = [each.windows("train").density() for each in datasets] if alone else []
        sparse = 0
        for block, numbers in zip(self.stack.blocks, self.stack.order, strict=True):
            model, dataset = members[numbers[0]]
            if isinstance(block, Solo) and not why_dense(model, densities[dataset], batch, device, precision, False):
                block.products = product_type(model, batch, self.settings.trainer.precision)
                sparse += 1
        self.data.sparsely, self.data.densely = sparse > 0, sparse < len(members)
        log.info(
            "%d models on %d datasets: %d in %d blocks of batched products, %d trained separately, %d of these by the sparsity of the bags",
            len(members), len(datasets), len(members) - len(alone), len(blocks) - len(alone), len(alone), sparse,
        )  # fmt: skip
        return self.stack

    def _open(self, job: StackJob) -> MemberRun:
        # Seeded as a run alone: the same data and the same initial weights.
        pl.seed_everything(job.settings.seed, verbose=False)
        node = json.dumps(job.settings.data, sort_keys=True)
        if node not in self._datasets:
            self._datasets[node] = open_bags(job.settings, quiet=bool(self._datasets))
        task = AutoencoderTask(job.settings, job.folder, self._datasets[node])
        if job.status:
            job.status.corpus, job.status.stored_corpus = task.data_hash, task.stored_hash
            job.status.write("running")
        task.build(quiet=bool(self.members))
        table = MetricsTable(self.folder / job.folder.name if job.done else job.folder, held=True)
        if not job.done and (self.folder / CHECKPOINTS / LAST).exists():
            table.dropped = logged_before(job.folder)  # the stack is resumed: so are the W&B runs of its members
        return MemberRun(job, task, list(self._datasets).index(node), table)


def train_stack(jobs: Sequence[StackJob], scratch: Path) -> list[float | BaseException]:
    """Train the jobs as one stack and complete their run folders.

    Args:
        jobs: Jobs that can share a stack (`bows.sweep.units`).
        scratch: A folder of the stack's own, for the checkpoints from which an interrupted stack resumes; removed at the end.

    Returns:
        The held-out loss of each job, or the error that ended it; NaN for a job that was done before.
    """
    for job in jobs:
        if not job.done:
            job.status = RunStatus.start(job.folder, resumed=False)
            job.status.config = config_key(job.settings.plain)
    outcomes: dict[int, float | BaseException] = {}
    members: list[MemberRun] = []
    # The configurations of a large sweep are millions of objects that live to its end: without this, the garbage collector searches them
    # again and again, which takes longer than training.
    gc.freeze()
    try:
        prepare(jobs[0].settings)
        asked = jobs[0].settings.trainer.threads
        cores = asked or torch.get_num_threads()
        with Drawers(cores) if jobs[0].settings.analysis.figures else nullcontext() as drawers:
            task = StackTask(jobs, scratch)
            resume = scratch / CHECKPOINTS / LAST
            trainer = make_trainer(task, [task.tables], AtomicCheckpointIO())
            number = suited_threads(asked, task.work)
            log_threads(number, asked, task.work)
            members = task.members
            start_loggers(members)
            with threads(number):
                task.fit(trainer, resume if resume.exists() else None)
            task.tables.hand_out()
            with threads(evaluation_threads(task.monitor.tasks)):
                for number, outcome in _finished(task, trainer, drawers):
                    if isinstance(outcome, Exception):
                        members[number].end_loggers(outcome)
                        outcome = _fail(jobs[number], outcome)
                    outcomes[number] = outcome
    except BaseException as error:
        for member in members:
            member.end_loggers(error)
        for number, job in enumerate(jobs):
            # A completed job stays completed: Ctrl-C may come between that and its outcome.
            if number not in outcomes and job.status and job.status.state != "completed":
                outcomes[number] = _fail(job, error)
        if isinstance(error, KeyboardInterrupt | Interrupted):
            raise KeyboardInterrupt from error  # ends the sweep; an error ends this stack alone
        return [outcomes.get(number, error) for number in range(len(jobs))]
    shutil.rmtree(scratch, ignore_errors=True)
    with suppress(OSError):
        scratch.parent.rmdir()  # if no other stack of the sweep needs it
    return [outcomes.get(number, math.nan) for number in range(len(jobs))]


def _finished(task: StackTask, trainer: pl.Trainer, drawers: Drawers | None) -> Iterator[tuple[int, float | Exception]]:
    """Finish the members; yield the number of each and its held-out loss, or the error that ended it alone.

    A member is evaluated while other processes draw the figures of those before it.
    """
    drawing: deque[tuple[int, Evaluation, Future[dict[str, Path]] | None]] = deque()

    def closed() -> tuple[int, float | Exception]:
        number, evaluation, figures = drawing.popleft()
        try:
            return number, _close(
                task.members[number], evaluation, figures.result() if figures else {}, trainer.global_step
            )
        except Exception as error:  # of any kind: it ends this member alone
            return number, error

    for number, member in enumerate(task.members):
        if member.job.done:
            continue
        try:
            evaluation, pictures = _evaluate(task, number, trainer)
            figures = drawers.draw(member.job.folder / "figures", pictures) if drawers else None
            drawing.append((number, evaluation, figures))
        except Exception as error:
            yield number, error
        while drawing and (drawing[0][-1] is None or drawing[0][-1].done()):
            yield closed()
    while drawing:
        yield closed()


def _fail(job: StackJob, error: BaseException) -> BaseException:
    assert job.status is not None, "a job that is done cannot fail"
    if isinstance(error, KeyboardInterrupt | Interrupted):
        failure: BaseException = Interrupted(
            f"stopped with its stack; resume the sweep by starting it again: hydra.sweep.dir={job.folder.parent}"
        )
    else:
        failure = as_expected(error, job.folder)
    line = record_failure(job.status, failure)
    log.error("job %s: %s", job.folder.name, line, exc_info=None if isinstance(failure, BowsError) else error)
    return failure


def _evaluate(task: StackTask, number: int, trainer: pl.Trainer) -> tuple[Evaluation, dict[str, Picture]]:
    """Write a member's checkpoints, evaluate it, and write its results; TrainingError where its loss was not finite."""
    member, module, monitor = task.members[number], task.stack, task.monitor
    optimizer, autoencoder = member.job.settings.optimizer, member.task.autoencoder
    files = AtomicCheckpointIO()
    for name, kept in ((BEST, monitor.best), (LAST, monitor.last)):
        if number in kept:
            best = float(monitor.lowest[number])
            content = member_checkpoint(kept[number], autoencoder, optimizer, module.steps, best)
            files.save_checkpoint(content, member.job.folder / CHECKPOINTS / name)
    if number in module.failures:
        member.table.save()
        step, loss = module.failures[number]
        suggestion = cause(trainer.optimizers[0], optimizer.lr, optimizer.weight_decay, str(trainer.precision))
        raise TrainingError(f"the loss is {loss} at step {step}; {suggestion}")
    best = member.job.settings.trainer.weights == "best"
    autoencoder.load_state_dict(
        monitor.best[number]["weights"] if best and number in monitor.best else module.member_state(number)
    )
    losses = held_out_losses(member.table.rows())
    evaluation = member.task.evaluate_on(trainer.strategy.root_device)
    pictures = conclude(member.task, evaluation, trainer, member.table, member.loggers)
    member.warnings = verdicts(member.table.summary, losses, best)
    return evaluation, pictures


def _close(member: MemberRun, evaluation: Evaluation, figures: dict[str, Path], steps: int) -> float:
    """Pass a member to its loggers, and complete its folder; return its held-out loss."""
    log_results(member.loggers, figures, evaluation, max(steps - 1, 0))
    assert member.job.status is not None, "a job that is done is not closed again"
    for warning in member.warnings:
        log.warning("job %s: %s", member.job.folder.name, warning)
    complete(member.job.status, member.loggers, member.warnings)
    member.end_loggers(None)
    print_line(one_line(member.job.folder, member.job.labels.varied))
    return member.table.summary.get("reconstruction/loss", math.nan)
