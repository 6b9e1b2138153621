"""Controls that take evidence out of a corpus: rows or windows in which words of a set are together, or go-between words altogether.

`words` with `at_least`: what contains that many different words of the set is left out. By `unit=row` such a row becomes empty, as one
under data.min_chars is, so that every other row keeps its windows; the words may still meet across the rows of a window. By `unit=window`
no window with that many of them is read, of any split. `between`: these words are taken out of every row and stay in the vocabulary,
present nowhere. A geometry of `words` that is still there does not come from the co-occurrences that were left out.

Sources: Karkada et al. (2602.15029) leave out sentences with two months; Korchinski et al. the pairs of a relation.
"""

import logging
from collections.abc import Sequence
from typing import Annotated, Literal, NotRequired

import numpy as np
from pydantic import AfterValidator, Field
from typing_extensions import TypedDict

from bows.data.corpus import Bags, Corpus, derived
from bows.errors import SettingError
from bows.setting_types import Count, Words
from bows.spelling import normalize

log = logging.getLogger(__name__)


class Remove(TypedDict):
    """Setting data.remove: the set of words with the number and the unit that decide, and words to take out altogether."""

    words: NotRequired[Annotated[Words, Field(min_length=1)]]
    at_least: NotRequired[Count]
    unit: NotRequired[Literal["row", "window"]]
    between: NotRequired[Annotated[Words, Field(min_length=1)]]


def _check(remove: Remove) -> Remove:
    words, at_least = remove.get("words"), remove.get("at_least", 2)
    if words is None and "between" not in remove:
        raise SettingError(
            "data.remove names no words; give words=[...] that must not be together, between=[...], or both"
        )
    if words is None and (given := [name for name in ("at_least", "unit") if name in remove]):
        raise SettingError(f"data.remove.{given[0]} is of data.remove.words, which is not given; add words=[...]")
    if words is not None and at_least > len(set(words)):
        raise SettingError(
            f"data.remove.at_least={at_least} is not allowed; allowed: 1 to {len(set(words))}, the number of different words"
        )
    return remove


CheckedRemove = Annotated[Remove, AfterValidator(_check)]


def removed_corpus(corpus: Corpus, remove: Remove) -> Corpus:
    """Return the corpus without what `data.remove` names, in memory.

    With unit=window rows are unchanged, and `Corpus.apart` states which windows are left out.

    Raises:
        SettingError: words are not in the vocabulary.
    """
    between = word_indices(remove.get("between", ()), corpus, "data.remove.between")
    words = word_indices(remove.get("words", ()), corpus, "data.remove.words")
    at_least, unit = remove.get("at_least", 2), remove.get("unit", "row")
    splits = dict(corpus.splits)
    for split, bags in corpus.splits.items():
        keep = ~np.isin(bags.indices, between)
        together = rows_together(bags, words, at_least) if len(words) and unit == "row" else np.zeros(bags.rows, bool)
        keep &= ~np.repeat(together, np.diff(bags.indptr))
        before = np.concatenate([[0], np.cumsum(keep)])
        splits[split] = Bags(before[bags.indptr].astype(np.int64), bags.indices[keep])
        log.info(
            "data.remove: %s of %s %s rows left empty, %s of %s cells left out",
            *(f"{number:,}" for number in (together.sum(), bags.rows)), split, *(f"{number:,}" for number in ((~keep).sum(), len(keep))),
        )  # fmt: skip
    made = {name: [corpus.vocabulary[at] for at in places] for name, places in (("words", words), ("between", between))}
    made |= {"at_least": at_least, "unit": unit}
    apart = (tuple(words.tolist()), at_least) if len(words) and unit == "window" else None
    return derived(corpus, splits, "removed", made, apart)


def rows_together(bags: Bags, words: Sequence[int] | np.ndarray, at_least: int) -> np.ndarray:
    """Return which rows contain at least so many different words of some: (rows,) bool."""
    before = np.concatenate([[0], np.cumsum(np.isin(bags.indices, words))])
    return before[bags.indptr[1:]] - before[bags.indptr[:-1]] >= at_least


def windows_together(
    bags: Bags, words: Sequence[int], at_least: int, first_rows: np.ndarray, window: int
) -> np.ndarray:
    """Return which windows, by the rows they begin with, contain at least so many different words of some: (windows,) bool."""
    count = np.zeros(len(first_rows), np.int64)
    rows = np.repeat(np.arange(bags.rows), np.diff(bags.indptr))
    for word in words:
        before = np.concatenate([[0], np.cumsum(np.bincount(rows[bags.indices == word], minlength=bags.rows))])
        count += before[first_rows + window] > before[first_rows]
    return count >= at_least


def word_indices(words: Sequence[str], corpus: Corpus, setting: str) -> np.ndarray:
    """Return the indices of words, ascending, none twice. Raises SettingError for words that the vocabulary lacks."""
    place = {word: index for index, word in enumerate(corpus.vocabulary)}
    words = [normalize(word) for word in words]
    if missing := [word for word in words if word not in place]:
        raise SettingError(
            f"{setting}: not in the vocabulary of {corpus.name}: {', '.join(missing)} ({len(missing)} of {len(words)}); leave them out, or "
            "choose a vocabulary that has them"
        )
    return np.unique(np.array([place[word] for word in words], np.int64))
