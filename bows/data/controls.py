"""Decorrelated controls: a corpus in which words are in as many rows as before, but not together.

`shuffle` permutes the presence of every word over the rows of its split, independently of other words: frequencies are unchanged,
co-occurrences are those of chance. `rewire` does so for some words and leaves every other cell unchanged; with `together` these words
move by one common permutation of the rows, so they keep their co-occurrences with each other and lose those with all other words. A
geometry that is absent afterwards came from the co-occurrences that were removed.

Rows are permuted, not windows. Text is bursty: a word that occurs once soon occurs again, so several of its rows are in one window.
Permuted rows are spread out, also over rows that were empty. So the word is in more windows afterwards and windows are fuller, although
it is in as many rows: frequencies over windows differ from those of the text unless window is 1. Words rewired together keep the rows
that they share; neighbouring rows that they shared in a window are separated.

Source: the null of presence-absence tables that keeps species frequencies, with all sites alike: SIM2 of Gotelli (2000), Ecology 81(9).
"""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Literal, NotRequired

import numpy as np
from pydantic import Field
from scipy.sparse import csc_array, csr_array, get_index_dtype
from typing_extensions import TypedDict

from bows.data.corpus import Bags, Corpus, derived
from bows.data.removal import removed_corpus, word_indices
from bows.setting_types import Flag, Words

log = logging.getLogger(__name__)

Shuffle = Literal["within_word"]


class Rewire(TypedDict):
    """Setting data.rewire: the words to permute, and whether all by one permutation."""

    words: Annotated[Words, Field(min_length=1)]
    together: NotRequired[Flag]


CONTROLS = ("shuffle", "rewire", "remove")


def with_control(open_corpus: Callable[[], Corpus], data: Mapping[str, Any]) -> Callable[[], Corpus]:
    """Return a function that opens the corpus as the control has it; `open_corpus` itself where none is set.

    Args:
        open_corpus: opens the corpus as it is.
        data: settings of the data, of which `shuffle`, `rewire` and `remove` are read, at most one of them set, and `seed`. Opening raises
            SettingError where the corpus lacks words of theirs.
    """
    shuffle, rewire, remove = (data.get(name) for name in CONTROLS)
    assert sum(each is not None for each in (shuffle, rewire, remove)) < 2, "validation allows one control"
    if remove is not None:
        return lambda: removed_corpus(open_corpus(), remove)
    if rewire is not None:
        words, together = list(rewire["words"]), bool(rewire.get("together", False))
        return lambda: permuted_corpus(open_corpus(), words, together, data["seed"])
    if shuffle is not None:
        return lambda: permuted_corpus(open_corpus(), None, False, data["seed"])
    return open_corpus


def permuted_corpus(corpus: Corpus, words: Sequence[str] | None, together: bool, seed: int) -> Corpus:
    """Return a copy of the corpus, in memory, with words permuted over the rows of each split.

    Args:
        corpus: the corpus.
        words: to permute; None for all.
        together: permute all of them by one permutation of the rows, instead of one per word.
        seed: of the permutations, which differ between splits.

    Raises:
        SettingError: words are not in the vocabulary.
    """
    began = time.perf_counter()
    everything = np.arange(len(corpus.vocabulary))
    chosen = everything if words is None else word_indices(words, corpus, "data.rewire.words")
    splits = {
        split: permute_words(
            bags, len(corpus.vocabulary), chosen, together, np.random.default_rng([seed, *split.encode()])
        )
        for split, bags in corpus.splits.items()
    }
    made = {
        "words": None if words is None else [corpus.vocabulary[place] for place in chosen],
        "together": together,
        "seed": seed,
    }
    log.info(
        "%s permuted over the rows of their split%s, seed %d (%.1f s)",
        f"all {len(chosen):,} words" if words is None else f"{len(chosen):,} of {len(corpus.vocabulary):,} words",
        ", together" if together else ", each by itself",
        seed,
        time.perf_counter() - began,
    )
    return derived(corpus, splits, "permuted", made)


def permute_words(bags: Bags, words: int, chosen: np.ndarray, together: bool, generator: np.random.Generator) -> Bags:
    """Return bags in which the chosen words are permuted over the rows; every word is in as many rows as before.

    Args:
        bags: the bags.
        words: size of the vocabulary, V.
        chosen: (chosen,) word indices, ascending, none twice.
        together: use one permutation of the rows for all of them, instead of one per word.
        generator: of the permutations.
    """
    shape = (bags.rows, words)
    own, indptr, rest = bags.indices, bags.indptr, None
    if len(chosen) < words:
        is_chosen = np.zeros(words, bool)
        is_chosen[chosen] = True
        moving = is_chosen[bags.indices]
        # The chosen cells of a row begin, among the chosen, at the number of chosen cells before the row.
        own, indptr = bags.indices[moving], np.searchsorted(np.flatnonzero(moving), bags.indptr)
        rest = _present(bags.indices[~moving], bags.indptr - indptr, shape)
    if together:
        moved = _present(own, indptr, shape)[generator.permutation(bags.rows)]
    else:
        counts = np.bincount(own, minlength=words)
        ends = np.concatenate([[0], np.cumsum(counts)])
        rows = np.empty(len(own), get_index_dtype(maxval=max(len(own), bags.rows)))
        for word in np.flatnonzero(counts):
            # To permute a column of zeros and ones is to draw the rows that have its ones.
            drawn = generator.choice(bags.rows, counts[word], replace=False, shuffle=False)
            rows[ends[word] : ends[word + 1]] = drawn
        # To rows, by a counting sort that keeps the ascending order of words in each row.
        moved = csc_array((np.ones(len(rows), np.int8), rows, ends.astype(rows.dtype)), shape=shape).tocsr()
    if rest is not None:
        moved = moved + rest  # no cell is in both: two sorted lists of words are merged row by row
    return Bags(moved.indptr.astype(np.int64), moved.indices.astype(bags.indices.dtype))


def _present(indices: np.ndarray, indptr: np.ndarray, shape: tuple[int, int]) -> csr_array:
    # The narrowest numbers that can count these cells; scipy would take those of `indptr` for both, twice the memory.
    kind = get_index_dtype(maxval=max(len(indices), *shape))
    return csr_array((np.ones(len(indices), np.int8), indices.astype(kind), indptr.astype(kind)), shape=shape)
