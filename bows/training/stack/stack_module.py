"""The LightningModule of a stack: one step trains every member, each with its own rate, decay and clipping."""

import math
from collections.abc import Collection, Sequence
from itertools import groupby
from typing import Any

import torch
from pytorch_lightning import LightningModule
from torch import Tensor, nn

from bows.model.optimizers import OptimizerSettings, make_schedule, optimizer_over, parameter_groups
from bows.model.sparse_loss import MemoryOrder
from bows.training.stack.block import Block, Member, Solo, unpadded
from bows.training.stack.stack_data import StackBatch


class StackModule(LightningModule):
    """Trains each member on the bags of its dataset. A member whose loss is not finite fails alone.

    Args:
        blocks: Numbers of the members of each block.
        members: The models.
        optimizers: Their settings, which may differ in lr, weight_decay and clip_norm.
        steps: Optimizer steps of the whole training.
        solos: Members whose block is a Solo.
    """

    def __init__(
        self,
        blocks: Sequence[Sequence[int]],
        members: Sequence[Member],
        optimizers: Sequence[OptimizerSettings],
        *,
        steps: int,
        solos: Collection[int] = (),
    ):
        super().__init__()
        self.optimizer_settings = list(optimizers)
        self.steps = steps
        self.order = [sorted(numbers, key=lambda number: (self._rates(number), number)) for numbers in blocks]
        """The numbers of the members of each block; those with the same rate and decay are neighbours."""
        self.blocks: Any = nn.ModuleList(
            [
                Solo(members[numbers[0]]) if numbers[0] in solos else Block([members[number] for number in numbers])
                for numbers in self.order
            ]
        )
        self.place = {number: (block, at) for block, order in enumerate(self.order) for at, number in enumerate(order)}
        """The block of each member, and its place there."""
        self.failures: dict[int, tuple[int, float]] = {}
        """The step and the loss of members whose loss was not finite."""
        self._numbers = torch.tensor([number for numbers in self.order for number in numbers])
        norms = [settings.clip_norm or math.inf for settings in optimizers]
        self._limits = [
            torch.tensor([norms[number] for number in numbers], dtype=torch.float64)
            if any(math.isfinite(norms[number]) for number in numbers)
            else None
            for numbers in self.order
        ]
        self._memory_order = MemoryOrder()
        self._views: list[tuple[nn.Parameter, nn.Parameter, slice]] = []

    def setup(self, stage: str) -> None:
        # Lightning converts the module only after it has loaded a checkpoint, whose weights would be rounded to the first precision.
        self.trainer.precision_plugin.convert_module(self)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["failures"] = self.failures

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        self.failures = dict(checkpoint["failures"])

    def _rates(self, number: int) -> tuple[float, float]:
        settings = self.optimizer_settings[number]
        return settings.lr, settings.weight_decay

    def training_step(self, batch: StackBatch, batch_index: int) -> dict[str, Tensor]:
        of_blocks = [block.losses(batch) for block in self.blocks]
        total = torch.stack([losses.sum() for losses in of_blocks]).sum()
        losses = self.in_order(of_blocks)
        for number in (~losses.isfinite()).nonzero().flatten().tolist():
            self.failures.setdefault(number, (self.global_step, float(losses[number])))
        return {"loss": total, "losses": losses, "mean_loss": losses.nanmean()}

    def validation_step(self, batch: StackBatch, batch_index: int) -> list[tuple[Tensor, Tensor]]:
        """Return the bags of each block, (batch, V) or (K, batch, V), and its reconstructions (K, batch, V)."""
        return [(own := block.bags(batch.of_all), block(own).reconstruction) for block in self.blocks]

    def in_order(self, of_blocks: Sequence[Tensor]) -> Tensor:
        """Return a number per member, (members,) on the CPU, of the (K,) numbers of each block."""
        joined = torch.cat([values.detach().double() for values in of_blocks]).cpu()
        return torch.empty_like(joined).index_copy_(0, self._numbers, joined)

    def configure_optimizers(self) -> Any:
        """Return one optimizer. A group is the weights of all members with one rate and decay, as views of neighbours in the blocks."""
        groups: dict[tuple[float, float], dict[str, Any]] = {}
        self._views = []
        for block, numbers in zip(self.blocks, self.order, strict=True):
            block.bind()
            first = 0
            for _, same in groupby(numbers, self._rates):
                members = slice(first, first := first + len(list(same)))
                views = [(weight, nn.Parameter(weight.detach()[members]), members) for weight in block.weights]
                settings = self.optimizer_settings[numbers[members.start]]
                for group in parameter_groups([view for _, view, _ in views], settings, bias_dimensions=2):
                    same_rates = groups.setdefault((group["lr"], group["weight_decay"]), {**group, "params": []})
                    same_rates["params"] += group["params"]
                self._views += views
        optimizer = optimizer_over(list(groups.values()), self.optimizer_settings[0])
        optimizer.register_step_post_hook(self._memory_order.after_update)
        schedule = make_schedule(optimizer, self.optimizer_settings[0], self.steps)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def optimizer_zero_grad(self, epoch: int, batch_idx: int, optimizer: torch.optim.Optimizer) -> None:
        for block in self.blocks:
            block.forget_gradients()

    def configure_gradient_clipping(self, optimizer, gradient_clip_val=None, gradient_clip_algorithm=None) -> None:
        """Scale each member's gradients to at most its own norm, as clip_grad_norm_ does for one model; then set those of the views."""
        for block in self.blocks:
            block.collect_gradients()
        for number in self.failures:
            block, at = self.place[number]
            for weight in self.blocks[block].weights:
                weight.data[at] = 0.0
                weight.grad[at] = 0.0
        for block, limits in zip(self.blocks, self._limits, strict=True):
            if limits is not None:
                block.clip_gradients(limits)
        for weight, view, members in self._views:
            assert weight.grad is not None
            view.grad = weight.grad[members]
        if any(isinstance(block, Solo) and block.products for block in self.blocks):
            self._memory_order.before_update(optimizer)  # their encoders are stored by word

    def member_state(self, number: int) -> dict[str, Tensor]:
        """Return views of a member's weights, without padding, under the names of its own class."""
        block, at = self.place[number]
        return self.blocks[block].member_state(at)

    def member_moments(self, number: int) -> dict[str, dict[str, Tensor]]:
        """Return the optimizer's state of each weight of a member: views without padding, and counts of steps."""
        block, at = self.place[number]
        own = self.blocks[block]
        found = {}
        for place, name in enumerate(own.names):
            weight = own.weights[place]
            view, members = next(
                (view, members)
                for big, view, members in self._views
                if big is weight and members.start <= at < members.stop
            )
            state = self.optimizers().state.get(view, {})  # type: ignore[union-attr]
            found[name] = {
                key: unpadded(value[at - members.start], own.shapes[at][name]) if value.ndim else value
                for key, value in state.items()
            }
        return found
