"""Observe the training of a stack: metrics and geometry in a table per member, and the states from which each gets its checkpoints."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Mapping, Sequence
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.loggers.logger import Logger
from torch import Tensor

from bows.analysis.reconstruction import ReconstructionSums
from bows.model.autoencoder import Autoencoder
from bows.model.optimizers import OptimizerSettings, make_optimizer, make_schedule
from bows.tracking.csv_logger import MetricsTable
from bows.training.autoencoder import AutoencoderTask
from bows.training.callbacks.losses import POINTS
from bows.training.lightning_internals import checkpoint_content, last_epoch
from bows.training.stack.stack_data import StackBatch
from bows.training.stack.stack_module import StackModule
from bows.training.threads import EVALUATION_WORK, suited_threads, threads

# The shortest time in seconds between two writings of the members' tables, and the share of the training time that writing may take.
PAUSE, WRITING = 10.0, 0.02
# Parts of a stack's checkpoint that belong to all members together.
OF_THE_STACK = {"state_dict", "optimizer_states", "lr_schedulers", "callbacks", "StackData", "failures"}

# The state of a member at a moment: `weights` under the names of its own class, the optimizer's state of each weight (`moments`), the state
# of the learning-rate `schedule`, and Lightning's counts of epochs, steps and batches (`progress`).
Moment = dict[str, Any]


class StackTables(Logger):
    """A Lightning logger that gives each member of a stack the table of a run alone.

    `log_metrics` logs for all members, `log_members` a value for each. The rows of a member end where it `ended`.

    Args:
        tables: One per member.
        loggers: The other loggers of each member, which get the same rows.
    """

    def __init__(self, tables: Sequence[MetricsTable], loggers: Sequence[Sequence[Logger]] | None = None) -> None:
        super().__init__()
        self.tables = list(tables)
        self.loggers = loggers or [[] for _ in tables]
        self.ended: dict[int, int] = {}
        """The first step without a row, of members that failed."""
        self.events: list[tuple[int, dict[str, Any]]] = []
        """Steps, and what was logged at them: numbers, or (members,) tensors with NaN for members without the metric."""
        self._written = 0

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        assert step is not None
        self.events.append((step, {name: float(value) for name, value in metrics.items()}))

    def log_members(self, metrics: Mapping[str, Tensor], step: int, epoch: int) -> None:
        """Log a value per member, (members,) by name; NaN where a member has none."""
        self.events.append((step, {**metrics, "epoch": epoch}))

    def write(self) -> None:
        """Write each member's metrics.csv."""
        self.hand_out()
        for table in self.tables:
            table.save()

    def hand_out(self) -> None:
        """Pass to each member's table and loggers what was logged here since the last call, without writing metrics.csv."""
        fresh = [
            (step, {name: value.tolist() if isinstance(value, Tensor) else value for name, value in values.items()})
            for step, values in self.events[self._written :]
        ]
        self._written = len(self.events)
        for member, table in enumerate(self.tables):
            end = self.ended.get(member, math.inf)
            for step, values in fresh:
                if step < end:
                    own = {name: value[member] if isinstance(value, list) else value for name, value in values.items()}
                    own = {name: value for name, value in own.items() if not math.isnan(value)}
                    for logger in (table, *self.loggers[member]):
                        logger.log_metrics(own, step)

    def log_hyperparams(self, params: Any, *args: Any, **kwargs: Any) -> None:
        """Do nothing: each run folder contains its configuration."""

    @property
    def name(self) -> str:
        return "stack"

    @property
    def version(self) -> str:
        return ""


