"""Pairs of items with a class: a task whose answer depends on a value of each item, such as where a city lies."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, NamedTuple, cast

import numpy as np
import torch
from pytorch_lightning import LightningDataModule
from torch import Tensor

from bows.data.sampler import WindowBatch, WindowBatches
from bows.data.windows import Windows
from bows.errors import SettingError

# Pairs per batch without training: larger batches ran no faster.
EVALUATION_BATCH = 8192


class Coordinates(NamedTuple):
    """A value of each item that the task may need, and that a probe is fitted to find."""

    values: np.ndarray
    """(items, 2) float64."""
    frequency: int | None = None
    """On a ring, how often the items wind around it; None where there is no ring."""
    order: list[int] | None = None
    """On a ring, the items in their order around it."""


class PairSplit:
    """Pairs as rows (first item, second item, class) of an int64 tensor (pairs, 3)."""

    def __init__(self, rows: Tensor):
        self.rows = rows

    def __len__(self) -> int:
        return len(self.rows)

    def gather(self, numbers: Tensor, device: torch.device | str) -> Tensor:
        """Return the rows of these numbers, (batch, 3), on the device; all rows move there at the first call."""
        if self.rows.device != torch.device(device):
            self.rows = self.rows.to(device)
        return self.rows[numbers.to(device)]


@dataclass(frozen=True)
class PairTask:
    """Items, pairs of them with their classes, and the coordinates that a probe is to find in the items' embeddings."""

    name: str
    items: list[str]
    """Names of the items, all different."""
    classes: list[str]
    splits: Mapping[str, PairSplit]
    """`train` and `validation`; no ordered pair is in both, or twice in one."""
    coordinate_names: tuple[str, str]
    coordinates: Sequence[Coordinates]
    """Candidates for what the embeddings may contain, at least one."""
    held_out: np.ndarray
    """(items,) bool: items that no probe is fitted on."""
    facts: Mapping[str, Sequence] = field(default_factory=dict)
    """Further columns of the items' table."""

    @property
    def hash(self) -> str:
        """The task's name, and a hash of its items and pairs."""
        content = hashlib.sha256("\n".join([*self.items, *self.classes]).encode())
        for split in sorted(self.splits):
            content.update(self.splits[split].rows.cpu().numpy().tobytes())
        return f"{self.name}-{content.hexdigest()}"


class PairsDataModule(LightningDataModule):
    """Batches of pairs, (batch, 3) int64 rows (first item, second item, class), gathered on the model's device.

    Args:
        open_task: makes the task.
        batch_size: training pairs per batch.
        seed: of the order of batches, which differs between epochs.
    """

    trains_on: ClassVar[str] = "pairs"

    def __init__(self, open_task: Callable[[], PairTask], batch_size: int, seed: int):
        super().__init__()
        self.open_task = open_task
        self.batch_size = batch_size
        self.seed = seed
        self._task: PairTask | None = None

    @property
    def task(self) -> PairTask:
        if self._task is None:
            self._task = self.open_task()
        return self._task

    def prepare_data(self) -> None:
        _ = self.task

    def train_dataloader(self) -> WindowBatches:
        return self._batches("train", self.batch_size, shuffle=True)

    def val_dataloader(self) -> WindowBatches:
        return self._batches("validation", EVALUATION_BATCH, shuffle=False)

    def _batches(self, split: str, batch_size: int, shuffle: bool) -> WindowBatches:
        # Numbers of pairs are batched, shuffled and resumed like numbers of windows: only the count matters.
        return WindowBatches(cast(Windows, self.task.splits[split]), batch_size, self.seed, shuffle)

    def transfer_batch_to_device(self, batch: WindowBatch, device: torch.device, dataloader_idx: int) -> Tensor:
        return cast(PairSplit, batch.windows).gather(batch.numbers, device)


def held_out_items(count: int, share: float, seed: int, always: Sequence[int] = ()) -> np.ndarray:
    """Return which items are held out, (count,) bool: a random share, at least two, and those of `always`.

    Raises:
        SettingError: fewer than three items are left to fit a probe on.
    """
    # A separate stream: which items are held out does not depend on the number of pairs drawn.
    order = np.random.default_rng([seed, 1]).permutation(count)
    held_out = np.zeros(count, dtype=bool)
    held_out[order[: max(2, round(share * count))]] = True
    held_out[list(always)] = True
    if (left := count - int(held_out.sum())) < 3:
        raise SettingError(
            f"data.probe_held_out={share}: of {count} items only {left} are left to fit a probe on; lower it, or take more items"
        )
    return held_out
