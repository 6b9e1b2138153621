"""Read the rows of one local file: text, JSON lines, CSV, TSV or Parquet, plain or compressed.

Files are read by pyarrow and the standard library, never through `datasets`, so no cache of the Hugging Face Hub is needed.
Text formats become blocks of whole lines in UTF-8: UTF-16 and UTF-32 are recognized by their byte order mark, and bytes that are not
UTF-8 are replaced and counted. Cells are text, whatever they look like; nothing is shifted to another column or given another type.
"""

import bz2
import codecs
import csv
import gzip
import io
import json
import lzma
import re
import shutil
import sys
import tempfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import IO, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from bows.errors import DataError, cannot_write

# A little more than bows.data.build cuts text into, so that a block needs no copy.
BLOCK_BYTES = 6 << 20
ROWS_AT_A_TIME = 20_000

KINDS = (".txt", ".jsonl", ".json", ".csv", ".tsv", ".parquet")
# UTF-32 first: its mark begins with that of UTF-16.
_BYTE_ORDER_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32", codecs.BOM_UTF32_BE: "utf-32", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16",
}  # fmt: skip


_OPENERS: dict[str, Callable[[Path, str], Any]] = {
    ".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open,
    ".zst": lambda path, mode: pa.CompressedInputStream(pa.OSFile(str(path), mode), "zstd"),
}  # fmt: skip
COMPRESSIONS = tuple(_OPENERS)
# What the readers of damaged files raise.
UNREADABLE = (OSError, EOFError, zlib.error, lzma.LZMAError, pa.ArrowException, csv.Error, ValueError)


@dataclass
class ReadCounts:
    """What was changed while reading: bytes that were not UTF-8 and replaced, and empty cells beyond the header's columns."""

    bytes_replaced: int = 0
    cells_skipped: int = 0


def kind_of(path: Path) -> tuple[str, str]:
    """Return the suffix of a file's kind and that of its compression, in lower case; "" where there is none.

    >>> kind_of(Path("X.TXT.GZ")), kind_of(Path("a.parquet"))
    (('.txt', '.gz'), ('.parquet', ''))
    """
    last = path.suffix.lower()
    return (path.with_suffix("").suffix.lower(), last) if last in _OPENERS else (last, "")


def open_bytes(path: Path) -> IO[bytes]:
    """Open a file for reading, decompressed."""
    return _OPENERS.get(kind_of(path)[1], open)(path, "rb")


def encoding_of(start: bytes) -> str | None:
    """Return utf-16 or utf-32 for the first bytes of a file with such a byte order mark, and the NUL bytes that such text has."""
    if b"\0" not in start:
        return None
    return next((name for mark, name in _BYTE_ORDER_MARKS.items() if start.startswith(mark)), None)


def file_rows(path: Path, column: str, counts: ReadCounts) -> Iterator[pa.Array]:
    """Yield the rows of a file, (rows,) strings at a time, with nulls for empty rows.

    Args:
        path: a file of a kind in KINDS, also with a suffix in COMPRESSIONS.
        column: the column with the text, for all kinds but .txt.
        counts: is added to.

    Raises:
        DataError: the file cannot be read, or its column is missing or does not hold text.
    """
    kind, _ = kind_of(path)
    try:
        if kind == ".parquet":
            yield from _parquet_rows(path, column)
        elif kind == ".txt":
            yield from map(_lines, _blocks(path, counts))
        elif kind in {".csv", ".tsv"}:
            yield from _table_rows(path, column, counts)
        else:
            yield from _json_rows(path, column, counts)
    except DataError:
        raise
    except UNREADABLE as error:
        raise DataError(
            f"{path}: cannot be read as {kind[1:]} ({first_line(error)}); check that the file is whole"
        ) from error


