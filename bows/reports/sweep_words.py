"""R² and frequency of the most frequent words of a sweep's runs, as many as keep the report small."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from bows.errors import DataError
from bows.reports.encoding import packed
from bows.runs.folder import RunFolder

MOST_WORDS = 2000  # a run
MOST_BYTES = 4_000_000  # of all of it together, as text of the page
COLUMNS = ("word", "frequency", "r2")


def word_data(jobs: Sequence[RunFolder]) -> tuple[dict[str, Any], list[str]]:
    """Return the words of completed runs for the script.

    Runs with the same words, or the same frequencies, share them. Numbers are float16: of R² three digits, NaN where a word has none.

    Returns:
        ``lists``, of words; ``frequencies``, an array each; ``runs``, for each job the places of its list and its frequencies and its
        ``r2``, or None. And sentences on what is left out.
    """
    lists: dict[tuple[str, ...], int] = {}
    frequencies: dict[bytes, int] = {}
    runs: list[dict[str, Any] | None] = []
    size, beyond, lacking, cut = 0, 0, 0, 0
    for job in jobs:
        found = _words(job) if job.state == "completed" else None
        if found is None:
            lacking += job.state == "completed"
            runs.append(None)
            continue
        table, whole = found
        words = tuple(table.column("word").to_pylist())
        shares, r2 = (_halves(table, name) for name in COLUMNS[1:])
        told = shares.tobytes()
        added = _size(r2) + (words not in lists) * sum(len(word.encode()) + 3 for word in words)
        added += (told not in frequencies) * _size(shares)
        if size + added > MOST_BYTES:
            beyond += 1
            runs.append(None)
            continue
        size += added
        cut = max(cut, whole)
        place = lists.setdefault(words, len(lists)), frequencies.setdefault(told, len(frequencies))
        runs.append({"list": place[0], "frequency": place[1], "r2": _packed(r2)})
    notes = []
    if cut > MOST_WORDS:
        notes.append(
            f"Of each run the {MOST_WORDS:,} most frequent words are in this report; words.parquet in its folder has all."
        )
    if beyond:
        notes.append(
            f"{_without(beyond, 'run')}: with them, the report would contain more than {MOST_BYTES / 1e6:.0f} MB of words."
        )
    if lacking:
        notes.append(f"{_without(lacking, 'completed run')}: words.parquet is missing, damaged, or without R².")
    data = {
        "lists": [list(words) for words in lists],
        "frequencies": [_packed(np.frombuffer(told, "<f2")) for told in frequencies],
        "runs": runs,
    }
    return data, notes


def _words(job: RunFolder) -> tuple[pa.Table, int] | None:
    """Return the most frequent words of a run, most frequent first, and how many it has in all; None where they cannot be read."""
    try:
        table = parquet.read_table(job.file("words.parquet"), columns=list(COLUMNS))
        frequency = table.column("frequency").cast(pa.float64()).to_numpy(zero_copy_only=False)
        ordered = table.take(
            np.argsort(-frequency, kind="stable")[:MOST_WORDS]
        )  # those without a frequency, NaN, come last
    except (OSError, pa.ArrowException, KeyError, DataError):
        return None
    if len(table) == 0 or table.column("word").null_count:
        return None
    return ordered, len(table)


def _halves(table: pa.Table, name: str) -> np.ndarray:
    values = table.column(name).cast(pa.float64()).to_numpy(zero_copy_only=False)
    largest = float(np.finfo(np.float16).max)
    return np.clip(values, -largest, largest).astype("<f2")  # an R² of a word that hardly varies may be far below 0


def _packed(halves: np.ndarray) -> dict[str, Any]:
    """As the whole numbers that hold the bits: not every browser reads float16 itself."""
    return packed(halves.view("<u2"), "u2")


def _size(halves: np.ndarray) -> int:
    return -(-halves.nbytes // 3) * 4 + 60  # base64, and the names around it


def _without(count: int, what: str) -> str:
    return f"{count} {what}s have no words here" if count > 1 else f"1 {what} has no words here"
