"""One stack, from checked settings to a complete run folder for each member."""

from __future__ import annotations

import gc
import json
import logging
import math
import shutil
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch

from bows.analysis.geometry import GROUPS
from bows.analysis.ordered_sets import whole_sets
from bows.config.identity import config_key
from bows.config.resolve import instantiate_plain
from bows.config.schema import TrainConfig
from bows.console import four_digits, quiet_libraries
from bows.data.datamodule import BagsDataModule
from bows.errors import BowsError, Interrupted, TrainingError
from bows.evaluation.device import check_accelerator
from bows.evaluation.evaluate import Measurement, measure
from bows.evaluation.save import log_results, write_results
from bows.figures.render_pool import Drawers, Picture
from bows.model.autoencoder import Autoencoder
from bows.model.optimizers import OptimizerSettings
from bows.model.sparse_loss import why_dense
from bows.reports.run_report import write_report
from bows.runs.status import RunStatus
from bows.runs.weights import make_autoencoder
from bows.tracking.csv_logger import MetricsTable
from bows.tracking.loggers import extra_loggers
from bows.training.callbacks.checkpoints import BEST, LAST, AtomicCheckpointIO, LastCheckpoint
from bows.training.callbacks.interrupt import InterruptGuard
from bows.training.callbacks.nan_guard import cause
from bows.training.callbacks.progress import progress_callback
from bows.training.callbacks.throughput import SpeedMonitor
from bows.training.job import as_expected
from bows.training.stack.block import Member
from bows.training.stack.history import StackTables
from bows.training.stack.layout import arrange, solos
from bows.training.stack.member_checkpoint import member_checkpoint
from bows.training.stack.monitor import StackMonitor
from bows.training.stack.single_model import Solo
from bows.training.stack.stack_data import StackData
from bows.training.stack.stack_module import StackModule
from bows.training.stack.threads import threads_for
from bows.training.trainer import make_trainer, optimizer_settings, training_steps

log = logging.getLogger(__name__)

# Seconds between two checkpoints of a stack.
PAUSE = 20.0


@dataclass
class StackJob:
    """One job of a sweep, to be a member of a stack."""

    folder: Path
    """Its run folder."""
    config: dict[str, Any]
    """Its composed configuration, plain and resolved."""
    settings: TrainConfig
    """The same, checked."""
    group: str
    run_name: str
    done: bool = False
    """Whether an earlier start of its stack completed it: it is a member, as in the stack's checkpoint, and its folder stays as it is."""


@dataclass
class _Member:
    job: StackJob
    status: RunStatus | None
    data: BagsDataModule
    dataset: int
    autoencoder: Autoencoder
    optimizer: OptimizerSettings
    sets: dict[str, list[int]]
    table: MetricsTable


def train_stack(jobs: Sequence[StackJob], scratch: Path) -> list[float | BaseException]:
    """Train the jobs as one stack and fill their run folders.

    Args:
        jobs: that may share a stack (`bows.sweep.grouping`).
        scratch: a folder of the stack's own, for the checkpoints from which an interrupted stack goes on; removed at the end.

    Returns:
        Of each job, the held-out loss, or the error that ended it.
    """
    if threads := jobs[0].settings.trainer.threads:
        torch.set_num_threads(threads)
    statuses = [None if job.done else RunStatus.start(job.folder, resumed=False) for job in jobs]
    for status, job in zip(statuses, jobs, strict=True):
        if status:
            status.config = config_key(job.config)
    outcomes: dict[int, float | BaseException] = {}
    # The configurations of a large sweep are millions of objects that live to its end: searching them for garbage again and again would
    # take longer than training.
    gc.freeze()
    try:
        with Drawers(torch.get_num_threads()) if jobs[0].settings.analysis.figures else nullcontext() as drawers:
            members, trainer, module, monitor = _train(jobs, statuses, scratch)
            with threads_for(max(member.autoencoder.features * member.autoencoder.latent for member in members)):
                for number, outcome in _finished(members, trainer, module, monitor, drawers):
                    if isinstance(outcome, Exception):
                        outcome = _fail(members[number].job, members[number].status, outcome)
                    outcomes[number] = outcome
    except BaseException as error:
        for number, (job, status) in enumerate(zip(jobs, statuses, strict=True)):
            # One that is completed stays so: a Ctrl-C may come between that and its outcome.
            if number not in outcomes and status and status.state != "completed":
                outcomes[number] = _fail(job, status, error)
        if isinstance(error, KeyboardInterrupt | Interrupted):
            raise KeyboardInterrupt from error  # ends the sweep, where an error would end this stack alone
        return [outcomes.get(number, error) for number in range(len(jobs))]
    shutil.rmtree(scratch, ignore_errors=True)
    with suppress(OSError):
        scratch.parent.rmdir()  # where no other stack of the sweep needs it
    # Of those that were done before, their folders tell it.
    return [outcomes.get(number, math.nan) for number in range(len(jobs))]


