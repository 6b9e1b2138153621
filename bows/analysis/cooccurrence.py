"""Count co-occurrences: F^T F of binary bags F (windows, V), by blocks of rows."""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from bows.analysis.directions import BLOCK
from bows.errors import DataError, SettingError
from bows.sparse_bags import COMMON, Products, SparseBags, products

EXACT = 1 << 24  # float32 holds every whole number up to this
MEBIBYTE = 1 << 20
# Bags are kept, to be multiplied instead of the V x V counts, where these have so many cells or more for each word of a bag. With 13
# (V = 10,000, 20,000 bags 4 % full) the product takes a quarter of the dense one's time, so that 3 would be even.
LEAST_CELLS = 7
MOST_SHARE, BYTES = 0.25, 8  # of the memory that counts may take; of each word of a bag, in its two readings


class Cooccurrence:
    """Exact counts of the windows that contain word i and word j, from streamed bags.

    Common words are multiplied densely, rare ones sparsely, where bags are nearly empty. If the V x V counts fit
    ``most_bytes`` they are counted once, on first use, and kept (the upper half is counted and mirrored); otherwise every
    walk over them counts stripes of rows that fit anew, and each stripe is a pass over the data.

    Args:
        batches: each call streams the same bags anew: (batch, V) zeros and ones, on any device, or lists of words, which take less time.
        words: V.
        most_bytes: how much memory the counts may take: 4 bytes a count, 8 beyond 2^24 windows.

    Attributes:
        words: V.
        windows: N, how many bags there are.
        present: (V,) float64, in how many windows each word is.
        dtype: of the counts: float32, or float64 beyond 2^24 windows, where float32 would round.

    Raises:
        DataError: there is no window, or bags are not V wide.
        SettingError: most_bytes does not hold one row of counts.

    >>> bags = torch.tensor([[1.0, 1.0, 0.0], [1.0, 0.0, 0.0]])
    >>> counts = Cooccurrence(lambda: [bags], words=3)
    >>> [(start, block.tolist()) for start, block in counts.blocks(2)]
    [(0, [[2.0, 1.0, 0.0], [1.0, 1.0, 0.0]]), (2, [[0.0, 0.0, 0.0]])]
    """

    def __init__(
        self, batches: Callable[[], Iterable[Tensor | SparseBags]], words: int, most_bytes: int = 512 * MEBIBYTE
    ):
        self.words = words
        self.windows = 0
        self._batches = batches
        present = torch.zeros(words, dtype=torch.float64)
        self._held: list[SparseBags] = []
        """All bags, where a product with them is faster than with their counts; else none."""
        filled, most_filled = 0.0, min(words**2 // LEAST_CELLS, most_bytes * MOST_SHARE // BYTES)
        for bags in batches():
            shape = (len(bags), bags.words) if isinstance(bags, SparseBags) else tuple(bags.shape)
            if len(shape) != 2 or shape[1] != words:
                raise DataError(f"bags of the shape {shape} do not fit {words} words: (batch, {words}) is needed")
            if isinstance(bags, SparseBags):
                present += bags.word_offsets.diff()
                filled += len(bags.columns)
                self._held.append(bags)
            else:
                present += bags.sum(0, dtype=torch.float32).double().cpu()
                filled = math.inf
            if filled > most_filled:
                self._held.clear()
            self.windows += len(bags)
        if self.windows == 0:
            raise DataError("there is no window to count words in")
        self.present = present
        self.dtype = torch.float32 if self.windows <= EXACT else torch.float64
        self._rows = most_bytes // (words * self.dtype.itemsize)
        if self._rows == 0:
            raise SettingError(
                f"most_bytes={most_bytes} does not hold one row of counts of {words} words:"
                f" give {words * self.dtype.itemsize} or more"
            )
        self._common = (present > COMMON * self.windows).numpy()
        self._counts: Tensor | None = None

    def blocks(self, size: int = BLOCK) -> Iterator[tuple[int, Tensor]]:
        """Yield the rows of F^T F, at most ``size`` at a time: pairs of the first row's index and a block (rows, V).

        Blocks may be views of what is kept: not to be written to.
        """
        step = self.words if self.keeps_all else self._rows
        for first in range(0, self.words, step):
            last = min(first + step, self.words)
            stripe = self._all() if self.keeps_all else self._stripe(first, last)
            for start in range(first, last, size):
                yield start, stripe[start - first : min(start + size, last) - first]

    def covariance_blocks(self, size: int = BLOCK) -> Iterator[tuple[int, Tensor]]:
        """Yield the rows of the covariance F^T F / N - p p^T, p = present / N, as :meth:`blocks` does, in float64."""
        share = self.present / self.windows
        for start, counts in self.blocks(size):
            block = counts.double().div_(self.windows)
            yield start, block.addr_(share[start : start + len(block)], share, alpha=-1)

    def covariance_times(self, matrix: Tensor) -> Tensor:
        """Return the covariance times a matrix (V, columns), in the matrix's dtype.

        Without counting where counts are not kept, or where the bags are kept instead, being so few and so empty that two products with
        them are faster.
        """
        share = (self.present / self.windows).to(matrix.dtype)
        with torch.autocast("cpu", enabled=False):
            if self._held:
                product, matrix = torch.zeros_like(matrix), matrix.contiguous()
                for bags in self._held:
                    product += bags.sum_bags(bags.sum_words(matrix))
            elif self.keeps_all:
                product = torch.cat([block.to(matrix.dtype) @ matrix for _, block in self.blocks()])
            else:
                product = torch.zeros_like(matrix)
                for bags in self._dense():
                    held = bags.to(matrix.dtype)
                    product.addmm_(held.T, held @ matrix)
            return product.div_(self.windows).sub_(share[:, None] * (share @ matrix))

    def among(self, indices: Sequence[int] | np.ndarray | Tensor) -> Tensor:
        """Return the counts among n words: (n, n)."""
        chosen = torch.as_tensor(np.asarray(indices), dtype=torch.int64)
        if self.keeps_all:
            return self._all()[chosen[:, None], chosen]
        counts = torch.zeros(len(chosen), len(chosen), dtype=self.dtype)
        for bags in self._dense():
            held = bags[:, chosen].to(self.dtype)
            with torch.autocast("cpu", enabled=False):
                counts.addmm_(held.T, held)
        return counts

    @property
    def keeps_all(self) -> bool:
        """Whether all counts fit the memory allowed, so that they are counted once."""
        return self._rows >= self.words

    def _all(self) -> Tensor:
        if self._counts is None:
            counts = torch.zeros(self.words, self.words, dtype=self.dtype)
            for part in self._products():
                for start in range(0, self.words, BLOCK):
                    stop = min(start + BLOCK, self.words)
                    counts[start:stop, start:] += part.rows(start, stop, start)
            for start in range(0, self.words, BLOCK):
                stop = min(start + BLOCK, self.words)
                counts[stop:, start:stop] = counts[start:stop, stop:].T
            self._counts = counts
        return self._counts

    def _stripe(self, first: int, last: int) -> Tensor:
        counts = torch.zeros(last - first, self.words, dtype=self.dtype)
        for part in self._products():
            for start in range(first, last, BLOCK):
                stop = min(start + BLOCK, last)
                counts[start - first : stop - first] += part.rows(start, stop, 0)
        return counts

    def _dense(self) -> Iterator[Tensor]:
        for bags in self._batches():
            yield bags.dense() if isinstance(bags, SparseBags) else bags.cpu()

    def _products(self) -> Iterator[Products]:
        batches = (bags if isinstance(bags, SparseBags) else bags.cpu().numpy() for bags in self._batches())
        return products(batches, self._common)
