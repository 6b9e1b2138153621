"""Keep the words of one split on disk, chunk by chunk, as positions in each chunk's own list of distinct words."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

# Bytes of the header of a one-dimensional .npy file.
HEADER = 128

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class WordChunk:
    """The words of some rows, in order.

    Attributes:
        words: (distinct words,) strings.
        ids: (occurrences,) uint32, positions in `words`, or len(words) for a token without a word (dropping it costs more than
            carrying it).
        per_row: (rows,) int64, the number of `ids` of each row.
    """

    words: pa.Array
    ids: np.ndarray
    per_row: np.ndarray

    def counts(self) -> np.ndarray:
        """Return how often each word occurs, (distinct words,) int64."""
        return np.bincount(self.ids, minlength=len(self.words) + 1)[:-1]


class ChunkStore:
    """Chunks of words in a folder. Rows are numbered through all chunks, in order."""

    def __init__(self, folder: Path):
        folder.mkdir(parents=True)
        self.folder = folder
        self.rows = 0
        self.bytes = 0
        self._first_rows: list[int] = []

    def add(self, chunk: WordChunk, text_bytes: int) -> None:
        """Write a chunk after those that are there; `text_bytes` is the size of its text."""
        number = len(self._first_rows)
        with pa.OSFile(str(self.folder / f"{number}.words"), "wb") as file:
            table = pa.table({"word": chunk.words.cast(pa.string())})
            with pa.ipc.new_file(file, table.schema) as writer:
                writer.write_table(table)
        # Bytes without a header: threads read them, and numpy parses a header with `ast`, which fails now and then in two threads of
        # Python 3.11 (SystemError, "AST constructor recursion depth mismatch").
        (self.folder / f"{number}.ids").write_bytes(np.ascontiguousarray(chunk.ids, np.uint32).data)
        (self.folder / f"{number}.per_row").write_bytes(np.ascontiguousarray(chunk.per_row, np.int64).data)
        self._first_rows.append(self.rows)
        self.rows += len(chunk.per_row)
        self.bytes += text_bytes

    def chunks(self, first: int, last: int) -> Iterator[WordChunk]:
        """Yield the chunks that hold rows `first` to `last - 1`, cut to those rows."""
        return (self._read(*place) for place in self._places(first, last))

    def _places(self, first: int, last: int) -> Iterator[tuple[int, int, int]]:
        """Yield the number of each chunk with rows from `first` to `last - 1`, and the first and last of them in the chunk."""
        ends = [*self._first_rows[1:], self.rows]
        for number, (begin, end) in enumerate(zip(self._first_rows, ends, strict=True)):
            if end > first and begin < last:
                yield number, max(first - begin, 0), min(last, end) - begin

    def _read(self, number: int, low: int, high: int) -> WordChunk:
        with pa.memory_map(str(self.folder / f"{number}.words")) as file:
            words = pa.ipc.open_file(file).read_all()["word"].combine_chunks()
        ids = np.fromfile(self.folder / f"{number}.ids", np.uint32)
        per_row = np.fromfile(self.folder / f"{number}.per_row", np.int64)
        begin = int(per_row[:low].sum())
        per_row = per_row[low:high]
        return WordChunk(words, ids[begin : begin + int(per_row.sum())], per_row)

    def counts(self, first: int, last: int) -> Iterator[tuple[pa.Array, np.ndarray]]:
        """Yield the distinct words of each chunk of the rows, and how often each occurs."""
        for chunk in self.chunks(first, last):
            yield chunk.words, chunk.counts()

    def write_bags(self, folder: Path, vocabulary: list[str], first: int, last: int) -> int:
        """Write `indptr.npy` and `indices.npy`, the sorted distinct vocabulary indices of each row; return the number of indices."""
        folder.mkdir()
        known = pa.array(vocabulary, pa.string())

        def bags(place: tuple[int, int, int]) -> tuple[np.ndarray, np.ndarray]:
            return _bags(self._read(*place), known)

        lengths = [np.zeros(1, np.int64)]

        def indices() -> Iterator[np.ndarray]:
            for chunk, length in map_in_order(bags, self._places(first, last)):
                lengths.append(length)
                yield chunk

        entries = save_array(folder / "indices.npy", indices())
        save_array(folder / "indptr.npy", [np.cumsum(np.concatenate(lengths), dtype=np.int64)])
        return entries


def _index_type(words: int) -> np.dtype:
    return np.dtype(np.uint16 if words <= 1 << 16 else np.uint32)


def _bags(chunk: WordChunk, vocabulary: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """Return the sorted distinct vocabulary indices of one row after another, and the number of each row's."""
    size, rows = len(vocabulary), len(chunk.per_row)
    key = np.int32 if rows * size < 2**31 else np.int64
    index = np.append(pc.index_in(chunk.words, vocabulary).fill_null(-1).to_numpy().astype(key), key(-1))[chunk.ids]
    found = index >= 0
    base = np.arange(rows + 1, dtype=np.int64) * size
    keys = np.repeat(base[:-1].astype(key), chunk.per_row)[found] + index[found]
    # Sorting keys and comparing neighbours is far faster than np.unique; rows are in order already, which a stable sort makes use of.
    keys.sort(kind="stable")
    keys = keys[np.concatenate([[True], keys[1:] != keys[:-1]])] if len(keys) else keys
    length = np.diff(np.searchsorted(keys, base))
    return (keys - np.repeat(base[:-1].astype(key), length)).astype(_index_type(size)), length


def map_in_order(function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """Yield `function(item)` of each item in order, computed by as many threads as there are cores; at most one item waits per thread."""
    workers = pa.cpu_count()  # OMP_NUM_THREADS where that is set, or the cores that this process may use
    if workers == 1:
        yield from map(function, items)
        return
    waiting: deque[Future] = deque()
    with ThreadPoolExecutor(workers) as pool:
        try:
            for item in items:
                waiting.append(pool.submit(function, item))
                if len(waiting) > workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def save_array(path: Path, parts: Iterable[np.ndarray]) -> int:
    """Write one-dimensional arrays, one after another, as one .npy file; return its length.

    `np.save` reports no error where the disk is full. The length is known at the end, so the header is written last.

    Args:
        path: the file.
        parts: the arrays, of one type, at least one.
    """
    length, dtype = 0, np.dtype(np.uint16)
    with path.open("wb") as file:
        file.write(b" " * HEADER)
        for part in parts:
            dtype = part.dtype
            file.write(np.ascontiguousarray(part).data)
            length += len(part)
        file.seek(0)
        fields = {"descr": dtype.str, "fortran_order": False, "shape": (length,)}
        np.lib.format.write_array_header_1_0(file, fields)
        assert file.tell() == HEADER
    return length
