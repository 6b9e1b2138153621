"""Choose the vocabulary: the most frequent words of the training rows and those asked for by name, or the words of a given list.

Counts are exact though memory is bounded. The counts of chunks are added up in one table. Where it grows past a limit, the rare words
are dropped from it, and the most that any count can have missed is known. Words that could still be chosen are then counted again,
exactly, from the chunks on disk.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bows.data.chunk_store import ChunkStore
from bows.data.tokenize import WordRules
from bows.errors import DataError, SettingError
from bows.spelling import normalize

# Words held at once while counting: about 150 MB of Arrow table.
TABLE_LIMIT = 2_000_000

# Indices are held in at most 32 bits, and torch reads them with a sign.
MOST_WORDS = 1 << 31


@dataclass(frozen=True)
class Vocabulary:
    """A vocabulary and its counts.

    Attributes:
        words: in index order: by falling count, ties by code point, or as a list gives them.
        counts: occurrences of each in the training rows.
        absent: words asked for that never occur there.
    """

    words: list[str]
    counts: np.ndarray
    absent: list[str]


def choose_vocabulary(
    store: ChunkStore, rows: int, size: int, include: list[str], limit: int = TABLE_LIMIT
) -> Vocabulary:
    """Choose the most frequent words of the first rows of a store.

    Args:
        store: the words of the training split.
        rows: number of training rows.
        size: number of words. The words of `include` are among them wherever they occur, in place of the rarest others.
        include: words, without repetition.
        limit: words held at once while counting.

    Raises:
        SettingError: more words of `include` occur than `size`.
    """
    table = _exact_counts(store, rows, size, include, limit)
    forced = pc.is_in(table["word"], pa.array(include, pa.string())).to_numpy()
    counts = table["count"].to_numpy()
    if len(counts) > size:
        # Sorting strings is slow: only words at least as frequent as the last that can be chosen.
        table = table.filter(pa.array(forced | (counts >= np.partition(counts, -size)[-size])))
    # Ties fall to the lower code point: UTF-8 bytes sort as code points do.
    table = table.take(pc.sort_indices(table, sort_keys=[("count", "descending"), ("word", "ascending")]))
    forced = pc.is_in(table["word"], pa.array(include, pa.string())).to_numpy()
    present = set(table["word"].filter(pa.array(forced)).to_pylist())
    free = size - int(forced.sum())
    if free < 0:
        raise SettingError(
            f"data.vocab_size={size} has no room for the {size - free} words of data.include that occur; allowed: {size - free} or more, "
            "or a shorter data.include"
        )
    table = table.filter(pa.array(forced | (np.cumsum(~forced) <= free)))
    absent = [word for word in dict.fromkeys(include) if word not in present]
    return Vocabulary(table["word"].to_pylist(), table["count"].to_numpy(), absent)


def _exact_counts(store: ChunkStore, rows: int, size: int, include: list[str], limit: int) -> pa.Table:
    """Return a table of words and counts with at least every word that can be chosen, each with its exact count."""
    while True:
        table, missed = _count(store.counts(0, rows), limit)
        if not missed:
            return table
        kept = table["count"].to_numpy()
        threshold = int(np.partition(kept, -size)[-size]) if len(kept) >= size else 0
        if missed < threshold:
            break
        limit *= 2  # so many of the wanted words are rare that none may be dropped so early
    candidates = table["word"].filter(pc.greater_equal(pc.add(table["count"], missed), threshold))
    candidates = pc.unique(pa.concat_arrays([candidates.combine_chunks(), pa.array(include, pa.string())]))
    total = _counts_of(candidates, store, rows)
    return pa.table({"word": candidates.filter(pa.array(total > 0)), "count": total[total > 0]})


def _counts_of(words: pa.Array, store: ChunkStore, rows: int) -> np.ndarray:
    """Return how often each of these distinct words occurs in the first `rows` rows, (words,) int64."""
    total = np.zeros(len(words), np.int64)
    for found, counts in store.counts(0, rows):
        place = pc.index_in(found, words)
        known = pc.is_valid(place).to_numpy(zero_copy_only=False)
        total[place.drop_null().to_numpy()] += counts[known]
    return total


def _count(chunks: Iterator[tuple[pa.Array, np.ndarray]], limit: int) -> tuple[pa.Table, int]:
    """Add up the counts of chunks. Return the table, and the most that the count of any word can have missed (0: all are exact)."""
    schema = pa.schema([("word", pa.string()), ("count", pa.int64())])
    held = [schema.empty_table()]
    missed = 0
    for words, counts in chunks:
        occurring = counts > 0
        held.append(pa.table({"word": words.filter(pa.array(occurring)), "count": counts[occurring]}, schema=schema))
        if sum(map(len, held)) > limit:
            table = _merge(held)
            if len(table) > limit // 2:
                # Drop the rare half. Whatever was dropped may be missing from its word's count from now on.
                cut = int(np.partition(table["count"].to_numpy(), -(limit // 2))[-(limit // 2)])
                table = table.filter(pc.greater(table["count"], cut))
                missed += cut
            held = [table]
    return _merge(held), missed


def _merge(tables: list[pa.Table]) -> pa.Table:
    merged = pa.concat_tables(tables).group_by("word").aggregate([("count", "sum")])
    return merged.select(["word", "count_sum"]).rename_columns(["word", "count"])


@dataclass(frozen=True)
class WordList:
    """Distinct words in index order, and their file as data.vocabulary names it."""

    file: str
    words: list[str]


@dataclass(frozen=True)
class ListedWordRules(WordRules):
    """Word rules for the words of a list, `kept`: all of its numbers are words, whatever their size or zeros in front."""

    @cached_property
    def number_words(self) -> frozenset[str]:
        return frozenset(word for word in self.kept if word.isdigit())


def read_word_list(file: str) -> WordList:
    """Return the words of a UTF-8 file with one word a line, normalized: the word of index i is on line i + 1.

    Raises:
        DataError: the file cannot be read, is empty, repeats a word, or has a line that is not one word; with the line.
    """
    try:
        # A byte order mark is no part of the first word.
        lines = Path(file).read_text(encoding="utf-8-sig").removesuffix("\n").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"data.vocabulary={file}: cannot be read ({getattr(error, 'strerror', None) or error}); give a UTF-8 file with one word a "
            "line, such as a run folder's vocabulary.txt"
        ) from None
    if lines == [""]:
        raise DataError(f"data.vocabulary={file}: the file is empty; give one word a line")
    if len(lines) > MOST_WORDS:
        raise DataError(
            f"data.vocabulary={file}: {len(lines):,} words are more than indices can number; allowed: {MOST_WORDS:,} or fewer"
        )
    line_of: dict[str, int] = {}
    words = [normalize(line) for line in lines]
    for number, word in enumerate(words, 1):
        if word.split() != [word]:
            raise DataError(
                f"data.vocabulary={file}: line {number} is {lines[number - 1]!r}, not one word; give one word a line"
            )
        if line_of.setdefault(word, number) != number:
            raise DataError(
                f"data.vocabulary={file}: the word {word!r} is on lines {line_of[word]} and {number}; give each word once"
            )
    return WordList(file, words)


def listed_vocabulary(store: ChunkStore, rows: int, listed: WordList) -> Vocabulary:
    """Return the words of the list, in its order, with their counts in the first `rows` rows of `store`."""
    counts = _counts_of(pa.array(listed.words, pa.string()), store, rows)
    return Vocabulary(listed.words, counts, [listed.words[place] for place in np.flatnonzero(counts == 0)])
