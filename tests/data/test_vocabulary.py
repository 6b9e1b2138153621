"""The vocabulary against collections.Counter, also where counting must forget."""

import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bows.data import vocabulary
from bows.data.chunk_store import ChunkStore
from bows.data.tokenize import Tokenizer, WordRules, split_tokens
from bows.data.vocabulary import WordList, choose_vocabulary, listed_vocabulary, read_word_list
from bows.errors import DataError, SettingError

# In order of code points; the last two change places in UTF-16.
WORDS = ["A", "B", "Z", "a", "b", "c", "d", "e", "z", "é", "中", "ｚ", "𝒜"]


def store_of(folder: Path, chunks: list[list[list[str]]]) -> ChunkStore:
    store = ChunkStore(folder / "store")
    for rows in chunks:
        text = pa.array([" ".join(row) for row in rows], pa.large_string())
        store.add(Tokenizer(WordRules(min_chars=0)).words(split_tokens(text, 0)), text.nbytes)
    return store


def by_counter(rows: list[list[str]], size: int, include: list[str]) -> tuple[dict[str, int], list[str]]:
    count = Counter(word for row in rows for word in row)
    ranked = sorted(count, key=lambda word: (-count[word], word))
    forced = [word for word in ranked if word in include]
    others = [word for word in ranked if word not in include][: size - len(forced)]
    chosen = [word for word in ranked if word in forced + others]
    return {word: count[word] for word in chosen}, [word for word in dict.fromkeys(include) if word not in count]


CHUNKS = st.lists(
    st.lists(st.lists(st.sampled_from(WORDS), max_size=6), min_size=1, max_size=4), min_size=1, max_size=8
)


@given(CHUNKS, st.data(), st.integers(1, 16), st.sampled_from([2, 3, 5, 8, 1000]))
def test_the_most_frequent_words_with_ties_by_code_point(chunks, data, size, limit):
    rows = [row for chunk in chunks for row in chunk]
    used = data.draw(st.integers(1, len(rows)))
    include = data.draw(st.lists(st.sampled_from([*WORDS, "never"]), max_size=min(3, size)))
    expected, absent = by_counter(rows[:used], size, include)
    with tempfile.TemporaryDirectory() as folder:
        chosen = choose_vocabulary(store_of(Path(folder), chunks), used, size, include, limit)
    assert dict(zip(chosen.words, chosen.counts.tolist(), strict=True)) == expected
    assert chosen.words == list(expected)
    assert chosen.absent == absent


def word(number: int) -> str:
    return "q" + "".join("abcdefghij"[int(digit)] for digit in str(number))


def test_a_word_that_is_rare_in_every_chunk_is_not_forgotten(tmp_path):
    # "steady" comes last in each of 40 chunks, behind 20 words of that chunk alone: whatever is dropped on the way, it is dropped too.
    chunks = [[[word(100 * chunk + k) for k in range(20)] * 2 + ["steady"]] for chunk in range(40)]
    chunks += [[["late"] * 30 + ["steady"] * 3]]
    store = store_of(tmp_path, chunks)
    _, missed = vocabulary._count(store.counts(0, store.rows), 16)
    assert missed > 1  # the table did drop words
    chosen = choose_vocabulary(store, store.rows, 2, [word(3900), "absent"], limit=16)
    assert chosen.words == ["steady", word(3900)]
    assert chosen.counts.tolist() == [43, 2]
    assert chosen.absent == ["absent"]


def test_what_was_missed_adds_up_over_all_the_times_words_were_dropped(tmp_path):
    # "steady" loses a little each time, in the end more than "late" ever has.
    chunks = [[[word(100 * chunk + k) for k in range(20)] * 2 + ["steady"]] for chunk in range(40)]
    store = store_of(tmp_path, [*chunks, [["late"] * 12]])
    chosen = choose_vocabulary(store, store.rows, 1, [], limit=16)
    assert (chosen.words, chosen.counts.tolist()) == (["steady"], [40])


def test_counting_holds_no_more_words_than_its_limit(tmp_path, monkeypatch):
    store = store_of(tmp_path, [[["x"] * 9 + [word(10 * chunk + k) for k in range(10)]] for chunk in range(30)])
    held, merge = [], vocabulary._merge
    monkeypatch.setattr(vocabulary, "_merge", lambda tables: held.append(sum(map(len, tables))) or merge(tables))
    assert choose_vocabulary(store, store.rows, 1, [], limit=40).words == ["x"]
    assert max(held) <= 40 + 11  # the limit, and the chunk that went past it