def first_line(error: BaseException) -> str:
    """Return the message of an error in one line."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def _blocks(path: Path, counts: ReadCounts) -> Iterator[bytes]:
    """Yield a text file as blocks of whole lines, in UTF-8 without a byte order mark."""
    with open_bytes(path) as file:
        start = file.read(BLOCK_BYTES)
        encoding = encoding_of(start)
        decoder = codecs.getincrementaldecoder(encoding)() if encoding else None
        block = start if decoder else start.removeprefix(codecs.BOM_UTF8)
        held: list[bytes] = []
        while block:
            if decoder:
                block = decoder.decode(block).encode()
            # Lines may end in "\r" alone, but the last character of a block may be half of "\r\n".
            cut = max(block.rfind(b"\n"), block.rfind(b"\r", 0, -1)) + 1
            if cut:
                yield _valid(b"".join([*held, block[:cut]]), counts)
                held = []
            held.append(block[cut:])
            block = file.read(BLOCK_BYTES)
        if decoder:
            held.append(decoder.decode(b"", final=True).encode())
    if rest := b"".join(held):
        yield _valid(rest, counts)


def _valid(block: bytes, counts: ReadCounts) -> bytes:
    """Return a block as valid UTF-8: stretches of other bytes are replaced by U+FFFD, and the bytes counted."""
    try:
        offsets = pa.py_buffer(np.array([0, len(block)]))
        pa.LargeStringArray.from_buffers(1, offsets, pa.py_buffer(block)).validate(full=True)
    except pa.ArrowInvalid:
        counts.bytes_replaced += len(re.findall("[\udc80-\udcff]", block.decode("utf-8", "surrogateescape")))
        return block.decode("utf-8", "replace").encode()
    return block


def _lines(block: bytes) -> pa.Array:
    """Return the lines of a block. They end at LF, CR LF or CR."""
    if b"\r" in block:
        block = block.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    if not block.endswith(b"\n"):
        block += b"\n"
    characters = np.frombuffer(block, np.uint8)
    ends = np.flatnonzero(characters == 10)
    offsets = np.concatenate([[0], ends - np.arange(len(ends))])
    text = pa.py_buffer(characters[characters != 10])
    return pa.LargeStringArray.from_buffers(len(ends), pa.py_buffer(offsets.astype(np.int64)), text)


def _table_rows(path: Path, column: str, counts: ReadCounts) -> Iterator[pa.Array]:
    """Yield a column of a CSV or TSV file. Cells beyond the header's columns are skipped where they are empty, else refused."""
    csv.field_size_limit(sys.maxsize)
    lines = (line for block in _blocks(path, counts) for line in io.StringIO(block.decode(), newline=""))
    reader = csv.reader(lines, delimiter="\t" if kind_of(path)[0] == ".tsv" else ",", strict=True)
    cells = []
    try:
        header = next(reader, [])
        while header and not header[-1]:
            header.pop()
        place, width = place_of(column, header, path), len(header)
        for row in filter(None, reader):
            if len(row) < width or any(row[width:]):
                remedy = "check that the file is whole" if len(row) < width else "put text with separators in quotes"
                raise DataError(f"{path}: line {reader.line_num} has {len(row)} cells and the header {width}; {remedy}")
            counts.cells_skipped += len(row) - width
            cells.append(row[place])
            if len(cells) == ROWS_AT_A_TIME:
                yield pa.array(cells, pa.large_string())
                cells = []
        yield pa.array(cells, pa.large_string())
    except csv.Error as error:
        raise DataError(
            f"{path}: cannot be read as {kind_of(path)[0][1:]} (line {reader.line_num}: {error}); check that the file is whole"
        ) from error


def _json_rows(path: Path, column: str, counts: ReadCounts) -> Iterator[pa.Array]:
    """Yield a key of JSON objects, one a line or in one JSON array. Null and missing values are empty rows."""
    names: dict[str, None] = {}
    missing = True
    values: list[str | None] = []
    for number, value in enumerate(_json_objects(path, counts), 1):
        if not isinstance(value, dict):
            raise DataError(f"{path}: row {number} is not a JSON object; give objects with {column!r}")
        cell = value.get(column)
        if not isinstance(cell, str | None):
            raise DataError(
                f"data.column={column}: row {number} of {path} holds {json.dumps(cell)[:40]}, not text; put it in quotes or choose a "
                "text column"
            )
        if missing:
            missing = column not in value
            names.update(dict.fromkeys(list(value)[:100]))
        values.append(cell)
        if len(values) == ROWS_AT_A_TIME:
            yield _text_array(values, counts)
            values = []
    if missing and names:
        raise missing_column(column, list(names), path)
    yield _text_array(values, counts)


