"""Optimizers and their learning-rate schedule, from plain settings."""

import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import nn
from torch.optim.lr_scheduler import LambdaLR

from bows.setting_types import OptimizerSettings


def parameter_groups(
    parameters: Iterable[nn.Parameter], settings: OptimizerSettings, bias_dimensions: int = 1
) -> list[dict[str, Any]]:
    """Return the parameters grouped by rate and decay; those of at most `bias_dimensions` dimensions are biases."""
    trained = [parameter for parameter in parameters if parameter.requires_grad]
    weights = [parameter for parameter in trained if parameter.ndim > bias_dimensions]
    biases = [parameter for parameter in trained if parameter.ndim <= bias_dimensions]
    decay = settings.weight_decay
    groups = [
        {"params": weights, "lr": settings.lr, "weight_decay": decay},
        {"params": biases, "lr": settings.lr, "weight_decay": decay if settings.decay_bias else 0.0},
    ]
    return [group for group in groups if group["params"]]


def make_optimizer(
    parameters: Iterable[nn.Parameter], settings: OptimizerSettings, fused: bool = True
) -> torch.optim.Optimizer:
    """Return the optimizer of the parameters; one-dimensional ones are biases."""
    return optimizer_over(parameter_groups(parameters, settings), settings, fused)


def optimizer_over(
    groups: list[dict[str, Any]], settings: OptimizerSettings, fused: bool = True
) -> torch.optim.Optimizer:
    """Return the optimizer of groups of parameters, each with its own rate and decay."""
    # Fused updates read and write each value once: on a CPU the update is bound by memory bandwidth, and this halves its time.
    if settings.name == "sgd":
        return torch.optim.SGD(groups, lr=settings.lr, momentum=settings.momentum, fused=fused)
    kind = torch.optim.AdamW if settings.name == "adamw" else torch.optim.Adam
    return kind(groups, lr=settings.lr, betas=settings.betas, eps=settings.eps, fused=fused)


def make_schedule(optimizer: torch.optim.Optimizer, settings: OptimizerSettings, steps: int) -> LambdaLR:
    """Return the schedule of the learning rate over `steps` steps: linear warm-up, then constant or half a cosine to zero."""

    def factor(step: int) -> float:
        if step < settings.warmup_steps:
            return (step + 1) / settings.warmup_steps
        if settings.schedule == "constant":
            return 1.0
        progress = (step - settings.warmup_steps) / max(1, steps - settings.warmup_steps)
        return 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))

    return LambdaLR(optimizer, factor)