def test_rows_past_the_training_rows_do_not_count(tmp_path):
    store = store_of(tmp_path, [[["a"], ["b", "b", "c"]], [["b"]]])
    chosen = choose_vocabulary(store, 1, 5, ["b"])
    assert chosen.words == ["a"]
    assert chosen.absent == ["b"]


def test_forced_words_take_the_place_of_the_rarest(tmp_path):
    store = store_of(tmp_path, [[["a"] * 4 + ["b"] * 3 + ["c"] * 2 + ["d"]]])
    assert choose_vocabulary(store, 1, 3, ["d"]).words == ["a", "b", "d"]
    assert choose_vocabulary(store, 1, 3, ["a"]).words == ["a", "b", "c"]
    assert choose_vocabulary(store, 1, 9, ["d"]).words == ["a", "b", "c", "d"]
    assert choose_vocabulary(store, 1, 2, ["c", "d"]).words == ["c", "d"]


def test_more_forced_words_than_room_is_an_error(tmp_path):
    store = store_of(tmp_path, [[["a", "b", "c"]]])
    with pytest.raises(SettingError, match=r"^data\.vocab_size=1 .* 2 words of data\.include .*; allowed: 2 or more"):
        choose_vocabulary(store, 1, 1, ["a", "c", "absent"])


def test_counts_are_whole_numbers(tmp_path):
    assert choose_vocabulary(store_of(tmp_path, [[["a", "a"]]]), 1, 1, []).counts.dtype == np.int64


@given(CHUNKS, st.data(), st.lists(st.sampled_from([*WORDS, "never"]), min_size=1, unique=True))
def test_a_list_keeps_its_order_and_has_the_counts_of_the_training_rows(chunks, data, words):
    rows = [row for chunk in chunks for row in chunk]
    used = data.draw(st.integers(1, len(rows)))
    count = Counter(word for row in rows[:used] for word in row)
    with tempfile.TemporaryDirectory() as folder:
        found = listed_vocabulary(store_of(Path(folder), chunks), used, WordList("list.txt", words))
    assert found.words == words
    assert found.counts.tolist() == [count[word] for word in words]
    assert found.absent == [word for word in words if not count[word]]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"b\na\n", ["b", "a"]),
        (b"b\na", ["b", "a"]),
        (b"b\r\na\r\n", ["b", "a"]),
        (b"\xef\xbb\xbfb\na\n", ["b", "a"]),
        ("é\nＡ\nA\n1984\n007\nthe\n".encode(), ["é", "Ａ", "A", "1984", "007", "the"]),
    ],
)
def test_a_word_list_is_a_word_a_line(tmp_path, content, words):
    path = tmp_path / "list.txt"
    path.write_bytes(content)
    assert read_word_list(str(path)) == WordList(str(path), words)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, r"cannot be read \(No such file or directory\); give a UTF-8 file .* vocabulary\.txt"),
        (b"a\n\xff\xfe\n", r"cannot be read \('utf-8' codec .*; give a UTF-8 file"),
        (b"", "the file is empty; give one word a line"),
        (b"\n", "the file is empty; give one word a line"),
        (b"a\n\nb\n", "line 2 is '', not one word; give one word a line"),
        (b"a\nb\n\n", "line 3 is '', not one word"),
        (b"a\nNew York\n", "line 2 is 'New York', not one word"),
        (b"a\nb \n", "line 2 is 'b ', not one word"),
        (b"a\nb\nc\na\n", "the word 'a' is on lines 1 and 4; give each word once"),
        (b"a\nb\nc\nd\ne\n", "5 words are more than indices can number; allowed: 4 or fewer"),
    ],
)
def test_a_list_that_is_none_is_an_error_of_one_line(tmp_path, monkeypatch, content, said):
    monkeypatch.setattr(vocabulary, "MOST_WORDS", 4)
    path = tmp_path / "list.txt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError, match=rf"^data\.vocabulary=.*list\.txt: {said}") as error:
        read_word_list(str(path))
    assert "\n" not in str(error.value)


def test_a_folder_is_no_word_list(tmp_path):
    with pytest.raises(DataError, match=r"^data\.vocabulary=.*: cannot be read \(Is a directory\); give"):
        read_word_list(str(tmp_path))


def test_indices_hold_the_most_words():
    assert np.iinfo(np.int32).max == vocabulary.MOST_WORDS - 1
