"""The DataModule of a stack: a batch of each dataset at every step."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from pytorch_lightning import LightningDataModule
from torch import Tensor

from bows.data.datamodule import BagsDataModule, dtype_of_bags
from bows.data.sampler import WindowBatch, WindowBatches
from bows.data.windows import Windows
from bows.sparse_bags import SparseBags

# The largest number of cells (windows x words) of a split that is kept as dense bags, of which a batch is one gather.
DENSE_CELLS = 1 << 22


class StackBatches:
    """The batches of several datasets in parallel. All datasets have equally many batches, of the same sizes."""

    def __init__(self, datasets: Sequence[WindowBatches]):
        self.datasets = list(datasets)

    @property
    def batch_size(self) -> int:
        return self.datasets[0].batch_size

    @property
    def sampler(self) -> "StackBatches":
        """Lightning calls its `set_epoch`."""
        return self

    @property
    def batch_sampler(self) -> None:
        """Lightning calls its `set_epoch` too, if there is one."""

    def set_epoch(self, epoch: int) -> None:
        for dataset in self.datasets:
            dataset.set_epoch(epoch)

    def __len__(self) -> int:
        return len(self.datasets[0])

    def __iter__(self) -> Iterator[tuple[WindowBatch, ...]]:
        return zip(*self.datasets, strict=True)

    def state_dict(self) -> dict[str, int]:
        return self.datasets[0].state_dict()

    def load_state_dict(self, state: dict[str, int]) -> None:
        for dataset in self.datasets:
            dataset.load_state_dict(state)


@dataclass(frozen=True)
class StackBatch:
    """The bags of one step, of all datasets, each in the forms that members need."""

    dense: Tensor | None
    """(batch, datasets, V) zeros and ones on the model's device."""
    sparse: tuple[SparseBags, ...] | None
    """One per dataset, on the CPU."""

    def __len__(self) -> int:
        """Return the number of bags of one dataset."""
        if self.dense is not None:
            return len(self.dense)
        assert self.sparse is not None
        return len(self.sparse[0])

    @cached_property
    def turned(self) -> Tensor:
        """(datasets, V, batch): the dense bags by word."""
        return self.of_all.permute(1, 2, 0).contiguous()

    @cached_property
    def moments(self) -> tuple[Tensor, Tensor]:
        """(datasets, V, V) and (datasets, V): means of the products of two words' presences, and of one's."""
        return self.turned @ self.turned.mT / len(self), self.turned.mean(2)

    @property
    def of_all(self) -> Tensor:
        """The dense bags."""
        assert self.dense is not None, "this batch was made for members that train sparsely"
        return self.dense


class StackData(LightningDataModule):
    """Bags of several datasets of one size. `densely` and `sparsely` select the forms of a training step; validation takes dense bags.

    Args:
        datasets: All with equally many windows in each split, and equally large vocabularies.
    """

    def __init__(self, datasets: Sequence[BagsDataModule]):
        super().__init__()
        self.datasets = list(datasets)
        self.densely, self.sparsely = True, False
        self._dense: dict[tuple[Windows, torch.device, torch.dtype], Tensor] = {}
        """The dense bags of one split of all datasets, (datasets * windows, V)."""

    def setup(self, stage: str) -> None:
        for data in self.datasets:
            data.setup(stage)

    def train_dataloader(self) -> StackBatches:
        return StackBatches([data.train_dataloader() for data in self.datasets])

    def val_dataloader(self) -> StackBatches:
        return StackBatches([data.val_dataloader() for data in self.datasets])

    def transfer_batch_to_device(
        self, batch: tuple[WindowBatch, ...], device: torch.device, dataloader_idx: int
    ) -> StackBatch:
        if self.trainer is None or not self.trainer.training:
            return StackBatch(self._dense_bags(batch, device), None)
        sparse = tuple(each.sparse() for each in batch) if self.sparsely else None
        return StackBatch(self._dense_bags(batch, device) if self.densely else None, sparse)

    def _dense_bags(self, batch: tuple[WindowBatch, ...], device: torch.device) -> Tensor:
        """Return (batch, datasets, V), as a view of (datasets, batch, V)."""
        windows: Windows = batch[0].windows
        numbers = torch.stack([each.numbers for each in batch])
        dtype = dtype_of_bags(self)
        if len(windows) * windows.words * len(batch) > DENSE_CELLS:
            bags = torch.stack([each.bags(device, dtype) for each in batch])
        else:
            key = (windows, device, dtype)
            if key not in self._dense:
                every = torch.arange(len(windows))
                self._dense[key] = torch.cat([each.windows.multi_hot(every, device, dtype) for each in batch])
            offsets = torch.arange(len(batch)).unsqueeze(1) * len(windows)
            chosen = (numbers + offsets).flatten().to(device)
            bags = self._dense[key].index_select(0, chosen).view(*numbers.shape, -1)
        return bags.transpose(0, 1)
