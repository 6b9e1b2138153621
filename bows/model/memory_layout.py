"""Weights stored by word: an (m, V) weight whose memory holds each word's m values next to each other.

A sum over the words of a bag then reads contiguous memory. Only the strides change: shapes, names, checkpoints and files stay the same.
"""

from typing import Any

import torch
from torch import Tensor, nn


def keep_by_word(weight: Tensor) -> None:
    """Store an (m, V) parameter by word, in place. Its gradient and optimizer states, created later, follow."""
    weight.data = weight.data.T.contiguous().T


class MemoryOrder:
    """Presents each parameter, its gradient and its states to an optimizer as contiguous memory, all in one order.

    torch's fused optimizers on a CPU read memory linearly: if a weight and its state differ in order (a state from a checkpoint of a run
    with the other order), they silently pair wrong values; if both are stored by word, they are seven times slower (torch 2.13).
    """

    def __init__(self) -> None:
        self._turned: list[nn.Parameter] = []

    def before_update(self, optimizer: torch.optim.Optimizer) -> None:
        """Transpose what is stored by word. Call it with the gradients computed, just before the optimizer updates."""
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                state = optimizer.state.get(parameter, {})
                if not parameter.is_contiguous():
                    _turn(parameter, state)
                    self._turned.append(parameter)
                if parameter.grad is not None:
                    parameter.grad = parameter.grad.contiguous()
                for name, value in state.items():
                    if isinstance(value, Tensor):
                        state[name] = value.contiguous()

    def after_update(self, optimizer: torch.optim.Optimizer, *arguments: Any) -> None:
        """Restore the shape of each transposed parameter."""
        while self._turned:
            parameter = self._turned.pop()
            _turn(parameter, optimizer.state[parameter])


def _turn(parameter: nn.Parameter, state: dict[str, Any]) -> None:
    """Exchange the last two dimensions of a parameter, its gradient and its states."""
    gradient, parameter.grad = parameter.grad, None
    parameter.data = parameter.data.mT
    parameter.grad = None if gradient is None else gradient.mT
    for name, value in state.items():
        if isinstance(value, Tensor) and value.ndim >= 2:
            state[name] = value.mT
