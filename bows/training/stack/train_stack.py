"""Train a stack to a complete run folder of each member."""

from __future__ import annotations

import gc
import logging
import math
import shutil
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path

import pytorch_lightning as pl
import torch

from bows.config.identity import config_key
from bows.console import four_digits
from bows.errors import BowsError, Interrupted, TrainingError
from bows.evaluation.evaluate import Evaluation
from bows.evaluation.save import log_results
from bows.figures.render_pool import Drawers, Picture
from bows.reports.run_report import write_report
from bows.runs.status import RunStatus
from bows.tracking.loggers import extra_loggers
from bows.training.callbacks.nan_guard import cause
from bows.training.checkpoint_files import BEST, CHECKPOINTS, LAST, AtomicCheckpointIO
from bows.training.job import as_expected, record_failure
from bows.training.stack.member_checkpoint import member_checkpoint
from bows.training.stack.stack_task import MemberRun, StackJob, StackTask
from bows.training.stack.threads import threads_for
from bows.training.task import conclude, fit, prepare

log = logging.getLogger(__name__)


def train_stack(jobs: Sequence[StackJob], scratch: Path) -> list[float | BaseException]:
    """Train the jobs as one stack and complete their run folders.

    Args:
        jobs: Jobs that can share a stack (`bows.sweep.grouping`).
        scratch: A folder of the stack's own, for the checkpoints from which an interrupted stack resumes; removed at the end.

    Returns:
        The held-out loss of each job, or the error that ended it; NaN for a job that was done before.
    """
    statuses = [None if job.done else RunStatus.start(job.folder, resumed=False) for job in jobs]
    for status, job in zip(statuses, jobs, strict=True):
        if status:
            status.config = config_key(job.settings.plain)
    outcomes: dict[int, float | BaseException] = {}
    # The configurations of a large sweep are millions of objects that live to its end: without this, the garbage collector searches them
    # again and again, which takes longer than training.
    gc.freeze()
    try:
        prepare(jobs[0].settings)
        with Drawers(torch.get_num_threads()) if jobs[0].settings.analysis.figures else nullcontext() as drawers:
            task = StackTask(jobs, statuses, scratch)
            resume = scratch / CHECKPOINTS / LAST
            trainer = fit(task, [task.tables], AtomicCheckpointIO(), resume if resume.exists() else None)
            task.tables.hand_out()
            with threads_for(max(m.task.autoencoder.features * m.task.autoencoder.latent for m in task.members)):
                for number, outcome in _finished(task, trainer, drawers):
                    if isinstance(outcome, Exception):
                        outcome = _fail(jobs[number], statuses[number], outcome)
                    outcomes[number] = outcome
    except BaseException as error:
        for number, (job, status) in enumerate(zip(jobs, statuses, strict=True)):
            # A completed job stays completed: Ctrl-C may come between that and its outcome.
            if number not in outcomes and status and status.state != "completed":
                outcomes[number] = _fail(job, status, error)
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


def _fail(job: StackJob, status: RunStatus | None, error: BaseException) -> BaseException:
    assert status is not None, "a job that is done cannot fail"
    if isinstance(error, KeyboardInterrupt | Interrupted):
        failure: BaseException = Interrupted(
            f"stopped with its stack; resume the sweep by starting it again: hydra.sweep.dir={job.folder.parent}"
        )
    else:
        failure = as_expected(error, job.folder)
    line = record_failure(status, failure)
    log.error("job %s: %s", job.folder.name, line, exc_info=None if isinstance(failure, BowsError) else error)
    return failure


def _evaluate(task: StackTask, number: int, trainer: pl.Trainer) -> tuple[Evaluation, dict[str, Picture]]:
    """Write a member's checkpoints, evaluate it, and write its results; return the evaluation and the figures to draw.

    Raises:
        TrainingError: Its loss was not finite.
    """
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
        with _loggers_with_history(member):  # so that they end as failed
            raise TrainingError(f"the loss is {loss} at step {step}; {suggestion}")
    autoencoder.load_state_dict(module.member_state(number))
    evaluation = member.task.evaluate_on(trainer.strategy.root_device, monitor.seconds[number])
    return evaluation, conclude(member.task, evaluation, trainer, member.table)


def _close(member: MemberRun, evaluation: Evaluation, figures: dict[str, Path], steps: int) -> float:
    """Pass a member to its loggers, and complete its folder; return its held-out loss."""
    with _loggers_with_history(member) as loggers:
        log_results(loggers, figures, evaluation, max(steps - 1, 0))
    assert member.status is not None, "a job that is done is not closed again"
    member.status.write("completed")
    write_report(member.job.folder)
    summary = member.table.summary
    loss, r2 = (summary.get(f"reconstruction/{name}", math.nan) for name in ("loss", "r2"))
    print(f"{member.job.folder}  loss {four_digits(loss)}  R² {four_digits(r2)}")
    return loss


@contextmanager
def _loggers_with_history(member: MemberRun) -> Iterator[list]:
    """Open a member's own loggers, and log all rows of its table to them."""
    job = member.job
    with extra_loggers(job.settings.logger, job.settings.plain, job.folder, job.group, job.run_name) as loggers:
        for logger in loggers:
            for step, row in member.table.rows():
                logger.log_metrics(row, step=step)
        yield loggers
