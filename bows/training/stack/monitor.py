"""Observe the training of a stack: metrics, geometry and the best state of each member."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor

from bows.analysis.geometry import geometry
from bows.analysis.reconstruction import ReconstructionSums
from bows.model.autoencoder import weights
from bows.training.autoencoder import AutoencoderTask, geometry_groups
from bows.training.callbacks.geometry import affordable_looks, due
from bows.training.callbacks.training_loss import POINTS
from bows.training.lightning_internals import last_epoch
from bows.training.stack.history import StackTables
from bows.training.stack.member_checkpoint import Moment, moments
from bows.training.stack.stack_data import StackBatch
from bows.training.stack.stack_module import StackModule
from bows.training.stack.threads import threads_for

# The shortest time in seconds between two writings of the members' tables, and the share of the training time that writing may take.
PAUSE, WRITING = 10.0, 0.02


class StackMonitor(pl.Callback):
    """Does for each member what TrainingLoss, ReconstructionMonitor, GeometryMonitor and BestCheckpoint do for a single run.

    It keeps the state of each member at its lowest held-out loss, and at the end.

    Args:
        tables: Where metrics go.
        tasks: The members, of one setting of analysis; their autoencoders hold the weights while they are evaluated.
    """

    def __init__(self, tables: StackTables, tasks: Sequence[AutoencoderTask]):
        self.tables = tables
        self.autoencoders = [task.autoencoder for task in tasks]
        self.sets = [task.sets for task in tasks]
        self.seeds = [task.settings.seed for task in tasks]
        self.permutations = tasks[0].settings.analysis.permutations
        self.linear = tasks[0].settings.analysis.linear_sets
        self.groups = geometry_groups(tasks[0].settings)
        self.seconds = [0.0] * len(tasks)
        """Seconds spent on the geometry of each member so far."""
        self.last: dict[int, Moment] = {}
        """Each member at the end of training."""
        self.best: dict[int, Moment] = {}
        """Each member at its lowest held-out loss."""
        self._looks: list[int | None] = [tasks[0].settings.analysis.looks] * len(tasks)
        self.lowest = torch.full((len(tasks),), math.inf)
        self._every = 1
        self._sums: list[ReconstructionSums] = []
        self._held_out: dict[str, Tensor] = {}
        self._next_writing = time.monotonic() + PAUSE

    def on_train_start(self, trainer: pl.Trainer, pl_module: StackModule) -> None:
        steps = pl_module.steps
        self._every = max(1, steps // POINTS)
        loader: Any = trainer.train_dataloader
        self._looks = [
            None if looks is None else affordable_looks(looks, model.features, model.latent, loader.batch_size, steps)
            for looks, model in zip(self._looks, self.autoencoders, strict=True)
        ]

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
            self._sums = [ReconstructionSums(batch.of_all.shape[-1], batch.of_all.device) for _ in self.autoencoders]
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
            living = [number for number in range(len(self.autoencoders)) if number not in pl_module.failures]
            self.last = moments(trainer, pl_module, living)
        elif self.groups:
            with threads_for(max(model.features * model.latent for model in self.autoencoders)):
                self._evaluate(trainer, pl_module, step, epoch)
        if (began := time.monotonic()) > self._next_writing:
            self.tables.write()
            ended = time.monotonic()
            self._next_writing = ended + max(PAUSE, (ended - began) / WRITING)

    def state_dict(self) -> dict[str, Any]:
        # No copies: every checkpoint and every copy of a member calls this.
        best, last = (
            {number: vars(moment) for number, moment in moments.items()} for moments in (self.best, self.last)
        )
        return {
            "events": self.tables.events,
            "lowest": self.lowest,
            "best": best,
            "last": last,
            "seconds": self.seconds,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.tables.events = [(step, values) for step, values in state_dict["events"]]
        self.lowest, self.seconds = state_dict["lowest"], state_dict["seconds"]
        self.best = {number: Moment(**moment) for number, moment in state_dict["best"].items()}
        self.last = {number: Moment(**moment) for number, moment in state_dict["last"].items()}

    def _evaluate(self, trainer: pl.Trainer, pl_module: StackModule, step: int, epoch: int) -> None:
        done, epochs = trainer.current_epoch + 1, trainer.max_epochs or 1
        found: list[dict[str, float]] = [{} for _ in self.autoencoders]
        for number, autoencoder in enumerate(self.autoencoders):
            looks = self._looks[number]
            if number in pl_module.failures or not due(done, epochs, looks):
                continue
            began = time.perf_counter()
            autoencoder.load_state_dict(pl_module.member_state(number))
            encoder, decoder = weights(autoencoder)
            found[number] = geometry(
                encoder,
                decoder,
                self.sets[number],
                self.permutations,
                self.seeds[number],
                self.groups,
                linear=self.linear,
            )
            self.seconds[number] += time.perf_counter() - began
        if any(found):
            self.tables.log_members(by_name(found, torch.float64), step, epoch)


def by_name(members: Sequence[Mapping[str, float]], dtype: torch.dtype = torch.float32) -> dict[str, Tensor]:
    """Return (members,) tensors by name, NaN where a member lacks the metric, in the order of the member with the most names."""
    names = dict.fromkeys(name for member in sorted(members, key=len, reverse=True) for name in member)
    return {name: torch.tensor([member.get(name, math.nan) for member in members], dtype=dtype) for name in names}
