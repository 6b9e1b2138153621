"""Weights kept by word: the same updates, whatever order memory is in."""

import itertools

import pytest
import torch

from bows.model.optimizers import OptimizerSettings, make_optimizer
from bows.model.sparse_loss import MemoryOrder, keep_by_word

SHAPE = (5, 40)


def values(seed: int) -> torch.Tensor:
    return torch.randn(SHAPE, generator=torch.Generator().manual_seed(seed))


def in_order(value: torch.Tensor, by_word: bool) -> torch.Tensor:
    return value.T.contiguous().T if by_word else value.contiguous()


@pytest.mark.parametrize("name", ["adamw", "adam", "sgd"])
@pytest.mark.parametrize("orders", itertools.product([False, True], repeat=3), ids=str)
def test_updates_do_not_depend_on_the_order_of_memory(name, orders):
    weight_by_word, gradient_by_word, state_by_word = orders
    settings = OptimizerSettings(name, lr=0.1, weight_decay=0.5, momentum=0.9)
    reference = torch.nn.Parameter(values(0))
    plain = make_optimizer([reference], settings, fused=False)
    weight = torch.nn.Parameter(values(0))
    if weight_by_word:
        keep_by_word(weight)
    assert torch.equal(weight, values(0))
    optimizer, order = make_optimizer([weight], settings), MemoryOrder()
    optimizer.register_step_post_hook(order.after_update)
    for step in range(4):
        reference.grad = values(step + 1)
        plain.step()
        if step == 2:  # as from a checkpoint of a run that kept its weights the other way
            for state in optimizer.state.values():
                state |= {
                    key: in_order(value, state_by_word)
                    for key, value in state.items()
                    if getattr(value, "ndim", 0) == 2
                }
        weight.grad = in_order(values(step + 1), gradient_by_word)
        order.before_update(optimizer)
        optimizer.step()
        assert weight.shape == weight.grad.shape == SHAPE
        assert weight.T.is_contiguous() == weight_by_word
        assert all(value.shape == SHAPE for state in optimizer.state.values() for value in state.values() if value.ndim)
        torch.testing.assert_close(weight, reference, rtol=1e-5, atol=1e-6)
    assert torch.equal(weight.grad, values(4))
