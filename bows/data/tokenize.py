"""Split rows of text into words, by whole Arrow columns.

A token is a stretch of text between white space. Only distinct tokens are split into words, each once in a corpus: a table of the
tokens met so far is kept from chunk to chunk. Of those, plain letters between ASCII punctuation (85 % in English) are cleaned by
Arrow; the rest go to the rules of `data.words` (UnicodeRules, PaperRules).
"""

from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property
from importlib.metadata import distribution
from runpy import run_path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bows.data.chunk_store import WordChunk
from bows.data.paper_words import PaperRules
from bows.data.unicode_words import NOT_PLAIN, SCRIPTS_WITHOUT_SPACES, UnicodeRules
from bows.spelling import fold, normalize

# Part of every corpus's key: raise it whenever the same text would give other words.
RULES_VERSION = 3

# Distinct tokens kept from chunk to chunk: about 200 MB. The first 60 MB of English have 500,000.
TABLE_LIMIT = 1_000_000

_UNKNOWN = "<unk>"  # WikiText's mark for a rare word
# Set off where dropped tokens are counted, so that "2008," and "(2008)" are one.
_SENTENCE_MARKS = ".,;:!?()[]\"'"
_STOP, _FOLDED, _RESPELT, _SPACELESS = 1, 2, 4, 8
# All tokens; those that gave several words; only stop words; no word; a word changed by folding case; a word in another Unicode form or
# with another apostrophe than in the text; those in a script without spaces between words.
OUTCOMES = ("tokens", "split", "stop_words", "dropped", "folded", "respelt", "spaceless")


@dataclass(frozen=True)
class WordRules:
    """What counts as a word.

    Attributes:
        min_chars: rows with fewer characters count as empty; they stay rows.
        lowercase: fold case.
        numbers: whole numbers from 0 to this are words; None for no numbers.
        stop_words: words to drop, folded.
        kept: words that stay although they are stop words, in their own case ("May" the month, where "may" is dropped).
        words: how tokens are split.
    """

    min_chars: int = 50
    lowercase: bool = False
    numbers: int | None = 100
    stop_words: frozenset[str] = frozenset()
    kept: frozenset[str] = frozenset()
    words: UnicodeRules | PaperRules = field(default_factory=UnicodeRules)

    @cached_property
    def number_words(self) -> frozenset[str]:
        return frozenset() if self.numbers is None else frozenset(str(number) for number in range(self.numbers + 1))

    def words_of(self, text: str) -> list[str]:
        """Return the words of a text, in order, however short it is.

        >>> WordRules().words_of("A well-known l'homme, Teddy's 7 don't U.S. 1,000")
        ['A', 'well', 'known', 'homme', 'Teddy', '7', 'U.S.']
        """
        chunk = Tokenizer(self).words(split_tokens(pa.array([text], pa.large_string()), 0))
        words = chunk.words.to_pylist()
        return [words[number] for number in chunk.ids if number < len(words)]


def english_stop_words() -> frozenset[str]:
    """Return the 318 English stop words that ship with scikit-learn, and two that `data.words` writes with periods."""
    # The file of the words alone: every start needs them, and scikit-learn, with pandas, imports for a second.
    file = distribution("scikit-learn").locate_file("sklearn/feature_extraction/_stop_words.py")
    words = run_path(str(file))
    return frozenset(words["ENGLISH_STOP_WORDS"]) | {"e.g.", "i.e."}


@dataclass(frozen=True)
class TokenChunk:
    """The tokens of some rows: (distinct tokens,) strings, (tokens,) positions among them, (rows,) int64 number of tokens."""

    tokens: pa.Array
    codes: np.ndarray
    per_row: np.ndarray


