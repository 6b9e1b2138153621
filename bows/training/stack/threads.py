"""Choose the number of threads that evaluate the small models of a stack."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

# The largest number of weights (m V) that one thread evaluates faster than several: waking the others takes longer than their work.
# (torch wakes them for some operations of any size, such as `min` over a dimension.)
ONE_THREAD_WEIGHTS = 1 << 16


@contextmanager
def threads_for(weights: int) -> Iterator[None]:
    """Use one thread inside the block if models have few weights; leave the number unchanged if they have more."""
    before = torch.get_num_threads()
    if weights <= ONE_THREAD_WEIGHTS:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
