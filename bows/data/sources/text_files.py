"""Find text files of one's own: paths, globs, folders or standard input, in any of the kinds of bows.data.sources.readers."""

import atexit
import glob
import logging
import shutil
import sys
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pyarrow as pa

from bows.data.build import Text
from bows.data.sources.readers import (
    COMPRESSIONS,
    KINDS,
    UNREADABLE,
    ReadCounts,
    encoding_of,
    file_rows,
    kind_of,
    open_bytes,
)
from bows.errors import DataError
from bows.files import file_digest

log = logging.getLogger(__name__)

STANDARD_INPUT = "-"
_COPY_OF_STANDARD_INPUT = "bows-standard-input.txt"


def find_files(setting: str, patterns: str | list[str]) -> list[Path]:
    """Return the files that a path, a glob, a folder, "-" (standard input) or a list of them names, in order, each once.

    Of a folder, all files of a known kind in it and in the folders inside it are taken, in order of their names.

    Raises:
        DataError: one matches nothing, cannot be read, is empty, is binary, or is of an unknown kind; with the name of the setting.
    """
    files: dict[Path, None] = {}
    for pattern in [patterns] if isinstance(patterns, str) else patterns:
        if pattern == STANDARD_INPUT:
            matches = [_standard_input(setting)]
        elif Path(pattern).is_dir():
            matches = _files_in(setting, Path(pattern))
        elif glob.has_magic(pattern) and not Path(pattern).exists():
            matches = [Path(path) for path in sorted(glob.glob(pattern, recursive=True))]
        else:
            matches = [Path(pattern)]
        if not matches:
            raise DataError(
                f"{setting}={pattern}: no file matches; check the path (it is relative to the folder you start from)"
            )
        for match in matches:
            _check(setting, match)
            files[match] = None
    return list(files)


def _files_in(setting: str, folder: Path) -> list[Path]:
    inside = sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))
    known = [path for path in inside if kind_of(path)[0] in KINDS]
    if not known:
        raise DataError(f"{setting}={folder}: no file of a known kind in this folder; allowed: {', '.join(KINDS)}")
    if other := len(inside) - len(known):
        log.warning("%s=%s: %d files of other kinds are not read", setting, folder, other)
    return known


@cache
def _standard_input(setting: str) -> Path:
    """Return a file with what standard input holds, a row a line; it is deleted when the process ends."""
    if sys.stdin is None or sys.stdin.isatty():
        raise DataError(f"{setting}=-: standard input is a terminal; give text by a pipe, or a file")
    folder = Path(tempfile.mkdtemp(prefix="bows-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    with (folder / _COPY_OF_STANDARD_INPUT).open("wb") as file:
        shutil.copyfileobj(sys.stdin.buffer, file, 1 << 20)
    return folder / _COPY_OF_STANDARD_INPUT


def _shown(path: Path) -> str:
    return STANDARD_INPUT if path.name == _COPY_OF_STANDARD_INPUT else str(path)


def _check(setting: str, path: Path) -> None:
    if not path.exists():
        raise DataError(
            f"{setting}={path}: there is no such file; check the path (it is relative to the folder you start from)"
        )
    if path.is_dir():
        raise DataError(f"{setting}={path}: this is a folder; name files, or a glob such as {path}/*.txt")
    kind, _ = kind_of(path)
    if kind not in KINDS:
        raise DataError(
            f"{setting}={path}: unknown kind of file {kind!r}; allowed: {', '.join(KINDS)}, each also as {', '.join(COMPRESSIONS)}"
        )
    try:
        with open_bytes(path) as file:
            start = file.read(1 << 16)
    except UNREADABLE as error:
        raise DataError(f"{setting}={path}: cannot be read ({error}); check that the file is whole") from None
    if not start:
        raise DataError(f"{setting}={path}: the file is empty; give one with text")
    if kind != ".parquet" and b"\0" in start and not encoding_of(start):
        raise DataError(
            f"{setting}={path}: this is a binary file (it holds NUL bytes), not text; give UTF-8 text, or UTF-16 with a byte order mark"
        )


def files_identity(files: dict[str, list[Path]]) -> dict[str, list[str]]:
    """Return the kind and a digest of every file, by split: the corpus is keyed by the text, not by its place."""
    return {split: [f"{kind_of(path)[0]} {file_digest(path)}" for path in paths] for split, paths in files.items()}


def files_text(files: dict[str, list[Path]], column: str) -> Text:
    """Return the rows of the files of each split, and what was replaced and skipped in them.

    Args:
        files: files by split.
        column: the column with the text, in all kinds but .txt.
    """
    counts = ReadCounts()

    def stream(paths: list[Path]) -> Iterator[pa.Array]:
        for path in paths:
            replaced, skipped = counts.bytes_replaced, counts.cells_skipped
            yield from file_rows(path, column, counts)
            if replaced := counts.bytes_replaced - replaced:
                log.warning("%s: %d bytes are not UTF-8 and were replaced", path, replaced)
            if skipped := counts.cells_skipped - skipped:
                log.warning("%s: %d empty cells without a column in the header were skipped", path, skipped)

    return Text(
        splits={split: lambda paths=paths: stream(paths) for split, paths in files.items()},
        facts=lambda: {
            "kind": "files",
            "files": {split: [_shown(path) for path in paths] for split, paths in files.items()},
            "bytes_replaced": counts.bytes_replaced,
            "cells_skipped": counts.cells_skipped,
        },
    )
