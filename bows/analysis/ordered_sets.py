"""Find the words of a named set (months, weekdays) in a vocabulary."""

import logging
from collections.abc import Sequence
from typing import NamedTuple

from bows.spelling import spelling

log = logging.getLogger(__name__)


class Resolved(NamedTuple):
    """The places of a set's words in a vocabulary."""

    indices: list[int]
    """Indices of the words that are there, in the order of the set."""
    missing: list[str]
    """The words that are not there; a set is whole if this is empty."""


def resolve(words: Sequence[str], vocabulary: Sequence[str]) -> Resolved:
    """Look each word up, in its one spelling (bows.spelling): exactly first, otherwise with case folded.

    So ``January`` finds ``january`` in a lower-cased vocabulary, while ``May`` is not taken for ``may`` where both are
    words. Of several words equal with case folded, the one of lowest index (the most frequent) is found.

    >>> resolve(["May", "June", "July"], ["may", "May", "june"])
    Resolved(indices=[1, 2], missing=['July'])
    """
    exact = {spelling(word): index for index, word in reversed(list(enumerate(vocabulary)))}
    folded = {spelling(word, folded=True): index for index, word in reversed(list(enumerate(vocabulary)))}
    found = [exact.get(spelling(word), folded.get(spelling(word, folded=True))) for word in words]
    return Resolved(
        [index for index in found if index is not None],
        [word for word, index in zip(words, found, strict=True) if index is None],
    )


def whole_sets(sets: dict[str, list[str]], vocabulary: list[str], quiet: bool = False) -> dict[str, list[int]]:
    """Return word indices of the ordered sets that are wholly in the vocabulary; log the others unless quiet."""
    found = {name: resolve(words, vocabulary) for name, words in sets.items()}
    if not quiet:
        _say_what_is_wanting(found)
    return {name: place.indices for name, place in found.items() if not place.missing}


def _say_what_is_wanting(found: dict[str, Resolved]) -> None:
    if absent := [name for name, place in found.items() if not place.indices]:
        log.info("ordered sets without a word in the vocabulary: %s", ", ".join(shortened(absent)))
    wanting = {name: place.missing for name, place in found.items() if place.indices and place.missing}
    if wanting:
        nearly_whole = sorted(wanting.items(), key=lambda item: len(item[1]))
        lacking = "; ".join(
            shortened([f"{name}: {', '.join(shortened(words))}" for name, words in nearly_whole], most=6)
        )
        log.info("skipping %d ordered sets with words outside the vocabulary (%s)", len(wanting), lacking)


def shortened(words: list[str], most: int = 3) -> list[str]:
    """Return the first words, and how many more there are."""
    return words if len(words) <= most + 1 else [*words[:most], f"{len(words) - most} more"]