def _finished(
    members: Sequence[_Member], trainer: pl.Trainer, module: StackModule, monitor: StackMonitor, drawers: Drawers | None
) -> Iterator[tuple[int, float | Exception]]:
    """Finish the members. Yields each one's number and its held-out loss, or the error that ended it, which ends no other's.

    A member is measured here while the figures of those before it are drawn beside.
    """
    drawing: deque[tuple[int, Measurement, Future[dict[str, Path]] | None]] = deque()
    last_step = max(trainer.global_step - 1, 0)

    def closed() -> tuple[int, float | Exception]:
        number, measured, figures = drawing.popleft()
        try:
            return number, _close(members[number], measured, figures.result() if figures else {}, last_step)
        except Exception as error:  # whatever it is, it ends this member alone
            return number, error

    for number, member in enumerate(members):
        if member.job.done:
            continue
        try:
            measured, pictures = _measure(member, number, trainer, module, monitor)
            figures = drawers.draw(member.job.folder / "figures", pictures) if drawers else None
            drawing.append((number, measured, figures))
        except Exception as error:
            yield number, error
        while drawing and (drawing[0][-1] is None or drawing[0][-1].done()):
            yield closed()
    while drawing:
        yield closed()


def _fail(job: StackJob, status: RunStatus | None, error: BaseException) -> BaseException:
    assert status is not None, "a member that was done does not fail"
    if isinstance(error, KeyboardInterrupt | Interrupted):
        sweep = job.folder.parent
        said: BaseException = Interrupted(
            f"stopped with its stack; start the sweep again to go on: hydra.sweep.dir={sweep}"
        )
    else:
        said = as_expected(error, job.folder)
    line = str(said) if isinstance(said, BowsError) else f"{type(said).__name__}: {said}"
    status.write_failed(line)
    log.error("job %s: %s", job.folder.name, line, exc_info=None if isinstance(said, BowsError) else error)
    return said


def _train(
    jobs: Sequence[StackJob], statuses: Sequence[RunStatus | None], scratch: Path
) -> tuple[list[_Member], pl.Trainer, StackModule, StackMonitor]:
    quiet_libraries()
    settings = jobs[0].settings
    analysis = settings.analysis
    check_accelerator(settings.trainer.accelerator)
    datasets: dict[str, BagsDataModule] = {}
    members = []
    for job, status in zip(jobs, statuses, strict=True):
        pl.seed_everything(job.settings.seed, verbose=False)
        node = json.dumps(job.config["data"], sort_keys=True)
        if node not in datasets:
            datasets[node] = instantiate_plain(job.config["data"])
            datasets[node].setup("fit")
        data = datasets[node]
        if status:
            status.corpus = data.corpus.hash
            status.write("running")
        members.append(
            _Member(
                job,
                status,
                data,
                list(datasets).index(node),
                make_autoencoder(job.config["model"], len(data.corpus.vocabulary)),
                optimizer_settings(job.settings),
                whole_sets(analysis.sets, data.corpus.vocabulary, quiet=bool(members)),
                MetricsTable(scratch / job.folder.name if job.done else job.folder, held=True),
            )
        )
    data = members[0].data
    windows, batch = len(data.windows("train")), data.batch_size
    log.info("%s windows of %d rows, %d a batch", f"{windows:,}", data.window, batch)
    steps = training_steps(settings, data)
    tables = StackTables([member.table for member in members])
    groups = sorted(set(analysis.groups) & set(GROUPS)) if analysis.looks != 0 else []
    monitor = StackMonitor(
        tables,
        [member.autoencoder for member in members],
        [member.sets for member in members],
        [member.job.settings.seed for member in members],
        analysis.permutations,
        analysis.looks,
        groups,
    )
    checkpoints = scratch / "checkpoints"
    callbacks = [
        SpeedMonitor(),
        monitor,
        progress_callback(plain=None),
        LastCheckpoint(checkpoints, settings.trainer.checkpoint_every_steps, PAUSE),
        InterruptGuard(checkpoints),
    ]
    trainer = make_trainer(settings, scratch, [tables], callbacks, len(data.corpus.vocabulary))
    module, stack_data = _module_and_data(members, list(datasets.values()), trainer, steps)
    resume = checkpoints / LAST
    trainer.fit(
        module,
        datamodule=stack_data,
        ckpt_path=resume if resume.exists() else None,
        weights_only=True,
    )
    tables.hand_out()
    return members, trainer, module, monitor


