"""Finding the words of a named set (months, weekdays) in a vocabulary."""

from collections.abc import Sequence
from typing import NamedTuple


class Resolved(NamedTuple):
    """Where the words of a set stand in a vocabulary."""

    indices: list[int]
    """Indices of the words that are there, in the order of the set."""
    missing: list[str]
    """The words that are not there; a set is whole if this is empty."""


def resolve(words: Sequence[str], vocabulary: Sequence[str]) -> Resolved:
    """Look each word up: exactly first, otherwise lower case against lower case.

    So ``January`` finds ``january`` in a lower-cased vocabulary, while ``May`` is not taken for ``may`` where both are
    words. Of several words equal in lower case, the one of lowest index (the most frequent) is found.

    >>> resolve(["May", "June", "July"], ["may", "May", "june"])
    Resolved(indices=[1, 2], missing=['July'])
    """
    exact = {word: index for index, word in reversed(list(enumerate(vocabulary)))}
    lowered = {word.lower(): index for index, word in reversed(list(enumerate(vocabulary)))}
    found = [exact.get(word, lowered.get(word.lower())) for word in words]
    return Resolved(
        [index for index in found if index is not None],
        [word for word, index in zip(words, found, strict=True) if index is None],
    )
