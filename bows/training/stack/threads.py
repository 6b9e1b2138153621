"""How many threads measure the small models of a stack."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

# Weights (m V) up to which one thread measures a model sooner than several: waking them takes longer than their work. (torch wakes them
# for some operations of any size, as for `min` over a dimension.)
ONE_THREAD_WEIGHTS = 1 << 16


@contextmanager
def threads_for(weights: int) -> Iterator[None]:
    """One thread inside the block where models have few weights; as many as ever where they have more."""
    before = torch.get_num_threads()
    if weights <= ONE_THREAD_WEIGHTS:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
