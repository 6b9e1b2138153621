"""Rows of text to words, by whole Arrow columns.

A word is a maximal run of letters inside a token (a stretch between white space); what follows an apostrophe is dropped
("Teddy's" gives "Teddy", "don't" and a stray "'s" nothing). A run that mixes letters and digits is no word. A token that is a whole number
from 0 to `numbers`, written without leading zeros, is a word too. WikiText's own marks (<unk>, @-@) are no words.

Only *distinct* tokens are ever looked at one by one, and of those only the few that are not plain letters: the text itself
passes through Arrow's split and dictionary encoding.
"""

import re
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

# Goes into every corpus's key: raise it whenever the same text would give other words.
RULES_VERSION = 2

_PIECE = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_SURROUNDING = re.compile(r"^[\W_]+|[\W_]+$")
_CLITIC = re.compile(r"^['’](?:s|t|d|m|re|ve|ll)$", re.IGNORECASE)
_UNKNOWN = "<unk>"


@dataclass(frozen=True)
class WordRules:
    """What counts as a word.

    min_chars: rows with fewer characters count as empty (they stay rows). lowercase: fold case. numbers: whole numbers from 0
    to this are words, None for no numbers. stop_words: words to drop, compared in lower case. kept: words that stay although they
    are stop words, spelt as here ("May" the month, where "may" goes).
    """

    min_chars: int = 50
    lowercase: bool = False
    numbers: int | None = 100
    stop_words: frozenset[str] = field(default_factory=frozenset)
    kept: frozenset[str] = field(default_factory=frozenset)

    @cached_property
    def number_words(self) -> frozenset[str]:
        return frozenset() if self.numbers is None else frozenset(str(number) for number in range(self.numbers + 1))

    def words_of(self, token: str) -> list[str]:
        """The words in one token that is not simply letters.

        >>> WordRules().words_of('(well-known,'), WordRules().words_of("Teddy's"), WordRules().words_of('1,000')
        (['well', 'known'], ['Teddy'], [])
        """
        words = []
        for stretch in token.replace(_UNKNOWN, " ").split():
            core = _SURROUNDING.sub("", stretch)
            if core.isdigit():
                words += [core] if core in self.number_words else []
            elif not _CLITIC.match(stretch):
                words += self._letters_of(core)
        return words

    def _letters_of(self, stretch: str) -> list[str]:
        words = []
        for piece in _PIECE.findall(stretch):
            head, *rest = re.split("['’]", piece)
            contraction = bool(rest) and rest[0].lower() == "t" and head.lower().endswith("n")
            if head.isalpha() and not contraction:
                words.append(head)
        return words


def english_stop_words() -> frozenset[str]:
    """The 318 English stop words that ship with scikit-learn."""
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

    return frozenset(ENGLISH_STOP_WORDS)


@dataclass(frozen=True)
class WordChunk:
    """The words of one stretch of rows, in order.

    words: (distinct words,) strings. ids: (occurrences,) uint32, positions in `words`, or len(words) for a token that is no word
    (kept, since dropping it costs more than carrying it). per_row: (rows,) int64, how many of `ids` each row holds, one row after
    another.
    """

    words: pa.Array
    ids: np.ndarray
    per_row: np.ndarray

    def counts(self) -> np.ndarray:
        """(distinct words,) int64: how often each word occurs."""
        return np.bincount(self.ids, minlength=len(self.words) + 1)[:-1]


def split_words(rows: pa.Array, rules: WordRules) -> WordChunk:
    """Split rows of text, a (rows,) string array with nulls as empty rows, into words by `rules`."""
    rows = pc.fill_null(rows, "")
    long_enough = pc.greater_equal(pc.utf8_length(rows), rules.min_chars)
    rows = pc.if_else(long_enough, rows, pa.scalar("", rows.type))
    # Splitting on ASCII white space is twice as fast as on all of Unicode's; other spaces are split where tokens are cleaned.
    tokens = pc.ascii_split_whitespace(rows)
    row_ends = tokens.offsets.to_numpy()
    encoded = tokens.flatten().dictionary_encode()
    words, owner, ids = _words_of_tokens(encoded.dictionary, rules)

    of_token = np.full(len(encoded.dictionary), len(words), dtype=np.uint32)
    of_token[owner[::-1]] = ids[::-1]  # a token's first word wins
    codes = encoded.indices.to_numpy()
    chunk_ids, per_row = of_token[codes], np.diff(row_ends).astype(np.int64)

    # The few tokens of several words ("well-known"): their further words are put in behind the first.
    further = np.bincount(owner[1:][owner[1:] == owner[:-1]], minlength=len(of_token))
    places = np.flatnonzero((further > 0)[codes])
    if len(places):
        copies = further[codes[places]]
        begin = np.searchsorted(owner, codes[places]) + 1
        within = np.arange(copies.sum()) - np.repeat(np.cumsum(copies) - copies, copies)
        chunk_ids = np.insert(chunk_ids, np.repeat(places + 1, copies), ids[np.repeat(begin, copies) + within])
        row_of_place = np.searchsorted(row_ends, places, side="right") - 1
        per_row += np.bincount(row_of_place, weights=copies, minlength=len(per_row)).astype(np.int64)
    return WordChunk(words, chunk_ids, per_row)


def _words_of_tokens(tokens: pa.Array, rules: WordRules) -> tuple[pa.Array, np.ndarray, np.ndarray]:
    """Distinct tokens to (distinct words; for each word found, in order of the tokens, the token it came from; and its id)."""
    plain = pc.utf8_is_alpha(tokens).to_numpy(zero_copy_only=False)
    odd = np.flatnonzero(~plain)
    odd_words = [rules.words_of(token) for token in tokens.take(odd).to_pylist()]
    owner = np.concatenate([np.flatnonzero(plain), np.repeat(odd, [len(words) for words in odd_words])]).astype(
        np.int64
    )
    found = pa.concat_arrays(
        [tokens.filter(plain), pa.array([word for words in odd_words for word in words], tokens.type)]
    )
    if rules.lowercase:
        found = pc.utf8_lower(found)
    kept = np.ones(len(found), dtype=bool)
    if rules.stop_words:
        is_stop_word = pc.is_in(pc.utf8_lower(found), pa.array(sorted(rules.stop_words), tokens.type))
        is_kept = pc.is_in(found, pa.array(sorted(rules.kept), tokens.type))
        kept = pc.or_(pc.invert(is_stop_word), is_kept).to_numpy(zero_copy_only=False)
    order = np.argsort(owner, kind="stable")
    order = order[kept[order]]
    encoded = found.take(order).dictionary_encode()
    return encoded.dictionary, owner[order], encoded.indices.to_numpy().astype(np.uint32)
