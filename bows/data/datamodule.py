"""The one Lightning DataModule: a corpus, cut into windows, in seeded batches."""

import logging
from collections.abc import Callable
from typing import Literal

import torch
from pytorch_lightning import LightningDataModule
from torch import Tensor

from bows.data.corpus import Corpus
from bows.data.sampler import WindowBatch, WindowBatches
from bows.data.windows import Windows, hold_out_overlapping, windows_of
from bows.sparse_bags import SparseBags

log = logging.getLogger(__name__)


class BagsDataModule(LightningDataModule):
    """Bags of words as (batch, V) zeros and ones on the model's device; in training as SparseBags where `sparse_training` is set.

    Args:
        open_corpus: opens the corpus, or builds it.
        window: rows per window.
        stride: rows from the start of one window to that of the next.
        batch_size: windows per batch over all processes; None for `usual_batch_size`.
        seed: of the order of batches.
        validation_windows: held-out windows, evenly spaced, that are evaluated during training; the final evaluation uses all.
        split: "documents" trains on all windows of the training split; "overlapping" holds a random tenth of them out for `overlapping`,
            by `seed`. The validation split is of held-out documents in both cases.
    """

    def __init__(
        self,
        open_corpus: Callable[[], Corpus],
        window: int,
        stride: int,
        batch_size: int | None,
        seed: int,
        validation_windows: int | None = 1024,
        split: Literal["documents", "overlapping"] = "documents",
    ):
        super().__init__()
        self.open_corpus = open_corpus
        self.window = window
        self.stride = stride
        self._batch_size = batch_size
        self.seed = seed
        self.validation_windows = validation_windows
        self.split = split
        self.sparse_training = False
        self._corpus: Corpus | None = None
        self._windows: dict[str, Windows] = {}
        self._overlapping: Windows | None = None

    @property
    def corpus(self) -> Corpus:
        if self._corpus is None:
            self._corpus = self.open_corpus()
        return self._corpus

    @property
    def batch_size(self) -> int:
        """Windows per batch, over all processes together."""
        return self._batch_size or usual_batch_size(len(self.windows("train")))

    def windows(self, split: str) -> Windows:
        """Return all windows of a split, less `overlapping` where that is held out of it.

        Raises:
            SettingError: The split is shorter than a window, or has too few to hold one out.
        """
        if split not in self._windows:
            windows = windows_of(self.corpus, split, self.window, self.stride)
            if split == "train" and self.split == "overlapping":
                windows, self._overlapping = hold_out_overlapping(windows, self.seed)
                log.info(
                    "data.split=overlapping: a random tenth of the training windows, %s, is held out to measure the leak; "
                    "training windows share rows with it",
                    f"{len(self._overlapping):,}",
                )
            self._windows[split] = windows
        return self._windows[split]

    @property
    def overlapping(self) -> Windows | None:
        """The windows of the training split that data.split=overlapping holds out of training; None with data.split=documents."""
        self.windows("train")
        return self._overlapping

    def prepare_data(self) -> None:
        _ = self.corpus

    def setup(self, stage: str) -> None:
        # The shortest first: the error for a window that is too long then states the range that fits all splits.
        for split in sorted(("train", "validation"), key=lambda split: self.corpus.split(split).rows):
            self.windows(split)

    def train_dataloader(self) -> WindowBatches:
        return self._batches("train", self.batch_size, shuffle=True, most=None)

    def val_dataloader(self) -> WindowBatches:
        return self._batches("validation", self.evaluation_batch_size, shuffle=False, most=self.validation_windows)

    @property
    def evaluation_batch_size(self) -> int:
        """Windows per batch without training, where larger batches only save time."""
        return max(self.batch_size, 512)

    def _batches(self, split: str, batch_size: int, shuffle: bool, most: int | None) -> WindowBatches:
        rank, world_size = (self.trainer.global_rank, self.trainer.world_size) if self.trainer else (0, 1)
        return WindowBatches(self.windows(split), batch_size, self.seed, shuffle, most, rank, world_size)

    def transfer_batch_to_device(
        self, batch: WindowBatch, device: torch.device, dataloader_idx: int
    ) -> Tensor | SparseBags:
        """Make the bags on the device, from the window numbers of a batch."""
        if self.sparse_training and self.trainer is not None and self.trainer.training:
            return batch.sparse()
        return batch.bags(device, dtype_of_bags(self))


def dtype_of_bags(data: LightningDataModule) -> torch.dtype:
    """Return the dtype of the model's weights: bags are made after Lightning has cast what a batch holds to the trainer's precision."""
    return torch.float32 if data.trainer is None else data.trainer.lightning_module.dtype  # type: ignore[return-value]


def usual_batch_size(windows: int) -> int:
    """Return the largest power of two from 16 to 512 that leaves at least 128 batches of `windows` windows: small corpora need steps.

    >>> [usual_batch_size(windows) for windows in (100, 4340, 36_000, 1_800_000)]
    [16, 32, 256, 512]
    """
    size = 16
    while size < 512 and windows >= 2 * size * 128:
        size *= 2
    return size
