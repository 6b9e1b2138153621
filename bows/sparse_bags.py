"""Bags as lists of words, and products of nearly empty bags: what training and counting read instead of zeros and ones."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import scipy.sparse
import torch
from torch import Tensor
from torch.nn import functional

# Words in a larger share of windows go through dense products, which are faster for them than sparse ones.
COMMON = 0.08
NONZEROS = 1 << 22  # words in windows held at a time: 32 MB as a sparse matrix, at most 8 times that for its dense part


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

    def sum_words(self, values: Tensor) -> Tensor:
        """Return the sum of (V, k) values over the words of each bag: (batch, k), the product of the bags and the values."""
        return functional.embedding_bag(self.columns, values, self.offsets, mode="sum", include_last_offset=True)

    def sum_bags(self, values: Tensor) -> Tensor:
        """Return the sum of (batch, k) values over the bags that hold each word: (V, k), the product with the bags transposed."""
        return functional.embedding_bag(self.bags, values, self.word_offsets, mode="sum", include_last_offset=True)

    def by_rows(self) -> scipy.sparse.csr_array:
        """Return the (batch, V) bags as a sparse matrix of float32 ones."""
        filled = np.ones(len(self.columns), dtype=np.float32)
        return scipy.sparse.csr_array((filled, self.columns.numpy(), self.offsets.numpy()), (len(self), self.words))

    def dense(self) -> Tensor:
        """(batch, V) zeros and ones, float32."""
        bags = torch.zeros(len(self) * self.words)
        bags[torch.from_numpy(self.positions())] = 1
        return bags.view(len(self), self.words)


def products(batches: Iterable[np.ndarray | SparseBags], common: np.ndarray | None = None) -> Iterator["Products"]:
    """Yield the products of the words of a stream of binary bags, some thousand bags at a time.

    Args:
        batches: (batch, V) zeros and ones, or the same as lists of words.
        common: (V,) bool: words to multiply densely; None for those in more than `COMMON` of the first bags.
    """
    held: list[scipy.sparse.csr_array] = []
    windows = 0
    for bags in batches:
        held.append(bags.by_rows() if isinstance(bags, SparseBags) else _sparse(bags))
        windows += len(bags)
        if sum(part.nnz for part in held) + windows >= NONZEROS:
            part = Products(held, common)
            common, held, windows = part.is_common, [], 0
            yield part
    if held:
        yield Products(held, common)


def _sparse(bags: np.ndarray) -> scipy.sparse.csr_array:
    """Return binary bags (batch, V) by rows; scipy takes twice the time, by way of coordinates."""
    present = bags != 0
    rows = np.concatenate([[0], np.count_nonzero(present, axis=1).cumsum()]).astype(np.int32)
    columns = (np.flatnonzero(present) % bags.shape[1]).astype(np.int32)
    return scipy.sparse.csr_array((np.ones(len(columns), dtype=np.float32), columns, rows), shape=bags.shape)


def most_frequent(bags: scipy.sparse.csr_array) -> np.ndarray:
    """Return whether each word is in more than `COMMON` of the bags: (V,) bool."""
    holding = np.diff(bags.tocsc().indptr)
    return np.asarray(holding > COMMON * (len(bags.indptr) - 1))


class Products:
    """Counts within some windows, from bags split into common words (dense) and rare ones (sparse)."""

    def __init__(self, bags: list[scipy.sparse.csr_array], common: np.ndarray | None):
        whole = scipy.sparse.csr_array(scipy.sparse.vstack(bags))
        self.is_common = most_frequent(whole) if common is None else common
        self.common = np.flatnonzero(self.is_common)
        self.dense = np.ascontiguousarray(whole[:, self.common].toarray())
        whole.data[self.is_common[whole.indices]] = 0
        whole.eliminate_zeros()
        self.rare = whole
        self.rare_columns = whole.tocsc()

    def __len__(self) -> int:
        """Bags."""
        return len(self.dense)

    def rows(self, start: int, stop: int, first: int) -> Tensor:
        """Return counts of the words start:stop with the words from ``first`` on: (stop - start, V - first) float32."""
        words = len(self.is_common)
        counts = np.zeros((stop - start, words - first), dtype=np.float32)
        here, there = self._place(start, stop), self._place(first, words)
        common_rows, rare_rows = self.common[here] - start, np.flatnonzero(~self.is_common[start:stop])
        common_columns, rare_columns = self.common[there] - first, np.flatnonzero(~self.is_common[first:])
        by_word = self.rare_columns[:, start:stop].T.tocsr()  # (rows, windows); rows of common words are empty
        if len(rare_rows):
            counts += (by_word @ self.rare[:, first:]).toarray()
            if len(common_columns):
                counts[np.ix_(rare_rows, common_columns)] = (by_word @ self.dense[:, there])[rare_rows]
        if len(common_rows):
            dense = self.dense[:, here]
            if len(rare_columns):
                others = self.rare_columns[:, first:].T @ dense
                counts[np.ix_(common_rows, rare_columns)] = others[rare_columns].T
            with torch.autocast("cpu", enabled=False):
                both = torch.from_numpy(dense).T @ torch.from_numpy(self.dense[:, there])
            counts[np.ix_(common_rows, common_columns)] = both.numpy()
        return torch.from_numpy(counts)

    def _place(self, start: int, stop: int) -> slice:
        """Return the columns of ``dense`` of the common words among start:stop."""
        return slice(*np.searchsorted(self.common, [start, stop]))
