"""The words of one split on their way to disk: chunk by chunk, as positions in each chunk's own list of distinct words."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bows.data.tokenize import WordChunk


class Spill:
    """Chunks of words in a folder. Rows are numbered through all chunks, in order."""

    def __init__(self, folder: Path):
        folder.mkdir(parents=True)
        self.folder = folder
        self.rows = 0
        self.bytes = 0
        self._first_rows: list[int] = []

    def add(self, chunk: WordChunk, text_bytes: int) -> None:
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
        """The chunks that hold rows first to last - 1, cut to those rows."""
        ends = [*self._first_rows[1:], self.rows]
        for number, (begin, end) in enumerate(zip(self._first_rows, ends, strict=True)):
            if end <= first or begin >= last:
                continue
            with pa.memory_map(str(self.folder / f"{number}.words")) as file:
                words = pa.ipc.open_file(file).read_all()["word"].combine_chunks()
            ids = np.load(self.folder / f"{number}.ids.npy")
            per_row = np.load(self.folder / f"{number}.per_row.npy")
            low, high = max(first - begin, 0), min(last, end) - begin
            ids_begin = int(per_row[:low].sum())
            per_row = per_row[low:high]
            yield WordChunk(words, ids[ids_begin : ids_begin + int(per_row.sum())], per_row)

    def counts(self, first: int, last: int) -> Iterator[tuple[pa.Array, np.ndarray]]:
        """For each chunk of the rows: its distinct words, and how often each occurs."""
        for chunk in self.chunks(first, last):
            yield chunk.words, chunk.counts()

    def write_bags(self, folder: Path, vocabulary: list[str], first: int, last: int) -> int:
        """Write `indptr.npy` and `indices.npy` of the rows: sorted distinct vocabulary indices a row. Returns their number."""
        folder.mkdir()
        size = len(vocabulary)
        known = pa.array(vocabulary, pa.string())
        dtype = np.dtype(np.uint16 if size <= 1 << 16 else np.uint32)
        lengths = []
        with _NpyWriter(folder / "indices.npy", dtype) as indices:
            for chunk in self.chunks(first, last):
                rows = len(chunk.per_row)
                key = np.int32 if rows * size < 2**31 else np.int64
                to_index = pc.index_in(chunk.words, known).fill_null(-1).to_numpy()
                index = np.append(to_index, -1).astype(key)[chunk.ids]
                base = np.arange(rows + 1, dtype=np.int64) * size
                keys = np.repeat(base[:-1].astype(key), chunk.per_row) + index
                keys = keys[index >= 0]
                # Sorting keys and comparing neighbours is far faster than np.unique.
                keys.sort()
                keys = keys[np.concatenate([[True], keys[1:] != keys[:-1]])] if len(keys) else keys
                length = np.diff(np.searchsorted(keys, base))
                indices.append((keys - np.repeat(base[:-1].astype(key), length)).astype(dtype))
                lengths.append(length)
        indptr = np.concatenate([[0], np.cumsum(np.concatenate(lengths))]).astype(np.int64)
        np.save(folder / "indptr.npy", indptr)
        return int(indptr[-1])


class _NpyWriter:
    """A one-dimensional .npy file whose length is known only at its end: the header is written last, in room kept for it."""

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
