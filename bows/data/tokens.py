"""Map the tokens of a language model's tokenizer to whole words.

A vocabulary has markers where 1 % of its tokens or more begin with one:

- ``Ġ`` (byte-level BPE) or ``▁`` (SentencePiece) begins a word: such tokens are words without the marker, all others pieces.
- ``##`` (WordPiece) continues a word: such tokens are pieces, all others words.

In a vocabulary with markers only tokens of letters, digits, apostrophes and hyphens are words, and none in brackets such as [CLS] or <s>. A
vocabulary without markers is taken as words. Case stays as it is.
"""

from collections.abc import Sequence

import regex

SHARE = 0.01  # of tokens with a marker: word lists have a stray ## or ▁ at most
_WORD = regex.compile(r"(?=.*[\p{L}\p{N}])[\p{L}\p{M}\p{N}'’-]+")


def whole_words(tokens: Sequence[str]) -> list[str | None]:
    """Return the word of each token, None for a piece of a word, punctuation or a special token.

    >>> whole_words(["[CLS]", "may", "##be", "!"]), whole_words(["Ġmay", "be", "<s>"]), whole_words(["may", "be"])
    ([None, 'may', None, None], ['may', None, None], ['may', 'be'])
    """
    least = max(SHARE * len(tokens), 1)
    begins = next((mark for mark in "Ġ▁" if sum(token.startswith(mark) for token in tokens) >= least), None)
    continues = sum(token.startswith("##") for token in tokens) >= least
    if begins is None and not continues:
        return list(tokens)
    return [_word(token, begins) for token in tokens]


def _word(token: str, begins: str | None) -> str | None:
    if begins is not None:
        if not token.startswith(begins):
            return None
        token = token[1:]
        if begins == "Ġ":
            token = _from_bytes(token)
    return token if _WORD.fullmatch(token) else None


def _from_bytes(token: str) -> str:
    """Return the text whose UTF-8 bytes a token of byte-level BPE writes as one character each (GPT-2)."""
    try:
        return bytes(_BYTES[character] for character in token).decode("utf-8")
    except (KeyError, UnicodeDecodeError):  # a part of a character
        return ""


def _bytes_of_characters() -> dict[str, int]:
    printed = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in printed]
    return {chr(byte): byte for byte in printed} | {chr(256 + place): byte for place, byte in enumerate(others)}


_BYTES = _bytes_of_characters()