def split_tokens(rows: pa.Array, min_chars: int) -> TokenChunk:
    """Split rows, a string array with nulls as empty rows, at white space. Depends on no other rows: threads may share the work."""
    length = pc.utf8_length(rows).fill_null(0).to_numpy()
    chosen = np.flatnonzero(length >= max(min_chars, 1))
    # Splitting at ASCII white space is twice as fast as at all of Unicode's; tokens are split at other spaces when they are cleaned.
    tokens = pc.ascii_split_whitespace(rows.take(pa.array(chosen)).cast(pa.large_string()))
    per_row = np.zeros(len(rows), np.int64)
    per_row[chosen] = np.diff(tokens.offsets.to_numpy())
    encoded = tokens.flatten().dictionary_encode()
    return TokenChunk(encoded.dictionary, encoded.indices.to_numpy(), per_row)


def _ranges(begin: np.ndarray, length: np.ndarray) -> np.ndarray:
    """Return the concatenation of range(begin[i], begin[i] + length[i]) over all i."""
    ends = np.cumsum(length)
    return np.arange(ends[-1] if len(ends) else 0) + np.repeat(begin - ends + length, length)


class Tokenizer:
    """Turns chunks of tokens into chunks of words, splits each distinct token once, and counts what became of the tokens."""

    def __init__(self, rules: WordRules, limit: int = TABLE_LIMIT):
        self.rules = rules
        self.limit = limit
        self.counts = dict.fromkeys(OUTCOMES, 0)
        self.dropped: Counter[str] = Counter()
        self._forget()

    def _forget(self) -> None:
        self._tokens = self._words = pa.array([], pa.large_string())
        self._flags, self._seen = np.zeros(0, np.uint8), np.zeros(0, np.int64)
        # The words of token t are self._ids[self._begin[t] : self._begin[t + 1]].
        self._begin, self._ids = np.zeros(1, np.int64), np.zeros(0, np.uint32)

    def words(self, chunk: TokenChunk) -> WordChunk:
        """Return the words of a chunk of tokens."""
        if len(self._tokens) > self.limit:
            self._count()
        known = self._places(chunk.tokens)
        self._seen[known] += np.bincount(chunk.codes, minlength=len(known))
        begin, length = self._begin[known], self._begin[known + 1] - self._begin[known]
        # Ids count this chunk's own words, so that what is written of it does not depend on other chunks.
        all_ids = self._ids[_ranges(begin, length)]
        used = np.flatnonzero(np.bincount(all_ids, minlength=len(self._words)))
        own = np.zeros(len(self._words), np.uint32)
        own[used] = np.arange(len(used), dtype=np.uint32)
        first = np.full(len(known), len(used), np.uint32)
        first[length > 0] = own[self._ids[begin[length > 0]]]
        ids, per_row = first[chunk.codes], chunk.per_row
        # Tokens of several words ("well-known") are few: their further words are inserted after the first.
        places = np.flatnonzero((length > 1)[chunk.codes])
        if len(places):
            codes = chunk.codes[places]
            further = own[self._ids[_ranges(begin[codes] + 1, length[codes] - 1)]]
            ids = np.insert(ids, np.repeat(places + 1, length[codes] - 1), further)
            rows = np.searchsorted(np.cumsum(per_row), places, side="right")
            per_row = per_row + np.bincount(rows, length[codes] - 1, len(per_row)).astype(np.int64)
        return WordChunk(self._words.take(pa.array(used)), ids, per_row)

    def facts(self, most: int = 20) -> dict:
        """Return what became of the tokens, in occurrences, with the `most` most frequent tokens without a word."""
        self._count()
        ranked = sorted(self.dropped.items(), key=lambda item: (-item[1], item[0]))
        return {**self.counts, "most_dropped": dict(ranked[:most])}

    def _count(self) -> None:
        """Add the tokens met so far to the counts, and forget them."""
        words, seen, flags = np.diff(self._begin), self._seen, self._flags
        seen[_array(pc.equal(self._tokens, ""))] = 0  # between two spaces, or around a row
        stop = flags & _STOP > 0
        dropped = (words == 0) & ~stop & (seen > 0)
        outcomes = (
            words >= 0, words > 1, stop, dropped, flags & _FOLDED > 0, flags & _RESPELT > 0, flags & _SPACELESS > 0
        )  # fmt: skip
        for name, chosen in zip(self.counts, outcomes, strict=True):
            self.counts[name] += int(seen[chosen].sum())
        most = np.flatnonzero(dropped)
        most = most[np.argsort(-seen[most], kind="stable")[:1000]]
        for token, count in zip(self._tokens.take(pa.array(most)).to_pylist(), seen[most].tolist(), strict=True):
            self.dropped[token.strip(_SENTENCE_MARKS) or token] += count
        self._forget()

    def _places(self, tokens: pa.Array) -> np.ndarray:
        """Return where the tokens are in the table, (distinct tokens,) int64, after adding those that are new."""
        places, new = _places_in(self._tokens, tokens)
        if len(new):
            self._tokens = pa.concat_arrays([self._tokens, new])
            owner, words, codes, flags = self._clean(new)
            ids, new_words = _places_in(self._words, words)
            self._words = pa.concat_arrays([self._words, new_words])
            self._flags = np.concatenate([self._flags, flags])
            self._seen = np.concatenate([self._seen, np.zeros(len(new), np.int64)])
            self._ids = np.concatenate([self._ids, ids.astype(np.uint32)[codes]])
            lengths = np.bincount(owner, minlength=len(new))
            self._begin = np.concatenate([self._begin, self._begin[-1] + np.cumsum(lengths)])
        return places

    def _clean(self, tokens: pa.Array) -> tuple[np.ndarray, pa.Array, np.ndarray, np.ndarray]:
        """Split distinct tokens.

        Returns:
            For each word in order of the tokens, the token that it comes from; the distinct words; for each word its place among
            those; and the flags of each token.
        """
        core = self._trimmed(tokens)
        flags = np.zeros(len(tokens), np.uint8)
        ascii_only, plain = _array(pc.string_is_ascii(core)), _array(pc.ascii_is_alpha(core))
        other = core.filter(pa.array(~ascii_only))
        plain[~ascii_only] = _is_plain(other)
        flags[~ascii_only] = _SPACELESS * _array(pc.match_substring_regex(other, SCRIPTS_WITHOUT_SPACES))
        numbers = _array(pc.ascii_is_decimal(core))
        plain[numbers] = _is_in(core.filter(pa.array(numbers)), self.rules.number_words)
        odd = ~plain & (_array(pc.binary_length(core)) > 0)
        odd[numbers] = False

        owners = [np.flatnonzero(plain)]
        words = [core.take(pa.array(owners[0]))]
        for part, split in ((odd & ascii_only, self._split_ascii), (odd & ~ascii_only, self._split_any)):
            part = np.flatnonzero(part)
            given = core if split == self._split_ascii else tokens
            owner, found, respelt = split(given.take(pa.array(part)).to_pylist())
            owners.append(part[owner])
            words.append(found)
            flags[part[respelt]] |= _RESPELT
        order = np.argsort(owner := np.concatenate(owners), kind="stable")
        encoded = pa.concat_arrays(words).dictionary_encode()
        owner, codes = owner[order], encoded.indices.to_numpy()[order]

        spelt, folded, kept = self._fold(encoded.dictionary)
        flags[owner[folded[codes]]] |= _FOLDED
        flags[owner[~kept[codes]]] |= _STOP
        owner, codes = owner[kept[codes]], codes[kept[codes]]
        flags[owner] &= ~np.uint8(_STOP)  # a token with a word left is not dropped
        if self.rules.lowercase:
            encoded = spelt.dictionary_encode()  # two words may be one once folded
            spelt, codes = encoded.dictionary, encoded.indices.to_numpy()[codes]
        return owner, spelt, codes, flags

    def _trimmed(self, tokens: pa.Array) -> pa.Array:
        """Return tokens without the punctuation around them, empty for a clitic that stands alone; English possessives stripped."""
        rules = self.rules.words
        core = pc.ascii_trim(tokens, rules.trimmed)
        special = pc.match_substring_regex(tokens, "['<]")
        given, rest = tokens.filter(special), core.filter(special)
        if rules.possessives == "strip":
            rest = pc.replace_substring_regex(rest, r"^([A-Za-z]+)'[sS]$", r"\1")
        rest = pc.if_else(pc.match_substring(given, _UNKNOWN), given, rest)
        rest = pc.if_else(pa.array(_is_in(pc.ascii_lower(given), rules.lone_clitics)), "", rest)
        return pc.replace_with_mask(core, special, rest.cast(core.type))

    def _split_ascii(self, tokens: list[str]) -> tuple[np.ndarray, pa.Array, np.ndarray]:
        """Split ASCII tokens: the token of each word, the words, and the tokens that were respelt."""
        text = normalize("\n".join(tokens))
        if _UNKNOWN in text:
            return self._split_any(tokens)
        tokens = text.split("\n") if tokens else []
        owner, words = self.rules.words.split(tokens, self.rules.number_words)
        return owner, words, np.zeros(0, np.int64)

    def _split_any(self, tokens: list[str]) -> tuple[np.ndarray, pa.Array, np.ndarray]:
        """Split tokens of any script; see _split_ascii."""
        normal = normalize("\n".join(tokens)).split("\n") if tokens else []
        respelt = [place for place, (given, now) in enumerate(zip(tokens, normal, strict=True)) if given != now]
        # Stretches between the white space of Unicode are tokens too.
        parts = [
            (place, part)
            for place, token in enumerate(normal)
            for part in token.replace(_UNKNOWN, " ").split()
            if part.lower() not in self.rules.words.lone_clitics
        ]
        owner, words = self.rules.words.split([part for _, part in parts], self.rules.number_words)
        return np.array([place for place, _ in parts], np.int64)[owner], words, np.array(respelt, np.int64)

    def _fold(self, words: pa.Array) -> tuple[pa.Array, np.ndarray, np.ndarray]:
        """Return distinct words as they are spelt in the corpus, whether folding changed each, and whether each is kept."""
        turkish_i = self.rules.words.turkish_i
        slow = pa.array(~_array(pc.string_is_ascii(words)) | turkish_i)
        by_hand = fold("\n".join(words.filter(slow).to_pylist()), turkish_i).split("\n")[: pc.sum(slow).as_py() or 0]
        folded = pc.replace_with_mask(pc.ascii_lower(words), slow, pa.array(by_hand, words.type))
        spelt = folded if self.rules.lowercase else words
        changed = _array(pc.not_equal(spelt, words))
        return spelt, changed, ~_is_in(folded, self.rules.stop_words) | _is_in(spelt, self.rules.kept)


