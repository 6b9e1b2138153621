"""Decorrelated controls: a corpus whose words stand in as many rows as before, but not together.

`shuffle` permutes the presence of every word over the rows of its split, each word by itself: how often a word occurs stays exactly
as it is, which words it occurs with becomes chance. `rewire` does that to some words alone and leaves every other cell as it is; or,
together, it moves those words by one common permutation of the rows, so that they keep their co-occurrences with each other and lose
those with all other words. A geometry that is gone afterwards came from the co-occurrences that are gone.

Rows are permuted, not windows. Text is bursty: a word that occurs once soon occurs again, and then several of its rows fall into one
window. Permuted rows are spread out, also over rows that held no word at all, so such a word is in more windows afterwards, and windows
are fuller, although it is in as many rows. A control thus differs from its text in the words' frequencies over windows too, unless
window is 1. Likewise, words rewired together keep exactly what they share within rows; what they shared across neighbouring rows of a
window goes.

Source: the null of presence-absence tables that keeps how often each species occurs, with all sites alike: SIM2 of Gotelli (2000),
Ecology 81(9).
"""

import hashlib
import json
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, Literal, NotRequired

import numpy as np
from pydantic import Field
from scipy.sparse import csc_array, csr_array, get_index_dtype
from typing_extensions import TypedDict

from bows.data.corpus import Bags, Corpus
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
    """Return the corpus with words permuted over the rows of each split, in memory; what lies on disk stays as it is.

    words: those to permute, all where None. together: by one permutation of the rows for all of them, instead of one for each. seed: of
    the permutations; each split has draws of its own. The hash is that of the new content and of how it was made, so it is never the
    hash of the corpus itself. Raises SettingError for words that are not in the vocabulary.
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
    content = hashlib.sha256(json.dumps([corpus.hash, made]).encode())
    for split, bags in splits.items():
        content.update(split.encode())
        content.update(bags.indptr.data)
        content.update(bags.indices.data)
    log.info(
        "%s permuted over the rows of their split%s, seed %d (%.1f s)",
        f"all {len(chosen):,} words" if words is None else f"{len(chosen):,} of {len(corpus.vocabulary):,} words",
        ", together" if together else ", each by itself",
        seed,
        time.perf_counter() - began,
    )
    return replace(corpus, splits=splits, hash=content.hexdigest(), facts={**corpus.facts, "permuted": made})


def permute_words(bags: Bags, words: int, chosen: np.ndarray, together: bool, generator: np.random.Generator) -> Bags:
    """Bags in which the chosen words are permuted over the rows, and every other cell is as it was.

    words: vocabulary size V. chosen: (chosen,) word indices, ascending, none twice. together: one permutation of the rows for all of
    them, instead of one for each. Every word is in as many rows as before.
    """
    shape = (bags.rows, words)
    own, indptr, rest = bags.indices, bags.indptr, None
    if len(chosen) < words:
        is_chosen = np.zeros(words, bool)
        is_chosen[chosen] = True
        moving = is_chosen[bags.indices]
        # Where the chosen cells of each row begin among the chosen: how many of them lie before the row.
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
        # By rows, in a counting sort that takes the words in ascending order: so they stand in each row.
        moved = csc_array((np.ones(len(rows), np.int8), rows, ends.astype(rows.dtype)), shape=shape).tocsr()
    if rest is not None:
        moved = moved + rest  # no cell is in both: two sorted lists of words are merged row by row
    return Bags(moved.indptr.astype(np.int64), moved.indices.astype(bags.indices.dtype))


def _present(indices: np.ndarray, indptr: np.ndarray, shape: tuple[int, int]) -> csr_array:
    # The narrowest numbers that can count these cells; scipy would take those of `indptr` for both, twice the memory.
    kind = get_index_dtype(maxval=max(len(indices), *shape))
    return csr_array((np.ones(len(indices), np.int8), indices.astype(kind), indptr.astype(kind)), shape=shape)