def _json_objects(path: Path, counts: ReadCounts) -> Iterator[Any]:
    lines = (line for block in _blocks(path, counts) for line in io.BytesIO(block))
    first = next((line for line in lines if line.strip()), b"")
    if first.lstrip().startswith(b"["):
        yield from json.loads(b"".join([first, *lines]))
        return
    for number, line in enumerate(chain([first], lines), 1):
        if line.strip():
            try:
                yield json.loads(line)
            except ValueError as error:
                raise ValueError(f"row {number}: {error}") from error


def _text_array(values: list[str | None], counts: ReadCounts) -> pa.Array:
    try:
        return pa.array(values, pa.large_string())
    except UnicodeEncodeError:  # half of a surrogate pair, which JSON can write and no text can hold
        valid = [value and value.encode("utf-16", "surrogatepass").decode("utf-16", "replace") for value in values]
        counts.bytes_replaced += sum(value.count("\ufffd") for value in valid if value)
        return pa.array(valid, pa.large_string())


def _parquet_rows(path: Path, column: str) -> Iterator[pa.Array]:
    """Yield a column of a Parquet file; row groups without rows are skipped."""
    with _unpacked(path) as readable, pq.ParquetFile(readable) as file:
        schema = file.schema_arrow
        place_of(column, schema.names, path)
        check_text(schema.field(column).type, column, path)
        for batch in file.iter_batches(batch_size=2_000, columns=[column]):
            yield as_text(batch.column(0))


def missing_column(column: str, names: list[str], source: object) -> DataError:
    """Return the error for a column that a source lacks, with the first of those that it has."""
    shown = [name if len(name) <= 40 else f"{name[:40]}..." for name in names[:20]]
    shown += [f"{len(names) - 20} more"] if len(names) > 20 else []
    return DataError(f"data.column={column}: {source} has no such column; it has {', '.join(shown)}")


def place_of(column: str, names: list[str], source: object) -> int:
    """Return the place of a column among those of a source. Raises DataError where it is missing or there more than once."""
    if names.count(column) > 1:
        raise DataError(f"data.column={column}: {source} has {names.count(column)} columns of this name; rename them")
    if column not in names:
        raise missing_column(column, names, source)
    return names.index(column)


def check_text(kind: pa.DataType, column: str, source: object) -> None:
    """Raise DataError where an Arrow type is not of text; a column of nulls alone is text without words."""
    held = kind.value_type if pa.types.is_dictionary(kind) else kind
    if held not in {pa.string(), pa.large_string(), pa.string_view(), pa.null()}:
        raise DataError(f"data.column={column}: this column of {source} holds {kind}, not text; choose a text column")


def as_text(values: pa.Array) -> pa.Array:
    """Return text of any Arrow type as large strings. Raises ArrowInvalid where it is not UTF-8, which Arrow's readers do not check."""
    values = values.cast(pa.large_string())
    values.validate(full=True)
    return values


@contextmanager
def _unpacked(path: Path) -> Iterator[Path]:
    """Give the file, or an unpacked copy for the time of reading: Parquet is read from its end."""
    if not kind_of(path)[1]:
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="bows-") as folder:
        copy = Path(folder) / "unpacked"
        with open_bytes(path) as packed:
            try:
                with copy.open("wb") as file:
                    shutil.copyfileobj(packed, file, 1 << 20)
            except OSError as error:
                if (reason := cannot_write(error)) is None:
                    raise
                raise DataError(
                    f"{path}: cannot be unpacked ({reason}); free space in {tempfile.gettempdir()}, or set TMPDIR to another folder"
                ) from error
        yield copy
