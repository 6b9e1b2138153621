"""Optimizers: where decay goes, momentum, and the learning rate over steps."""

import math

import pytest
import torch
from torch import nn

from bows.model.optimizers import OptimizerSettings, make_optimizer, make_schedule

W = torch.tensor([[1.0, -2.0], [0.5, 4.0]], dtype=torch.float64)
B = torch.tensor([3.0, -1.0], dtype=torch.float64)


def parameters(gradient: float | None = 0.0):
    found = nn.Parameter(W.clone()), nn.Parameter(B.clone())
    for parameter in found:
        parameter.grad = torch.full_like(parameter, gradient)
    return found


def stepped(settings: OptimizerSettings, steps: int = 1, gradient: float = 0.0, **options):
    weight, bias = parameters(gradient)
    optimizer = make_optimizer([weight, bias], settings, **options)
    for _ in range(steps):
        optimizer.step()
    return weight.detach(), bias.detach()


def close(actual, expected):
    torch.testing.assert_close(actual, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("fused", [True, False])
@pytest.mark.parametrize("wd", [0.5, 4.0, -1.0])
def test_adamw_shrinks_weights_by_lr_times_decay_when_gradients_vanish(wd, fused):
    weight, bias = stepped(OptimizerSettings("adamw", lr=0.01, weight_decay=wd), steps=3, fused=fused)
    close(weight, W * (1 - 0.01 * wd) ** 3)
    close(bias, B * (1 - 0.01 * wd) ** 3)


@pytest.mark.parametrize("name", ["adamw", "adam", "sgd"])
def test_biases_are_spared_where_asked(name):
    weight, bias = stepped(OptimizerSettings(name, lr=0.01, weight_decay=4.0, decay_bias=False), steps=3)
    close(bias, B)
    assert (weight.abs() < W.abs()).all()


def test_adams_decay_is_in_the_gradient_so_its_size_cancels():
    # Whatever the decay, the first step of Adam is lr long in each cell.
    for wd in (0.5, 4.0):
        weight, bias = stepped(OptimizerSettings("adam", lr=0.01, weight_decay=wd, eps=1e-300))
        close(weight, W - 0.01 * W.sign())
        close(bias, B - 0.01 * B.sign())


def test_adam_and_adamw_step_by_betas_and_eps():
    settings = {"lr": 0.1, "betas": (0.5, 0.75), "eps": 0.25}
    for name in ("adam", "adamw"):
        weight, _ = stepped(OptimizerSettings(name, **settings), steps=2, gradient=2.0)
        close(weight, W - 2 * 0.1 * 2 / (2 + 0.25))  # a constant gradient: moments are the gradient and its square


def test_sgd_adds_decay_to_the_gradient_and_remembers_by_momentum():
    weight, _ = stepped(OptimizerSettings("sgd", lr=0.1, weight_decay=0.5), gradient=2.0)
    close(weight, W - 0.1 * (2 + 0.5 * W))
    weight, _ = stepped(OptimizerSettings("sgd", lr=0.1, momentum=0.9), steps=3, gradient=2.0)
    close(weight, W - 0.1 * 2 * (1 + 1.9 + 2.71))


def test_frozen_parameters_are_left_out():
    weight, bias = parameters()
    weight.requires_grad_(False)
    optimizer = make_optimizer([weight, bias], OptimizerSettings())
    assert [group["params"] for group in optimizer.param_groups] == [[bias]]


def rates(steps: int, count: int, **settings) -> list[float]:
    optimizer = make_optimizer([parameters()[0]], OptimizerSettings(lr=2.0, **settings))
    schedule = make_schedule(optimizer, OptimizerSettings(lr=2.0, **settings), steps)
    found = []
    for _ in range(count):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return found


def test_cosine_falls_from_the_peak_to_zero_at_the_last_step():
    assert rates(8, 11) == pytest.approx([1 + math.cos(math.pi * k / 8) for k in range(9)] + [0, 0], abs=1e-15)


def test_constant_stays():
    assert rates(3, 5, schedule="constant") == [2.0] * 5


def test_warm_up_rises_evenly_to_the_peak():
    assert rates(12, 5, schedule="constant", warmup_steps=4) == [0.5, 1.0, 1.5, 2.0, 2.0]
    cosine = [1 + math.cos(math.pi * k / 8) for k in range(9)]
    assert rates(12, 13, warmup_steps=4) == pytest.approx([0.5, 1.0, 1.5, 2.0, *cosine], abs=1e-15)


@pytest.mark.parametrize("steps", [0, 2])
def test_a_warm_up_longer_than_training_is_no_error(steps):
    assert rates(steps, 3, warmup_steps=4) == [0.5, 1.0, 1.5]
