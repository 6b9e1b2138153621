"""A user's own text: .txt (a row a line), .jsonl, .csv or .parquet (a column), plain or .gz, one file or many by a glob."""

import codecs
import glob
import gzip
import logging
import shutil
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa

from bows.data.build import Text
from bows.data.corpus import file_digest
from bows.data.sources.arrow_rows import first_line, load_quietly, text_rows
from bows.errors import DataError

log = logging.getLogger(__name__)

_BUILDERS = {".txt": "text", ".jsonl": "json", ".json": "json", ".csv": "csv", ".parquet": "parquet"}
_REPLACED = {"bytes": 0}


def _count_and_replace(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    _REPLACED["bytes"] += error.end - error.start
    return "\ufffd", error.end


codecs.register_error("bows-count-and-replace", _count_and_replace)


def find_files(setting: str, patterns: str | list[str]) -> list[Path]:
    """Files that a path, a glob or a list of them names, in order, each once.

    Raises DataError, naming the setting, where one matches nothing, cannot be read, is empty, is binary, or is of an unknown kind.
    """
    files: dict[Path, None] = {}
    for pattern in [patterns] if isinstance(patterns, str) else patterns:
        matches = (
            sorted(glob.glob(pattern, recursive=True))
            if glob.has_magic(pattern) and not Path(pattern).exists()
            else [pattern]
        )
        if not matches:
            raise DataError(
                f"{setting}={pattern}: no file matches; check the path (it is relative to the folder you start from)"
            )
        for match in matches:
            _look_at(setting, Path(match))
            files[Path(match)] = None
    return list(files)


def _look_at(setting: str, path: Path) -> None:
    if not path.exists():
        raise DataError(
            f"{setting}={path}: there is no such file; check the path (it is relative to the folder you start from)"
        )
    if path.is_dir():
        raise DataError(f"{setting}={path}: this is a folder; name files, or a glob such as {path}/*.txt")
    kind = _kind(path)
    if kind not in _BUILDERS:
        raise DataError(
            f"{setting}={path}: unknown kind of file {kind!r}; allowed: {', '.join(_BUILDERS)}, each also as .gz"
        )
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            start = file.read(1 << 16)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{setting}={path}: cannot be read ({error}); check that the file is whole") from None
    if not start:
        raise DataError(f"{setting}={path}: the file is empty; give one with text")
    if kind != ".parquet" and b"\0" in start:
        raise DataError(f"{setting}={path}: this is a binary file (it holds NUL bytes), not text; give UTF-8 text")


def _kind(path: Path) -> str:
    return Path(path.name.removesuffix(".gz")).suffix.lower()


def files_identity(files: dict[str, list[Path]]) -> dict[str, list[str]]:
    """The kind and a digest of every file, by split: the corpus is keyed by what the text is, not by where it lies."""
    return {split: [f"{_kind(path)} {file_digest(path)}" for path in paths] for split, paths in files.items()}


def files_text(files: dict[str, list[Path]], column: str) -> Text:
    """Rows of the files of each split. `column` names the text in jsonl, csv and parquet files.

    Raises DataError for a column that is not there or a file that does not parse. Bytes that are not UTF-8 are replaced, counted
    and recorded.
    """
    _REPLACED["bytes"] = 0

    def stream(paths: list[Path]) -> Iterator[pa.Array]:
        for path in paths:
            yield from _rows(path, column)

    return Text(
        splits={split: lambda paths=paths: stream(paths) for split, paths in files.items()},
        facts=lambda: {
            "kind": "files",
            "files": {split: [str(path) for path in paths] for split, paths in files.items()},
            "bytes_replaced": _REPLACED["bytes"],
        },
    )


@contextmanager
def _readable(path: Path, builder: str) -> Iterator[Path]:
    """The file, or for the time of reading an unpacked copy: from .gz, datasets reads lines without regard to `encoding_errors`, and
    Parquet, which is read from its end, not at all."""
    if path.suffix != ".gz" or builder not in {"text", "parquet"}:
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="bows-") as folder:
        copy = Path(folder) / path.name.removesuffix(".gz")
        with gzip.open(path) as packed, copy.open("wb") as file:
            shutil.copyfileobj(packed, file, 1 << 20)
        yield copy


def _rows(path: Path, column: str) -> Iterator[pa.Array]:
    builder = _BUILDERS[_kind(path)]
    # The encoding is spelt so that the reader of JSON decodes at all: "utf-8" it takes for clean.
    options = {} if builder == "parquet" else {"encoding": "utf8", "encoding_errors": "bows-count-and-replace"}
    before = _REPLACED["bytes"]
    try:
        with _readable(path, builder) as readable:
            exactly = glob.escape(str(readable))  # datasets takes names for globs
            dataset = load_quietly(builder, data_files={"train": [exactly]}, split="train", streaming=True, **options)
            _REPLACED["bytes"] = before  # loading may have decoded the file's start, to learn its columns
            yield from text_rows(dataset, "text" if builder == "text" else column, str(path))
    except DataError:
        raise
    except Exception as error:
        # datasets wraps whatever its readers raise in errors of its own, of many classes; whatever it is, the file cannot be read.
        cause = error.__cause__ or error
        raise DataError(
            f"{path}: cannot be read as {builder} ({first_line(cause)}); check that the file is whole"
        ) from error
    if replaced := _REPLACED["bytes"] - before:
        log.warning("%s: %d bytes are not UTF-8 and were replaced", path, replaced)