class StackMonitor(pl.Callback):
    """Does for each member what TrainingLoss, ReconstructionMonitor, GeometryMonitor and BestCheckpoint do for a single run.

    It keeps the state of each member at its lowest held-out loss (`best`), and at the end of training (`last`).

    Args:
        tables: Where metrics go.
        tasks: The members, of one setting of analysis; their autoencoders hold the weights while they are evaluated.
    """

    def __init__(self, tables: StackTables, tasks: Sequence[AutoencoderTask]):
        self.tables = tables
        self.tasks = tasks
        self.last: dict[int, Moment] = {}
        self.best: dict[int, Moment] = {}
        self.lowest = torch.full((len(tasks),), math.inf)
        self._every = 1
        self._sums: list[ReconstructionSums] = []
        self._held_out: dict[str, Tensor] = {}
        self._next_writing = time.monotonic() + PAUSE

    def on_train_start(self, trainer: pl.Trainer, pl_module: StackModule) -> None:
        self._every = max(1, pl_module.steps // POINTS)
        loader: Any = trainer.train_dataloader
        for task in self.tasks:
            task.geometry.limit(task.autoencoder, loader.batch_size, pl_module.steps)

    def on_train_batch_end(self, trainer, pl_module: StackModule, outputs: Any, batch: Any, batch_idx: int) -> None:
        step = trainer.global_step - 1
        self.tables.ended = {number: at for number, (at, _) in pl_module.failures.items()}
        if step % self._every == 0:
            self.tables.log_members({"train/loss": outputs["losses"]}, step, trainer.current_epoch)

    def on_validation_epoch_start(self, trainer: pl.Trainer, pl_module: StackModule) -> None:
        self._sums = []

    def on_validation_batch_end(
        self, trainer, pl_module: StackModule, outputs: Any, batch: StackBatch, batch_idx, *args
    ) -> None:
        if not self._sums:
            self._sums = [ReconstructionSums(batch.of_all.shape[-1], batch.of_all.device) for _ in self.tasks]
        for numbers, (bags, reconstruction) in zip(pl_module.order, outputs, strict=True):
            for place, number in enumerate(numbers):
                self._sums[number].update(bags if bags.ndim == 2 else bags[place], reconstruction[place])

    def on_validation_epoch_end(self, trainer: pl.Trainer, pl_module: StackModule) -> None:
        # In float32, as Lightning keeps what a single model logs.
        self._held_out = by_name([sums.metrics() for sums in self._sums])

    def on_validation_end(self, trainer: pl.Trainer, pl_module: StackModule) -> None:
        if trainer.sanity_checking:
            return
        self.tables.log_members(self._held_out, trainer.global_step - 1, last_epoch(trainer))
        losses = self._held_out["reconstruction/loss"]
        lower = losses < self.lowest  # false for NaN
        lower[list(pl_module.failures)] = False
        if lower.any():
            self.lowest = torch.where(lower, losses, self.lowest)
            self.best |= moments(trainer, pl_module, lower.nonzero().flatten().tolist())

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: StackModule) -> None:
        step, epoch = trainer.global_step - 1, last_epoch(trainer)
        if trainer.current_epoch + 1 == trainer.max_epochs:
            living = [number for number in range(len(self.tasks)) if number not in pl_module.failures]
            self.last = moments(trainer, pl_module, living)
        elif self.tasks[0].geometry.groups:
            found: list[dict[str, float]] = [{} for _ in self.tasks]
            with threads(evaluation_threads(self.tasks)):
                for number, task in enumerate(self.tasks):
                    if number not in pl_module.failures and task.geometry.is_due(trainer):
                        task.autoencoder.load_state_dict(pl_module.member_state(number))
                        found[number] = task.geometry.evaluate(task.autoencoder)
            if any(found):
                self.tables.log_members(by_name(found, torch.float64), step, epoch)
        if (began := time.monotonic()) > self._next_writing:
            self.tables.write()
            ended = time.monotonic()
            self._next_writing = ended + max(PAUSE, (ended - began) / WRITING)

    def state_dict(self) -> dict[str, Any]:
        # No copies: every checkpoint and every copy of a member calls this.
        seconds = [task.geometry.seconds for task in self.tasks]
        own = {"lowest": self.lowest, "best": self.best, "last": self.last}
        return {"events": self.tables.events, "seconds": seconds, **own}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.tables.events = [(step, values) for step, values in state_dict["events"]]
        self.lowest, self.best, self.last = (state_dict[name] for name in ("lowest", "best", "last"))
        for task, seconds in zip(self.tasks, state_dict["seconds"], strict=True):
            task.geometry.seconds = seconds


def by_name(members: Sequence[Mapping[str, float]], dtype: torch.dtype = torch.float32) -> dict[str, Tensor]:
    """Return (members,) tensors by name, NaN where a member lacks the metric, in the order of the member with the most names."""
    names = dict.fromkeys(name for member in sorted(members, key=len, reverse=True) for name in member)
    return {name: torch.tensor([member.get(name, math.nan) for member in members], dtype=dtype) for name in names}


def moments(trainer: pl.Trainer, module: StackModule, members: list[int]) -> dict[int, Moment]:
    """Return copies of some members as they are now."""
    whole = checkpoint_content(trainer)
    progress = {key: value for key, value in whole.items() if key not in OF_THE_STACK}
    return {
        number: {
            "weights": {name: value.clone().cpu() for name, value in module.member_state(number).items()},
            "moments": {
                name: {key: value.clone().cpu() for key, value in state.items()}
                for name, state in module.member_moments(number).items()
            },
            "schedule": whole["lr_schedulers"][0],
            "progress": progress,
        }
        for number in members
    }


def member_checkpoint(
    moment: Moment, autoencoder: Autoencoder, settings: OptimizerSettings, steps: int, best: float | None
) -> dict[str, Any]:
    """Return the checkpoint that the member, trained alone, would have saved at a moment, and from which its own run can resume.

    Args:
        moment: The state of the member.
        autoencoder: A model of the member's class and size; it gets the weights of the moment.
        settings: The optimizer's settings.
        steps: Optimizer steps of the whole training.
        best: The lowest held-out loss so far.
    """
    autoencoder.load_state_dict(moment["weights"])
    optimizer = make_optimizer(autoencoder.parameters(), settings)
    schedule = make_schedule(optimizer, settings, steps)
    for name, parameter in autoencoder.named_parameters():
        optimizer.state[parameter] = moment["moments"][name]
    at = moment["schedule"]["last_epoch"]
    rates = [base * factor(at) for base, factor in zip(schedule.base_lrs, schedule.lr_lambdas, strict=True)]
    for group, rate in zip(optimizer.param_groups, rates, strict=True):
        group["lr"] = rate
    own = {**moment["schedule"], "base_lrs": schedule.base_lrs, "_last_lr": rates, "lr_lambdas": [None] * len(rates)}
    return {
        **copy.deepcopy(moment["progress"]),
        "state_dict": {f"autoencoder.{name}": value for name, value in moment["weights"].items()},
        "callbacks": {"BestCheckpoint": {"best": best}},
        "optimizer_states": [optimizer.state_dict()],
        "lr_schedulers": [own],
    }


def evaluation_threads(tasks: Sequence[AutoencoderTask]) -> int:
    """Return the number of threads that evaluate the members: that of a run alone, for the one with the largest products."""
    asked = tasks[0].settings.trainer.threads
    return suited_threads(asked, max(task.evaluation_work for task in tasks), EVALUATION_WORK)