def _array(values: pa.Array) -> np.ndarray:
    """Return a Boolean or integer Arrow array without nulls as NumPy's, which may be written to."""
    return values.to_numpy(zero_copy_only=False).copy()


def _is_in(values: pa.Array, words: frozenset[str]) -> np.ndarray:
    return _array(pc.is_in(values, pa.array(sorted(words), values.type)))


def _is_plain(tokens: pa.Array) -> np.ndarray:
    """Return which tokens are one word as they are, in any script with spaces: letters only, in normal form C."""
    plain = pc.and_not(pc.utf8_is_alpha(tokens), pc.match_substring_regex(tokens, NOT_PLAIN))
    return _array(pc.and_(plain, pc.equal(pc.utf8_normalize(tokens, "NFC"), tokens)))


def _places_in(known: pa.Array, values: pa.Array) -> tuple[np.ndarray, pa.Array]:
    """Return the place of each distinct value in `known` followed by the values that are not in it; and those values."""
    # The many that are known are looked up among the few values, whose hash table fits the cache; the other way is six times as slow.
    found = pc.index_in(known, values)
    there = np.flatnonzero(_array(pc.is_valid(found)))
    places = np.full(len(values), -1)
    places[found.drop_null().to_numpy()] = there
    new = np.flatnonzero(places < 0)
    places[new] = np.arange(len(known), len(known) + len(new))
    return places, values.take(pa.array(new))
