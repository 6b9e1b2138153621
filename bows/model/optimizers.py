"""Optimizers and their learning-rate schedule, from plain settings."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import nn
from torch.optim.lr_scheduler import LambdaLR


@dataclass(frozen=True)
class OptimizerSettings:
    """name: adamw (decoupled decay: weights shrink by lr * weight_decay a step), adam (decay as L2 in the gradient) or sgd (likewise).

    lr: peak learning rate. decay_bias: whether biases decay too. betas, eps: of adam and adamw. momentum: of sgd. schedule: cosine (to
    zero at the last step) or constant. warmup_steps: steps of linear rise to the peak. clip_norm: gradients are scaled to at most this
    norm, None for no clipping.
    """

    name: str = "adamw"
    lr: float = 1e-3
    weight_decay: float = 0.0
    decay_bias: bool = True
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8
    momentum: float = 0.0
    schedule: str = "cosine"
    warmup_steps: int = 0
    clip_norm: float | None = None


def make_optimizer(
    parameters: Iterable[tuple[str, nn.Parameter]], settings: OptimizerSettings, fused: bool = True
) -> torch.optim.Optimizer:
    """The optimizer over named parameters; one-dimensional ones are biases."""
    trained = [(name, parameter) for name, parameter in parameters if parameter.requires_grad]
    weights = [parameter for _, parameter in trained if parameter.ndim > 1]
    biases = [parameter for _, parameter in trained if parameter.ndim <= 1]
    groups = [
        {"params": weights, "weight_decay": settings.weight_decay},
        {"params": biases, "weight_decay": settings.weight_decay if settings.decay_bias else 0.0},
    ]
    groups = [group for group in groups if group["params"]]
    # Fused updates read and write each value once: on a CPU the update is bound by memory, and this halves it.
    if settings.name == "sgd":
        return torch.optim.SGD(groups, lr=settings.lr, momentum=settings.momentum, fused=fused)
    kind = torch.optim.AdamW if settings.name == "adamw" else torch.optim.Adam
    return kind(groups, lr=settings.lr, betas=settings.betas, eps=settings.eps, fused=fused)


def make_schedule(optimizer: torch.optim.Optimizer, settings: OptimizerSettings, steps: int) -> LambdaLR:
    """Learning rate over `steps` steps: linear warm-up, then constant or half a cosine to zero."""

    def factor(step: int) -> float:
        if step < settings.warmup_steps:
            return (step + 1) / settings.warmup_steps
        if settings.schedule == "constant":
            return 1.0
        progress = (step - settings.warmup_steps) / max(1, steps - settings.warmup_steps)
        return 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))

    return LambdaLR(optimizer, factor)
