"""Windows over bags: a window is `window` consecutive rows, so it is one contiguous slice of a split's indices.

A batch is a vector of window numbers: the slices are gathered, and ones are scattered into a (batch, V) multi-hot on the model's own
device. A word may occur in several rows of a window. So window and stride are settings of training, not of the corpus, and data cost
little compared with the matrix products of a step.
"""

import copy
import logging
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from bows.data.corpus import Bags, Corpus
from bows.data.removal import windows_together
from bows.errors import SettingError
from bows.sparse_bags import SparseBags

log = logging.getLogger(__name__)

# The share of windows that data.split=overlapping holds out: the paper's.
OVERLAPPING_SHARE = 0.1
# Windows of a batch of lists of words. Large, as results that are added up by batch, of the size of a model, take longer than the bags.
SPARSE_BATCH = 2048


class Windows:
    """All windows of one split, or, by `only`, some of them. The last window ends at or before the last row.

    Args:
        bags: the rows of the split.
        words: size of the vocabulary, V.
        window: rows per window.
        stride: rows from the start of one window to that of the next.
        split: name of the split, for errors.

    Raises:
        SettingError: no window fits.
    """

    def __init__(self, bags: Bags, words: int, window: int, stride: int, split: str = "split"):
        if window > bags.rows:
            raise SettingError(
                f"data.window={window} is longer than the {split} split, which has {bags.rows} rows; allowed: 1 to {bags.rows}"
            )
        self.words = words
        self.window = window
        self.stride = stride
        self.bags = bags
        self.count = (bags.rows - window) // stride + 1
        self._chosen: Tensor | None = None
        self._indptr = torch.from_numpy(np.ascontiguousarray(bags.indptr))
        self._indices: dict[torch.device, Tensor] = {}

    def __len__(self) -> int:
        return self.count

    def only(self, numbers: Tensor) -> "Windows":
        """Return a view of some windows, `numbers` (chosen,) int64 on the CPU, over the same rows: its window k is numbers[k] of these."""
        view = copy.copy(self)
        view._chosen = numbers if self._chosen is None else self._chosen[numbers]
        view.count = len(numbers)
        return view

    def first_rows(self, numbers: Tensor) -> Tensor:
        """Return the first row of each of these windows: (batch,) window numbers to row numbers, int64 on the CPU."""
        return (numbers if self._chosen is None else self._chosen[numbers]) * self.stride

    def multi_hot(
        self, numbers: Tensor, device: torch.device | str = "cpu", dtype: torch.dtype = torch.float32
    ) -> Tensor:
        """Return the bags of windows, (batch, V) zeros and ones on the device, of (batch,) window numbers, int64 on the CPU.

        Lengths are summed on the CPU, so that the CPU never waits for an accelerator.
        """
        device = torch.device(device)
        first_row = self.first_rows(numbers)
        begin = self._indptr[first_row]
        length = self._indptr[first_row + self.window] - begin
        total = int(length.sum())
        shift = begin - (torch.cumsum(length, 0) - length)
        shift, length = shift.to(device, non_blocking=True), length.to(device, non_blocking=True)
        of_window = torch.repeat_interleave(length, output_size=total)
        indices = self._indices_on(device)
        columns = indices[shift[of_window] + torch.arange(total, device=device)].to(torch.int64)
        if indices.dtype == torch.int16:
            columns &= 0xFFFF
        bags = torch.zeros(len(numbers) * self.words, dtype=dtype, device=device)
        bags.index_fill_(0, of_window * self.words + columns, 1)
        return bags.view(len(numbers), self.words)

    def sparse(self, numbers: Tensor) -> SparseBags:
        """Return the same bags as lists of their distinct words, on the CPU."""
        # By NumPy, on one core: a thousand short copies take less time than the threads of torch need to start.
        first_row = self.first_rows(numbers).numpy()
        begin, end = self.bags.indptr[first_row], self.bags.indptr[first_row + self.window]
        slices = [self.bags.indices[one:other] for one, other in zip(begin.tolist(), end.tolist(), strict=True)]
        offsets = np.concatenate([[0], np.cumsum(end - begin)])
        return SparseBags.of(np.concatenate(slices), offsets, self.words)

    def density(self, most: int = 256) -> float:
        """Return the mean share of words that are in a bag, in [0, 1], over at most `most` windows, evenly spaced."""
        return self.sparse(spread(self.count, most)).density

    def frequency(self, most: int = 20_000) -> Tensor:
        """Return the share of windows that contain each word, (V,) float32 in (0, 1), over at most this many windows, evenly spaced.

        Half a window is added with and half without each word, so that log-odds of words in no or every window are finite.
        """
        numbers = spread(self.count, most)
        present = torch.bincount(self.sparse(numbers).columns.long(), minlength=self.words)
        return (present + 0.5) / (len(numbers) + 1)

    def batches(self, batch_size: int, device: torch.device | str = "cpu", most: int | None = None) -> Iterator[Tensor]:
        """Yield the bags of the windows in order, (batch, V) at a time; of at most `most` windows, evenly spaced, where it is given."""
        numbers = spread(self.count, most)
        for part in numbers.split(batch_size):
            yield self.multi_hot(part, device)

    def sparse_batches(self, most: int | None = None) -> Iterator[SparseBags]:
        """Yield the bags of the windows in order, or of at most `most` windows, as lists of their distinct words, on the CPU."""
        for part in spread(self.count, most).split(SPARSE_BATCH):
            yield self.sparse(part)

    def _indices_on(self, device: torch.device) -> Tensor:
        """Return the split's indices on the device, moved there once: uint16 as int16 with the same bits, which every device can gather."""
        if device not in self._indices:
            indices = self.bags.indices
            signed = indices.view(np.int16 if indices.dtype.itemsize == 2 else np.int32)
            self._indices[device] = torch.from_numpy(np.asarray(signed)).to(device)
        return self._indices[device]


