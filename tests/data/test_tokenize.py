"""Words by Arrow columns against a plain loop over characters."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bows.data.tokenize import WordChunk, WordRules, english_stop_words, split_words

APOSTROPHES = "'’"


def words_of_rows(chunk: WordChunk) -> list[list[str]]:
    words = [*chunk.words.to_pylist(), None]
    ends = np.cumsum(chunk.per_row)
    rows = [chunk.ids[end - length : end] for end, length in zip(ends, chunk.per_row, strict=True)]
    return [[words[id] for id in row if words[id] is not None] for row in rows]


def split(*rows: str | None, **rules) -> list[list[str]]:
    return words_of_rows(split_words(pa.array(rows, pa.large_string()), WordRules(**{"min_chars": 0, **rules})))


def slow_words(row: str | None, rules: WordRules) -> list[str]:
    """The documented rules, a character at a time."""
    row = row or ""
    if len(row) < rules.min_chars:
        return []
    found = []
    for token in row.replace("<unk>", " ").split():
        begin, end = 0, len(token)
        while begin < end and not token[begin].isalnum():
            begin += 1
        while end > begin and not token[end - 1].isalnum():
            end -= 1
        core = token[begin:end]
        if core and all(character.isdigit() for character in core):
            if rules.numbers is not None and core in [str(n) for n in range(rules.numbers + 1)]:
                found.append(core)
            continue
        if token[0] in APOSTROPHES and token[1:].lower() in ("s", "t", "d", "m", "re", "ve", "ll"):
            continue
        # Runs of letters and digits; runs joined by an apostrophe belong together.
        groups, joined = [], False
        for place, character in enumerate(core):
            if character.isalnum():
                starts = place == 0 or not core[place - 1].isalnum()
                if starts and not joined:
                    groups.append([""])
                elif starts:
                    groups[-1].append("")
                groups[-1][-1] += character
                joined = False
            else:
                joined = character in APOSTROPHES and core[place - 1].isalnum()
        for head, *rest in groups:
            contraction = bool(rest) and rest[0].lower() == "t" and head[-1].lower() == "n"
            if not contraction and all(character.isalpha() for character in head):
                found.append(head)
    if rules.lowercase:
        found = [word.lower() for word in found]
    return [word for word in found if word.lower() not in rules.stop_words or word in rules.kept]


ODD = """the The May may well-known the-well the.The it's don't can’t n't 's ’ll '90s O'Neill rock'n'roll don't've <unk> <unk>-<unk>s
    @-@ @,@ 0 7 07 1,000 100 101 B2B COVID-19 (x) __init__ = élan Ωmega 中文 ² ½ a\u0301b \ufeffBOM “so”"""
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
)


@given(ROWS, RULES, st.sampled_from([pa.string(), pa.large_string()]))
@example([None, "", "x"], WordRules(), pa.string())
@example(["the the"], WordRules(0, stop_words=frozenset({"the"})), pa.string())
def test_words_are_those_of_a_loop_over_characters(rows, rules, kind):
    chunk = split_words(pa.array(rows, kind), rules)
    assert words_of_rows(chunk) == [slow_words(row, rules) for row in rows]
    # The bookkeeping: a length a row, positions in a list of distinct words, and their counts.
    assert len(chunk.per_row) == len(rows)
    assert chunk.per_row.sum() == len(chunk.ids)
    assert chunk.ids.dtype == np.uint32
    words = chunk.words.to_pylist()
    assert len(set(words)) == len(words)
    flat = [word for row in rows for word in slow_words(row, rules)]
    assert dict(zip(words, chunk.counts().tolist(), strict=True)) == {word: flat.count(word) for word in flat}


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("(well-known, as", ["well", "known", "as"]),
        ("Teddy's dogs' and the 's ’s", ["Teddy", "dogs", "and", "the"]),
        ("don't can’t shouldn't've isn't n't", []),
        ("<unk> @-@ x@-@y (<unk>)", ["x", "y"]),
        ("0 7 007 100 101 7, 1,000 7.5 7th 3-D", ["0", "7", "100", "7", "D"]),
        ("utf8 B2B utf-8 snake_case __init__", ["utf", "snake", "case", "init"]),
        ("naïve Ærø 東京 Ωmega", ["naïve", "Ærø", "東京", "Ωmega"]),
        ("5\u00a0km\u00a0's of\u2003it", ["5", "km", "of", "it"]),
        (" = = Heading = = ", ["Heading"]),
    ],
)
def test_documented_cases(row, words):
    assert split(row) == [words]


def test_min_chars_counts_all_characters_of_the_raw_row():
    accented = "é" * 4 + "     ."  # ten characters, more bytes
    assert split("abcd     .", "abcd    .", accented, "é" * 9, min_chars=10) == [["abcd"], [], ["éééé"], []]


def test_case_is_kept_unless_asked():
    assert split("The THE the") == [["The", "THE", "the"]]
    assert split("The THE É", lowercase=True) == [["the", "the", "é"]]


def test_stop_words_go_in_any_case_but_for_those_kept_as_spelt():
    stop = english_stop_words()
    assert len(stop) == 318
    assert split("The THE war may May MAY", stop_words=stop) == [["war"]]
    assert split("The may May MAY", stop_words=stop, kept=frozenset({"May"})) == [["May"]]
    assert split("may May", stop_words=stop, kept=frozenset({"may"}), lowercase=True) == [["may", "may"]]


def test_further_words_of_a_token_stand_behind_its_first_and_in_their_row():
    assert split("a-b c", "", "d a-b-c a-b", "e") == [["a", "b", "c"], [], ["d", "a", "b", "c", "a", "b"], ["e"]]
    stop = frozenset({"a"})
    assert split("a-b-c a", "a-a x", stop_words=stop) == [["b", "c"], ["x"]]


def test_rows_of_a_slice_are_its_own():
    rows = pa.array(["x y", "a-b", None, "c", "z"], pa.large_string()).slice(1, 3)
    assert words_of_rows(split_words(rows, WordRules(0))) == [["a", "b"], [], ["c"]]


def test_no_rows_and_no_words():
    assert split() == []
    assert split("short", None, "", min_chars=50) == [[], [], []]
    assert split("-- 12345 ...") == [[]]
