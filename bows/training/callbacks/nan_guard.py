"""Stop training on a loss that is not finite."""

from __future__ import annotations

from typing import Any

import pytorch_lightning as pl
import torch

from bows.errors import TrainingError


class LossGuard(pl.Callback):
    """Stops training on a loss that is not finite, by a TrainingError that names the step and a likely cause.

    On a CPU every loss is checked before its backward pass. On an accelerator each check would make the step wait, so losses are kept
    there and checked together, after `every` steps. In both cases no checkpoint is written whose losses or weights are not finite.
    """

    def __init__(self, every: int = 50) -> None:
        self._every = every
        self._losses: list[torch.Tensor] = []
        self._first = 0  # the step of the oldest loss kept

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._losses = []

    def on_before_backward(self, trainer: pl.Trainer, pl_module: pl.LightningModule, loss: torch.Tensor) -> None:
        if not self._losses:
            self._first = trainer.global_step
        self._losses.append(loss.detach())
        if loss.device.type == "cpu" or len(self._losses) >= self._every:
            self._check(trainer)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._check(trainer)

    def on_save_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        self._check(trainer)
        for name, weight in pl_module.named_parameters():
            if not torch.isfinite(weight).all():
                where = f"the weights {name} are not finite after step {trainer.global_step}, no checkpoint was written"
                raise TrainingError(f"{where}; {likely_cause(trainer)}")

    def _check(self, trainer: pl.Trainer) -> None:
        if not self._losses:
            return
        losses, self._losses = torch.stack(self._losses).float().cpu(), []
        wrong = (~torch.isfinite(losses)).nonzero().flatten().tolist()
        if wrong:
            last = self._first + (len(losses) - 1) // trainer.accumulate_grad_batches
            step = self._first + wrong[0] // trainer.accumulate_grad_batches
            covered = f" (steps {self._first} to {last} checked together)" if len(losses) > 1 else ""
            raise TrainingError(
                f"the loss is {losses[wrong[0]].item()} at step {step}{covered}; {likely_cause(trainer)}"
            )


def likely_cause(trainer: pl.Trainer) -> str:
    """Suggest a likely cause of this trainer's non-finite loss and a fix."""
    optimizer = trainer.optimizers[0] if trainer.optimizers else None
    group = optimizer.param_groups[0] if optimizer else {}
    lr, decay = float(group.get("initial_lr", group.get("lr", 0.0))), float(group.get("weight_decay", 0.0))
    return cause(optimizer, lr, decay, str(trainer.precision))


def cause(optimizer: torch.optim.Optimizer | None, lr: float, decay: float, precision: str) -> str:
    """Suggest a likely cause of a non-finite loss under an optimizer with its peak rate and decay, and a fix."""
    # Decoupled decay and plain gradient descent shrink weights by lr * wd per step; Adam rescales the decay with the gradient.
    shrinks = isinstance(optimizer, torch.optim.AdamW | torch.optim.SGD)
    if shrinks and lr * decay >= 1:
        return (
            f"weights shrink by lr * wd = {lr:g} * {decay:g} = {lr * decay:g} per step, and from 1 on they change their "
            f"sign: lower wd or lr until the product is far below 1"
        )
    suggestion = f"most likely the learning rate is too high: try lr={lr / 10:g} (it is {lr:g})"
    if "16" in precision:
        suggestion += f", or trainer.precision=32-true instead of {precision}"
    return suggestion