def _module_and_data(
    members: Sequence[_Member], datasets: Sequence[BagsDataModule], trainer: pl.Trainer, steps: int
) -> tuple[StackModule, StackData]:
    places = [Member(member.autoencoder, member.dataset) for member in members]
    batch, device, precision = datasets[0].batch_size, trainer.strategy.root_device, str(trainer.precision)
    alone = solos(places, batch) if device.type == "cpu" else set()
    blocks = arrange(places, batch, alone)
    module = StackModule(blocks, places, [member.optimizer for member in members], steps=steps, solos=alone)
    data = StackData(datasets)
    densities = [each.windows("train").density() for each in datasets] if alone else []
    sparsely = {
        number
        for number in alone
        if not why_dense(places[number].autoencoder, densities[places[number].dataset], batch, device, precision, False)
    }
    for block, numbers in zip(module.blocks, module.order, strict=True):
        if isinstance(block, Solo) and numbers[0] in sparsely:
            block.train_sparsely()
    data.sparsely, data.densely = bool(sparsely), len(sparsely) < len(places)
    log.info(
        "%d models on %d datasets: %d in %d blocks of batched products, %d each by itself, of which %d by the sparsity of their bags",
        len(places),
        len(datasets),
        len(places) - len(alone),
        len(blocks) - len(alone),
        len(alone),
        len(sparsely),
    )
    return module, data


def _measure(
    member: _Member, number: int, trainer: pl.Trainer, module: StackModule, monitor: StackMonitor
) -> tuple[Measurement, dict[str, Picture]]:
    """The closing measurement of a member, and what its run leaves; the pictures are yet to be drawn.

    Raises:
        TrainingError: where its loss was no number.
    """
    job, table, settings = member.job, member.table, member.job.settings
    files = AtomicCheckpointIO()
    for name, kept in ((BEST, monitor.best), (LAST, monitor.last)):
        if number in kept:
            best = float(monitor.lowest[number])
            whole = member_checkpoint(kept[number], member.autoencoder, member.optimizer, module.steps, best)
            files.save_checkpoint(whole, job.folder / "checkpoints" / name)
    if number in module.failures:
        table.save()
        step, loss = module.failures[number]
        optimizer = trainer.optimizers[0]
        why = cause(optimizer, member.optimizer.lr, member.optimizer.weight_decay, str(trainer.precision))
        with _loggers_with_history(member):  # which end as failed
            raise TrainingError(f"the loss is {loss} at step {step}; {why}")
    member.autoencoder.load_state_dict(module.member_state(number))
    measured = measure(
        member.autoencoder,
        member.data,
        member.sets,
        settings.analysis,
        settings.seed,
        trainer.strategy.root_device,
        monitor.seconds[number],
    )
    closing = {**measured.metrics, "epoch": max(trainer.current_epoch - 1, 0)}
    table.log_metrics(closing, step=max(trainer.global_step - 1, 0))
    table.save()
    return measured, write_results(
        job.folder,
        member.autoencoder,
        member.data.corpus,
        measured,
        table.summary,
        member.sets,
        settings.analysis,
    )


def _close(member: _Member, measured: Measurement, figures: dict[str, Path], last_step: int) -> float:
    """Hand a member to the loggers, and complete its folder. Returns its held-out loss."""
    with _loggers_with_history(member) as loggers:
        log_results(loggers, figures, measured, last_step)
    assert member.status is not None, "a member that was done is not closed again"
    member.status.write("completed")
    write_report(member.job.folder)
    summary = member.table.summary
    loss, r2 = (summary.get(f"reconstruction/{name}", float("nan")) for name in ("loss", "r2"))
    print(f"{member.job.folder}  loss {four_digits(loss)}  R² {four_digits(r2)}")
    return loss


@contextmanager
def _loggers_with_history(member: _Member) -> Iterator[list]:
    """A member's own loggers, told all that its table holds."""
    job = member.job
    with extra_loggers(job.settings.logger, job.config, job.folder, job.group, job.run_name) as loggers:
        for logger in loggers:
            for step, row in member.table.rows():
                logger.log_metrics(row, step=step)
        yield loggers
