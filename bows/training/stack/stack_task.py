"""The task of a stack: opens the data and the model of every member, and arranges them in blocks."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytorch_lightning as pl

from bows.config.schema import TrainConfig
from bows.data.datamodule import BagsDataModule
from bows.model.sparse_loss import product_type, why_dense
from bows.runs.status import RunStatus
from bows.tracking.csv_logger import MetricsTable
from bows.training.autoencoder import AutoencoderTask, open_bags
from bows.training.callbacks.checkpoints import LastCheckpoint
from bows.training.stack.block import Member
from bows.training.stack.history import StackTables
from bows.training.stack.layout import arrange, solos
from bows.training.stack.monitor import StackMonitor
from bows.training.stack.single_model import Solo
from bows.training.stack.stack_data import StackData
from bows.training.stack.stack_module import StackModule
from bows.training.task import Task
from bows.training.trainer import training_steps

log = logging.getLogger(__name__)

# Seconds between two checkpoints of a stack.
PAUSE = 20.0


@dataclass
class StackJob:
    """One job of a sweep, to be a member of a stack."""

    folder: Path
    """Its run folder."""
    settings: TrainConfig
    group: str
    run_name: str
    done: bool = False
    """Whether an earlier start of its stack completed it: it is a member, as in the stack's checkpoint, and its folder stays unchanged."""


@dataclass
class MemberRun:
    """A member with all that belongs to its run folder."""

    job: StackJob
    status: RunStatus | None
    """None for a job that is done."""
    task: AutoencoderTask
    dataset: int
    """Which of the stack's datasets it reads."""
    table: MetricsTable


class StackTask(Task[StackData]):
    """Trains the members of a stack. Creating one opens their data and creates their models.

    Args:
        jobs: The jobs.
        statuses: Their statuses; None for those that are done.
        scratch: The stack's own folder, for its checkpoints.
    """

    def __init__(self, jobs: Sequence[StackJob], statuses: Sequence[RunStatus | None], scratch: Path):
        super().__init__(jobs[0].settings, scratch)
        self._datasets: dict[str, BagsDataModule] = {}
        self.members: list[MemberRun] = []
        for job, status in zip(jobs, statuses, strict=True):
            self.members.append(self._open(job, status))
        data = self.members[0].task.data
        windows = f"{len(data.windows('train')):,}"
        log.info("%s windows of %d rows, %d per batch", windows, data.window, data.batch_size)
        self.words = self.members[0].task.words
        self.tables = StackTables([member.table for member in self.members])
        self.monitor = StackMonitor(self.tables, [member.task for member in self.members])
        self.data = StackData(list(self._datasets.values()))
        self.stack: StackModule

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
                block.train_sparsely(product_type(model, batch, self.settings.trainer.precision))
                sparse += 1
        self.data.sparsely, self.data.densely = sparse > 0, sparse < len(members)
        log.info(
            "%d models on %d datasets: %d in %d blocks of batched products, %d trained separately, %d of these by the sparsity of the bags",
            len(members), len(datasets), len(members) - len(alone), len(blocks) - len(alone), len(alone), sparse,
        )  # fmt: skip
        return self.stack

    def _open(self, job: StackJob, status: RunStatus | None) -> MemberRun:
        # Seeded as a run alone: the same data and the same initial weights.
        pl.seed_everything(job.settings.seed, verbose=False)
        node = json.dumps(job.settings.data, sort_keys=True)
        if node not in self._datasets:
            self._datasets[node] = open_bags(job.settings)
        task = AutoencoderTask(job.settings, job.folder, self._datasets[node])
        if status:
            status.corpus, status.stored_corpus = task.data_hash, task.stored_hash
            status.write("running")
        task.build(quiet=bool(self.members))
        table = MetricsTable(self.folder / job.folder.name if job.done else job.folder, held=True)
        return MemberRun(job, status, task, list(self._datasets).index(node), table)