def windows_of(corpus: Corpus, split: str, window: int, stride: int) -> Windows:
    """Return the windows of a split, without those that data.remove leaves out.

    Raises:
        SettingError: no window fits, or none is left.
    """
    windows = Windows(corpus.split(split), len(corpus.vocabulary), window, stride, split)
    if corpus.apart is None:
        return windows
    words, at_least = corpus.apart
    first_rows = windows.first_rows(torch.arange(len(windows))).numpy()
    out = windows_together(windows.bags, words, at_least, first_rows, window)
    if out.all():
        raise SettingError(
            f"data.remove: each of the {len(out):,} {split} windows contains {at_least} or more of its {len(words)} words; give "
            "data.remove.unit=row, a larger at_least, fewer words or a smaller data.window"
        )
    log.info("data.remove: %s of %s %s windows left out", f"{out.sum():,}", f"{len(out):,}", split)
    return windows.only(torch.from_numpy(np.flatnonzero(~out)))


def spread(count: int, most: int | None) -> Tensor:
    """Return (min(count, most),) evenly spaced numbers of 0 .. count - 1; all of them where `most` is None."""
    if most is None or most >= count:
        return torch.arange(count)
    return torch.div(torch.arange(most) * count, most, rounding_mode="floor")


def hold_out_overlapping(windows: Windows, seed: int) -> tuple[Windows, Windows]:
    """Return the windows to train on, and a random tenth, at least one, that is held out of them.

    Where windows overlap (stride below window), held-out windows share rows with those trained on. A loss over them leaks: it is below
    that of unseen documents by what was learnt of the shared rows. The paper validates like this.

    Raises:
        SettingError: there is only one window.
    """
    count = len(windows)
    if count < 2:
        raise SettingError(
            f"data.split=overlapping: the training split has one window of data.window={windows.window} rows, and none to hold out; give "
            "more text or a smaller data.window"
        )
    held_out = max(1, round(count * OVERLAPPING_SHARE))
    order = np.random.default_rng([seed, *b"overlapping"]).permutation(count)
    chosen = torch.from_numpy(order)
    return windows.only(chosen[held_out:].sort().values), windows.only(chosen[:held_out].sort().values)
