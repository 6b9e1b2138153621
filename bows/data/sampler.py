"""Seeded batches of window numbers: shuffled anew each epoch, shared out over processes, resumable at any batch."""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from bows.data.windows import Windows, spread
from bows.sparse_bags import SparseBags


class WindowBatch(NamedTuple):
    """Numbers of windows, (batch,) int64 on the CPU, and the windows they belong to: all that travels before bags are made."""

    numbers: Tensor
    windows: Windows

    def bags(self, device: torch.device | str = "cpu", dtype: torch.dtype = torch.float32) -> Tensor:
        """(batch, V) zeros and ones on the device."""
        return self.windows.multi_hot(self.numbers, device, dtype)

    def sparse(self) -> SparseBags:
        """Return the same bags as lists of words, on the CPU."""
        return self.windows.sparse(self.numbers)


class WindowBatches:
    """Batches of windows for one epoch at a time.

    batch_size: windows a batch, over all processes together. shuffle: a new order each epoch, fixed by seed and epoch alone; in order
    otherwise. most: at most this many windows, evenly spaced (all where None). rank, world_size: each process takes every world_size-th
    window of a batch, so together they take each window once. (Where a shuffled batch has fewer windows than there are processes, the
    processes left over take one again: a loss over no windows is not a number.)

    An epoch's order does not depend on how it is read, so `state_dict` is two numbers: the epoch and the batches read of it.
    """

    def __init__(
        self,
        windows: Windows,
        batch_size: int,
        seed: int,
        shuffle: bool = True,
        most: int | None = None,
        rank: int = 0,
        world_size: int = 1,
    ):
        self.windows = windows
        self.batch_size = batch_size
        self.seed = seed
        self.shuffle = shuffle
        self.most = most
        self.rank = rank
        self.world_size = world_size
        self.epoch = 0
        self._read = 0
        self._resume_at: tuple[int, int] | None = None

    @property
    def sampler(self) -> "WindowBatches":
        """Where Lightning looks for `set_epoch`, as it does in a torch DataLoader."""
        return self

    @property
    def batch_sampler(self) -> None:
        """Where Lightning looks next."""

    def set_epoch(self, epoch: int) -> None:
        if epoch != self.epoch:
            self._read = 0
        self.epoch = epoch

    def __len__(self) -> int:
        return -(-len(self._numbers()) // self.batch_size)

    def __iter__(self) -> Iterator[WindowBatch]:
        epoch = self.epoch
        numbers = self._numbers()
        if self.shuffle:
            # The epoch is mixed into the seed by a large odd factor so that (seed, epoch) pairs do not meet.
            order = torch.Generator().manual_seed(self.seed * 1_000_003 + epoch)
            numbers = numbers[torch.randperm(len(numbers), generator=order)]
        done = self._resume_at[1] if self._resume_at and self._resume_at[0] == epoch else 0
        self._resume_at = None
        self._read = done
        for number, batch in enumerate(numbers.split(self.batch_size)):
            if number >= done:
                self._read = number + 1
                share = batch[self.rank :: self.world_size]
                if self.shuffle and not len(share):
                    share = batch[[self.rank % len(batch)]]
                yield WindowBatch(share, self.windows)

    def state_dict(self) -> dict[str, int]:
        return {"epoch": self.epoch, "batches": self._read}

    def load_state_dict(self, state: dict[str, int]) -> None:
        self.epoch, self._read = state["epoch"], state["batches"]
        self._resume_at = (self.epoch, self._read)

    def _numbers(self) -> Tensor:
        return spread(len(self.windows), self.most)
