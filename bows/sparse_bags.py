"""A batch of bags as lists of words: what training reads where bags are so empty that zeros and ones would be mostly zeros."""

from dataclasses import dataclass

import numpy as np
import scipy.sparse
import torch
from torch import Tensor


@dataclass(frozen=True)
class SparseBags:
    """The distinct words of each bag of a batch, read by bag and by word; all int32, on the CPU.

    columns: (filled,) words of bag 0, then of bag 1, and so on, ascending in each bag. offsets: (batch + 1,) where each bag begins in
    `columns`, and their length. bags: (filled,) bags that hold word 0, then word 1, and so on, ascending for each word.
    word_offsets: (V + 1,) where each word begins in `bags`, and their length.
    """

    columns: Tensor
    offsets: Tensor
    bags: Tensor
    word_offsets: Tensor

    @staticmethod
    def of(columns: np.ndarray, offsets: np.ndarray, words: int) -> "SparseBags":
        """Create bags from their words, one bag after another.

        Args:
            columns: (n,) integers below `words` in any order, which may repeat inside a bag.
            offsets: (batch + 1,) offsets of the bags in `columns`.
            words: V.
        """
        shape = (len(offsets) - 1, words)
        # Both turns are counting sorts. Booleans add up to true, so that a word that repeats stays one.
        filled = np.ones(len(columns), bool)
        by_bag = scipy.sparse.csr_array((filled, columns.astype(np.int32), offsets.astype(np.int32)), shape)
        by_word = by_bag.tocsc()
        by_word.sum_duplicates()
        by_bag = by_word.tocsr()
        arrays = (by_bag.indices, by_bag.indptr, by_word.indices, by_word.indptr)
        return SparseBags(*(torch.from_numpy(array) for array in arrays))

    def __len__(self) -> int:
        """Bags in the batch."""
        return len(self.offsets) - 1

    @property
    def words(self) -> int:
        """V."""
        return len(self.word_offsets) - 1

    @property
    def density(self) -> float:
        """The share of cells that are filled, 0 to 1."""
        return len(self.columns) / max(1, len(self) * self.words)

    def positions(self) -> np.ndarray:
        """Return (filled,) int64: places of the ones in the (batch, V) bags read row by row, ascending."""
        first = np.arange(len(self), dtype=np.int64) * self.words
        return np.repeat(first, np.diff(self.offsets.numpy())) + self.columns.numpy()

    def dense(self) -> Tensor:
        """(batch, V) zeros and ones, float32."""
        bags = torch.zeros(len(self) * self.words)
        bags[torch.from_numpy(self.positions())] = 1
        return bags.view(len(self), self.words)
