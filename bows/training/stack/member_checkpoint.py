"""Extract a member's checkpoint from its stack: the one that the same model, trained alone, would have saved at that moment."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import pytorch_lightning as pl
from torch import Tensor

from bows.model.autoencoder import Autoencoder
from bows.model.optimizers import OptimizerSettings, make_optimizer, make_schedule
from bows.training.lightning_internals import checkpoint_content
from bows.training.stack.stack_module import StackModule

# Parts of a stack's checkpoint that belong to all members together.
OF_THE_STACK = {"state_dict", "optimizer_states", "lr_schedulers", "callbacks", "StackData", "failures"}


@dataclass
class Moment:
    """The state of a member at a moment."""

    weights: dict[str, Tensor]
    """Under the names of its own class."""
    moments: dict[str, dict[str, Tensor]]
    """The optimizer's state of each weight."""
    schedule: dict[str, Any]
    """The state of the learning-rate schedule."""
    progress: dict[str, Any]
    """Lightning's counts of epochs, steps and batches."""


def moments(trainer: pl.Trainer, module: StackModule, members: list[int]) -> dict[int, Moment]:
    """Return copies of some members as they are now."""
    whole = checkpoint_content(trainer)
    progress = {key: value for key, value in whole.items() if key not in OF_THE_STACK}
    return {
        number: Moment(
            {name: value.clone().cpu() for name, value in module.member_state(number).items()},
            {
                name: {key: value.clone().cpu() for key, value in state.items()}
                for name, state in module.member_moments(number).items()
            },
            whole["lr_schedulers"][0],
            progress,
        )
        for number in members
    }


def member_checkpoint(
    moment: Moment, autoencoder: Autoencoder, settings: OptimizerSettings, steps: int, best: float | None
) -> dict[str, Any]:
    """Return the content of a Lightning checkpoint from which the member's own run can resume.

    Args:
        moment: The state of the member.
        autoencoder: A model of the member's class and size; it gets the weights of the moment.
        settings: The optimizer's settings.
        steps: Optimizer steps of the whole training.
        best: The lowest held-out loss so far.
    """
    autoencoder.load_state_dict(moment.weights)
    optimizer = make_optimizer(autoencoder.parameters(), settings)
    schedule = make_schedule(optimizer, settings, steps)
    for name, parameter in autoencoder.named_parameters():
        optimizer.state[parameter] = moment.moments[name]
    at = moment.schedule["last_epoch"]
    rates = [base * factor(at) for base, factor in zip(schedule.base_lrs, schedule.lr_lambdas, strict=True)]
    for group, rate in zip(optimizer.param_groups, rates, strict=True):
        group["lr"] = rate
    own = {**moment.schedule, "base_lrs": schedule.base_lrs, "_last_lr": rates, "lr_lambdas": [None] * len(rates)}
    return {
        **copy.deepcopy(moment.progress),
        "state_dict": {f"autoencoder.{name}": value for name, value in moment.weights.items()},
        "callbacks": {"BestCheckpoint": {"best": best}},
        "optimizer_states": [optimizer.state_dict()],
        "lr_schedulers": [own],
    }
