"""Words by Arrow columns against the rules applied to a token at a time."""

import re
from collections import Counter
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bows.data.paper_words import PaperRules
from bows.data.tokenize import (
    Tokenizer,
    WordChunk,
    WordRules,
    english_stop_words,
    split_tokens,
)
from bows.data.unicode_words import UnicodeRules
from bows.spelling import fold, normalize


def words_of_rows(chunk: WordChunk) -> list[list[str]]:
    words = [*chunk.words.to_pylist(), None]
    ends = np.cumsum(chunk.per_row)
    rows = [chunk.ids[end - length : end] for end, length in zip(ends, chunk.per_row, strict=True)]
    return [[words[id] for id in row if words[id] is not None] for row in rows]


def split(*rows: str | None, **rules) -> list[list[str]]:
    chosen = WordRules(**{"min_chars": 0, **rules})
    return words_of_rows(Tokenizer(chosen).words(split_tokens(pa.array(rows, pa.large_string()), chosen.min_chars)))


# Tokens of every kind that Arrow cleans in bulk, and of those that it leaves to the rules.
ODD = """the The May may well-known the-well the.The it's don't can’t n't 's ’ll '90s O'Neill rock'n'roll don't've <unk> <unk>-<unk>s
    @-@ @,@ 0 7 07 1,000 100 101 B2B COVID-19 (x) __init__ = élan Ωmega 中文 ² ½ a\u0301b \ufeffBOM “so” U.S. (e.g.), l'été L’OR dogs'
    Teddy's TEDDY'S Ç's ÉTÉ İI ﬁ ß ` `x` «y» 12/25 7% “7” ٧ ภาษา'ไทย"""
TOKENS = st.sampled_from(ODD.split())
LETTERS = st.text("aBnt1 0'’-_.é\u0301中²@<>\u00a0", max_size=8)
SPACES = st.sampled_from([" ", "  ", "\t", "\u00a0", "\u2003", " \u00a0", ""])
ROW = st.lists(st.tuples(TOKENS | LETTERS, SPACES).map("".join), max_size=8).map("".join)
ROWS = st.lists(st.none() | ROW, max_size=5)
RULES = st.builds(
    WordRules,
    min_chars=st.sampled_from([0, 3, 8]),
    lowercase=st.booleans(),
    numbers=st.sampled_from([None, 0, 7, 100]),
    stop_words=st.sampled_from([frozenset(), frozenset({"the", "may", "7", "n"})]),
    kept=st.sampled_from([frozenset(), frozenset({"May", "the"})]),
    words=st.builds(
        UnicodeRules,
        apostrophes=st.sampled_from(["keep", "split"]),
        contractions=st.sampled_from(["strip", "keep"]),
        possessives=st.sampled_from(["strip", "keep"]),
        elision=st.sampled_from(["strip", "keep"]),
        hyphens=st.sampled_from(["split", "keep"]),
        digits=st.sampled_from(["keep", "drop"]),
        turkish_i=st.booleans(),
        dictionary=st.just("none"),
    )
    | st.just(PaperRules()),
)


def slow_words(row: str | None, rules: WordRules) -> list[str]:
    """The rules, a token at a time, with nothing cleaned in bulk."""
    row = row or ""
    if len(row) < rules.min_chars:
        return []
    found = []
    for token in normalize(row).replace("<unk>", " ").split():
        if token.lower() not in rules.words.lone_clitics:
            found += rules.words.split([token], rules.number_words)[1].to_pylist()
    folded = [(fold(word, rules.words.turkish_i), word) for word in found]
    spelt = [(low, low if rules.lowercase else word) for low, word in folded]
    return [word for low, word in spelt if low not in rules.stop_words or word in rules.kept]


