"""A member's checkpoint, cut out of its stack: what the same model would have saved at that moment had it trained alone."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import pytorch_lightning as pl
from torch import Tensor

from bows.model.autoencoder import Autoencoder
from bows.model.optimizers import OptimizerSettings, make_optimizer, make_schedule
from bows.training.stack.stack_module import StackModule

# Parts of a stack's checkpoint that are of all members together.
OF_THE_STACK = {"state_dict", "optimizer_states", "lr_schedulers", "callbacks", "StackData", "failures"}


@dataclass
class Moment:
    """One member at one moment."""

    weights: dict[str, Tensor]
    """Under the names of its own class."""
    moments: dict[str, dict[str, Tensor]]
    """What the optimizer remembers of each weight."""
    schedule: dict[str, Any]
    """The state of the learning rate's schedule."""
    progress: dict[str, Any]
    """What Lightning counts: epochs, steps, batches."""


def moments(trainer: pl.Trainer, module: StackModule, members: list[int]) -> dict[int, Moment]:
    """Copies of some members as they are now."""
    whole = trainer._checkpoint_connector.dump_checkpoint(weights_only=False)
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
    """The content of a Lightning checkpoint, from which the member's own run can be taken up.

    autoencoder: of the member's class and size; it is left with the moment's weights. settings, steps: as BagsModule takes them. best: its
    lowest held-out loss so far.
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
