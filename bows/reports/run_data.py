"""What the report of a run reads beyond its RunFolder: the words table with the most columns, sets, categories, the words to explain."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from itertools import chain, zip_longest
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from bows.analysis.clusters import category_labels
from bows.analysis.ordered_sets import resolve
from bows.errors import DataError
from bows.files import read_json
from bows.runs.folder import RunFolder, is_number, read_run
from bows.runs.readers import read_words_table

MOST_CHOSEN = 400  # words that a report explains


class RunData:
    """A run folder for a report; what cannot be read raises DataError on access."""

    def __init__(self, folder: Path):
        self.run: RunFolder = read_run(folder)
        self.folder = folder

    @property
    def words(self) -> list[str]:
        """The V words in index order."""
        return self.run.vocabulary

    @property
    def table(self) -> pa.Table:
        """The words table: of the run, or of a later bows.analyze with regimes for the same words on the run's own text."""
        return self._tables[0]

    @property
    def analysis(self) -> str | None:
        """The folder in `analysis` from which `table` comes; None where it is the run's own."""
        return self._tables[1]

    @cached_property
    def _tables(self) -> tuple[pa.Table, str | None]:
        own = self.run.words_table
        if _has_regimes(own):
            return own, None
        for folder in self.analyses:
            try:
                table = read_words_table(folder / "words.parquet")
            except DataError:  # another kind of analysis, or one that did not end
                continue
            if _has_regimes(table) and table.column("word").to_pylist() == own.column("word").to_pylist():
                return table, folder.name
        return own, None

    @cached_property
    def analyses(self) -> list[Path]:
        """The folders of later analyses of the run on its own text, the newest first."""
        folders = sorted(self.folder.glob("analysis/*/"), reverse=True)
        return [folder for folder in folders if not _of_other_text(folder)]

    @cached_property
    def newest(self) -> dict[str, tuple[float, str]]:
        """Metric -> its newest finite value, and the folder in `analysis` that it comes from, empty for the run's own."""
        found = {name: (value, "") for name, value in self.run.summary.items()}
        for folder in reversed(self.analyses):
            try:
                summary = read_json(folder / "summary.json")
            except DataError:  # an analysis of another kind, or one that did not end
                continue
            found |= {name: (float(value), folder.name) for name, value in summary.items() if is_number(value)}
        return found

    @cached_property
    def sets(self) -> dict[str, list[int]]:
        """Word indices of the ordered sets that are entirely in the vocabulary; none of items, whose names only resemble words."""
        if self.run.of_pairs:
            return {}
        given = _mapping(self.run.group("analysis").get("sets")).items()
        found = {name: resolve([str(word) for word in words], self.words) for name, words in given}
        whole = {name: place.indices for name, place in found.items() if not place.missing}
        return {name: indices for name, indices in whole.items() if len(set(indices)) == len(indices) >= 3}

    @cached_property
    def categories(self) -> dict[str, list[str]]:
        """Words of each category of `analysis.categories`."""
        given = _mapping(self.run.group("analysis").get("categories")).items()
        return {name: words.split() if isinstance(words, str) else list(map(str, words or ())) for name, words in given}

    @cached_property
    def chosen(self) -> np.ndarray:
        """(n,) indices of the words that the report explains."""
        words = self.words
        labels = category_labels(self.categories, words, least=3)
        categories = {name: np.flatnonzero(labels.labels == place).tolist() for place, name in enumerate(labels.names)}
        asked = resolve([str(word) for word in self.run.group("analysis").get("nearest_to") or ()], words).indices
        return chosen_words(len(words), self.sets, categories, asked, self.frequency)

    @cached_property
    def places(self) -> np.ndarray | None:
        """(V, 2) positions on the map by neighbours, NaN for a zero column; None where words.parquet has none."""
        try:
            columns = [self.run.words_table.column(name).cast(pa.float64()) for name in "xy"]
        except (DataError, KeyError):
            return None
        return np.stack([column.to_numpy(zero_copy_only=False) for column in columns], 1)

    @cached_property
    def frequency(self) -> np.ndarray | None:
        """(V,) share of the held-out windows with each word, NaN where not known; None where the run has no such column."""
        try:
            table = self.table
        except DataError:
            return None
        if "frequency" not in table.column_names or table.column("frequency").null_count == len(table):
            return None
        return table.column("frequency").cast(pa.float64()).to_numpy(zero_copy_only=False)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _has_regimes(table: pa.Table) -> bool:
    return "regime" in table.column_names and table.column("regime").null_count < len(table)


def _of_other_text(folder: Path) -> bool:
    """Return whether an analysis was asked for other documents, or what it was asked cannot be read."""
    try:
        overrides = (folder / ".hydra" / "overrides.yaml").read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return True
    return any(line.lstrip("- '\"+~").startswith(("data=", "data.")) for line in overrides.splitlines())


def chosen_words(
    count: int,
    sets: Mapping[str, Sequence[int]],
    categories: Mapping[str, Sequence[int]],
    asked: Sequence[int],
    frequency: np.ndarray | None,
    most: int = MOST_CHOSEN,
) -> np.ndarray:
    """Return (n,) ascending indices of at most `most` of V words: those that a report explains, where it cannot explain all.

    These are all, or the ordered sets, those asked for, then in turn the most frequent of each category and of all.

    Args:
        count: V.
        sets: Word indices of each ordered set.
        categories: Word indices of each category.
        asked: Further indices.
        frequency: (V,), None where it is not known: then words are taken in index order.
        most: The largest number of words.

    >>> chosen_words(6, {"set": [4, 5]}, {"sea": [1, 3]}, [2], np.array([6, 5, 4, 3, 2, 1]), most=5).tolist()
    [0, 1, 2, 4, 5]
    """
    if count <= most:
        return np.arange(count)
    rank = np.arange(count) if frequency is None else np.argsort(-np.nan_to_num(frequency), kind="stable")
    place = np.argsort(rank)
    ordered = [sorted(words, key=lambda word: place[word]) for words in categories.values()]
    turns = chain.from_iterable(zip_longest(rank.tolist(), *ordered))
    wanted = dict.fromkeys(chain(chain.from_iterable(sets.values()), asked, turns))
    return np.array(sorted([int(word) for word in wanted if word is not None][:most]))