@given(
    st.lists(ROWS, min_size=1, max_size=3),
    RULES,
    st.sampled_from([pa.string(), pa.large_string()]),
    st.sampled_from([0, 5, 1000]),
)
@example([[None, "", "x"]], WordRules(), pa.string(), 1000)
@example([["the the"]], WordRules(0, stop_words=frozenset({"the"})), pa.string(), 1000)
@example([["a-b", "c"], ["c a-b"], ["d"]], WordRules(0), pa.string(), 0)
def test_words_in_bulk_are_those_of_a_token_at_a_time(chunks, rules, kind, limit):
    """Also where tokens are known from an earlier chunk, and where they were forgotten since."""
    tokenizer = Tokenizer(rules, limit)
    tokens = Counter()
    for rows in chunks:
        chunk = tokenizer.words(split_tokens(pa.array(rows, kind), rules.min_chars))
        expected = [slow_words(row, rules) for row in rows]
        assert words_of_rows(chunk) == expected
        # The bookkeeping: a length per row, positions in a list of distinct words, and their counts.
        assert len(chunk.per_row) == len(rows)
        assert chunk.per_row.sum() == len(chunk.ids)
        assert chunk.ids.dtype == np.uint32
        words = chunk.words.to_pylist()
        assert len(set(words)) == len(words)
        flat = [word for row in expected for word in row]
        assert dict(zip(words, chunk.counts().tolist(), strict=True)) == Counter(flat)
        tokens.update(
            token
            for row in rows
            if len(row or "") >= rules.min_chars
            for token in re.split(r"[ \t]+", row or "")
            if token
        )
    counts = tokenizer.facts()
    assert counts["tokens"] == sum(tokens.values())
    none = {token: count for token, count in tokens.items() if not slow_words(token, replace(rules, min_chars=0))}
    assert counts["stop_words"] + counts["dropped"] == sum(none.values())
    kept = {token for token in none if not slow_words(token, replace(rules, min_chars=0, stop_words=frozenset()))}
    assert counts["dropped"] == sum(none[token] for token in kept)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("(well-known, as", ["well", "known", "as"]),
        ("Teddy's dogs' and the 's ’s", ["Teddy", "dogs", "and", "the"]),
        ("don't can’t shouldn't've isn't n't", []),
        ("<unk> @-@ x@-@y (<unk>)", ["x", "y"]),
        ("0 7 007 100 101 7, 1,000 7.5 7th 3-D", ["0", "7", "100", "7", "7th", "D"]),
        ("utf8 B2B utf-8 snake_case __init__", ["utf8", "B2B", "utf", "snake", "case", "init"]),
        ("naïve Ærø 東京 Ωmega", ["naïve", "Ærø", "東京", "Ωmega"]),
        ("5\u00a0km\u00a0's of\u2003it", ["5", "km", "of", "it"]),
        (" = = Heading = = ", ["Heading"]),
        (".5 -7 $5 5% U.S. $5.50 0.5", ["5", "7", "5", "5", "U.S."]),
    ],
)
def test_documented_cases(row, words):
    assert split(row, words=UnicodeRules(dictionary="none")) == [words]


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (".5 -7 $5 5% U.S. $5.50 0.5", ["5", "5"]),
        ("(well-known, A/B U.S. 19th the.The Teddy's don't Mr. 7 7.5 101 word.", ["Teddy", "do", "Mr", "7", "word"]),
        (
            "\"Quoted,\" [so] and: 'this'; 100% $5 he'll x--y",
            ["Quoted", "so", "and", "this", "100", "5", "he", "x", "y"],
        ),
    ],
)
def test_words_of_the_paper(row, words):
    assert split(row, words=PaperRules()) == [words]


def test_what_became_of_the_tokens_is_counted():
    rules = WordRules(0, True, stop_words=frozenset({"the"}), words=UnicodeRules(dictionary="none"))
    tokenizer = Tokenizer(rules)
    rows = ["The the-the well-known cafe\u0301 2024, (2024) -- don't ไทย  x", "the <unk> "]
    tokenizer.words(split_tokens(pa.array(rows), 0))
    assert tokenizer.facts() == {
        "tokens": 12, "split": 1, "stop_words": 3, "dropped": 5, "folded": 1, "respelt": 1, "spaceless": 1,
        "most_dropped": {"2024": 2, "--": 1, "don't": 1, "<unk>": 1},
    }  # fmt: skip


def test_min_chars_counts_all_characters_of_the_raw_row():
    accented = "é" * 4 + "     ."  # ten characters, more bytes
    assert split("abcd     .", "abcd    .", accented, "é" * 9, min_chars=10) == [["abcd"], [], ["éééé"], []]


def test_case_is_kept_unless_asked():
    assert split("The THE the") == [["The", "THE", "the"]]
    assert split("The THE É", lowercase=True) == [["the", "the", "é"]]


def test_stop_words_go_in_any_case_but_for_those_kept_as_spelt():
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

    stop = english_stop_words()
    assert stop == ENGLISH_STOP_WORDS | {"e.g.", "i.e."}
    assert split("The THE war may May MAY", stop_words=stop) == [["war"]]
    assert split("The may May MAY", stop_words=stop, kept=frozenset({"May"})) == [["May"]]
    assert split("may May", stop_words=stop, kept=frozenset({"may"}), lowercase=True) == [["may", "may"]]


def test_further_words_of_a_token_stand_behind_its_first_and_in_their_row():
    assert split("a-b c", "", "d a-b-c a-b", "e") == [["a", "b", "c"], [], ["d", "a", "b", "c", "a", "b"], ["e"]]
    stop = frozenset({"a"})
    assert split("a-b-c a", "a-a x", stop_words=stop) == [["b", "c"], ["x"]]


def test_rows_of_a_slice_are_its_own():
    rows = pa.array(["x y", "a-b", None, "c", "z"], pa.large_string()).slice(1, 3)
    assert words_of_rows(Tokenizer(WordRules(0)).words(split_tokens(rows, 0))) == [["a", "b"], [], ["c"]]


def test_no_rows_and_no_words():
    assert split() == []
    assert split("short", None, "", min_chars=50) == [[], [], []]
    assert split("-- 12345 ...") == [[]]
