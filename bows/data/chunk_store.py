"""Keep the words of one split on disk, chunk by chunk, as positions in each chunk's own list of distinct words."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bows.data.tokenize import WordChunk

Item = TypeVar("Item")
Result = TypeVar("Result")


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
        np.save(self.folder / f"{number}.ids.npy", chunk.ids)
        np.save(self.folder / f"{number}.per_row.npy", chunk.per_row)
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
        ids = np.load(self.folder / f"{number}.ids.npy")
        per_row = np.load(self.folder / f"{number}.per_row.npy")
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

        lengths = []
        with _NpyWriter(folder / "indices.npy", _index_type(len(vocabulary))) as indices:
            for chunk, length in map_in_order(bags, self._places(first, last)):
                indices.append(chunk)
                lengths.append(length)
        indptr = np.concatenate([[0], np.cumsum(np.concatenate(lengths))]).astype(np.int64)
        np.save(folder / "indptr.npy", indptr)
        return int(indptr[-1])


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


class _NpyWriter:
    """A one-dimensional .npy file whose length is known only at its end: the header is written last, in space reserved for it."""

    HEADER = 128

    def __init__(self, path: Path, dtype: np.dtype):
        self.dtype = dtype
        self.length = 0
        self._file = path.open("wb")

    def __enter__(self):
        self._file.write(b" " * self.HEADER)
        return self

    def append(self, values: np.ndarray) -> None:
        self._file.write(values.tobytes())
        self.length += len(values)

    def __exit__(self, kind, error, trace) -> None:
        fields = f"{{'descr': {self.dtype.str!r}, 'fortran_order': False, 'shape': ({self.length},), }}"
        magic = np.lib.format.magic(1, 0)
        room = self.HEADER - len(magic) - 2
        self._file.seek(0)
        self._file.write(magic + room.to_bytes(2, "little") + fields.ljust(room - 1).encode("latin1") + b"\n")
        self._file.close()
