"""The words that a report explains, where it cannot explain all."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain, zip_longest

import numpy as np

MOST = 400


def chosen_words(
    count: int,
    sets: Mapping[str, Sequence[int]],
    categories: Mapping[str, Sequence[int]],
    asked: Sequence[int],
    frequency: np.ndarray | None,
    most: int = MOST,
) -> np.ndarray:
    """Return (n,) ascending indices of at most `most` of V words.

    These are all, or the ordered sets, those asked for, then in turn the most frequent of each category and of all.

    Args:
        count: V.
        sets: Word indices of each ordered set.
        categories: Word indices of each category.
        asked: further indices.
        frequency: (V,), None where it is not known: then words are taken in index order.
        most: The largest number of words.

    >>> chosen_words(6, {"set": [4, 5]}, {"sea": [1, 3]}, [2], np.array([6, 5, 4, 3, 2, 1]), most=5).tolist()
    [0, 1, 2, 4, 5]
    """
    if count <= most:
        return np.arange(count)
    rank = np.arange(count) if frequency is None else np.argsort(-np.nan_to_num(frequency), kind="stable")
    place = np.empty(count, np.int64)
    place[rank] = np.arange(count)
    ordered = [sorted(words, key=lambda word: place[word]) for words in categories.values()]
    turns = chain.from_iterable(zip_longest(rank.tolist(), *ordered))
    wanted: Iterable[int | None] = chain(chain.from_iterable(sets.values()), asked, turns)
    taken: dict[int, None] = {}
    for word in wanted:
        if word is not None:
            taken[int(word)] = None
        if len(taken) == most:
            break
    return np.array(sorted(taken))
