"""Seeded batches of window numbers: shuffled each epoch, divided between processes, resumable at any batch."""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from bows.data.windows import Windows, spread
from bows.sparse_bags import SparseBags


class WindowBatch(NamedTuple):
    """Numbers of windows, (batch,) int64 on the CPU, and the windows that they number."""

    numbers: Tensor
    windows: Windows

    def bags(self, device: torch.device | str = "cpu", dtype: torch.dtype = torch.float32) -> Tensor:
        """Return (batch, V) zeros and ones on the device."""
        return self.windows.multi_hot(self.numbers, device, dtype)

    def sparse(self) -> SparseBags:
        """Return the same bags as lists of words, on the CPU."""
        return self.windows.sparse(self.numbers)


class WindowBatches:
    """Batches of windows, one epoch at a time.

    The order of an epoch does not depend on how it is read, so `state_dict` is two numbers: the epoch and the number of batches read.

    Args:
        windows: the windows.
        batch_size: windows per batch, over all processes together.
        seed: of the order.
        shuffle: use a new order each epoch, which depends on seed and epoch alone; otherwise the windows are in order.
        most: at most this many windows, evenly spaced; None for all.
        rank: the number of this process. It takes every world_size-th window of a batch. Where a shuffled batch has fewer windows than
            there are processes, the others take one of its windows again, since a loss over no windows is not a number.
        world_size: number of processes.
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
        """The object with `set_epoch`, as Lightning expects it of a DataLoader."""
        return self

    @property
    def batch_sampler(self) -> None:
        """None: Lightning looks for `set_epoch` here too."""

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
            # A large odd factor keeps the seeds of different pairs (seed, epoch) apart.
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
