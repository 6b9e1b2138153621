"""data.remove: what it leaves out, against a filter that goes through rows and windows one by one."""

import numpy as np
import pytest
import torch
from hydra.utils import instantiate
from hypothesis import given
from hypothesis import strategies as st

from bows.config.identity import config_key
from bows.config.validate import check
from bows.data.corpus import Bags, Corpus, open_corpus
from bows.data.removal import removed_corpus
from bows.data.windows import windows_of
from bows.errors import SettingError

V = 6
WORDS = [f"w{number}" for number in range(V)]


def corpus_of(rows: list[set[int]]) -> Corpus:
    indptr = np.cumsum([0, *map(len, rows)]).astype(np.int64)
    bags = Bags(indptr, np.array([word for row in rows for word in sorted(row)], np.uint16))
    return Corpus("c", WORDS, {"train": bags, "validation": bags}, "abc", {"hash": "abc"})


def rows_of(bags: Bags) -> list[set[int]]:
    return [set(bags.indices[first:last].tolist()) for first, last in zip(bags.indptr, bags.indptr[1:], strict=False)]


row_sets = st.lists(st.sets(st.integers(0, V - 1)), min_size=4, max_size=20)
word_sets = st.sets(st.integers(0, V - 1), min_size=1)


@given(row_sets, word_sets, st.data())
def test_rows_with_that_many_words_of_the_set_are_empty_and_others_whole(rows, words, data):
    at_least = data.draw(st.integers(1, len(words)))
    remove = {"words": [WORDS[word] for word in words], "at_least": at_least}
    found = removed_corpus(corpus_of(rows), remove)
    for split in ("train", "validation"):
        expected = [set() if sum(word in row for word in words) >= at_least else row for row in rows]
        assert rows_of(found.split(split)) == expected
        assert found.split(split).indices.dtype == np.uint16


@given(row_sets, word_sets, word_sets)
def test_go_between_words_are_nowhere_and_rows_are_judged_by_the_text_as_it_is(rows, words, between):
    found = removed_corpus(corpus_of(rows), {"between": [WORDS[word] for word in between]})
    assert rows_of(found.split("train")) == [row - between for row in rows]
    assert found.vocabulary == WORDS
    both = {"words": [WORDS[word] for word in words], "at_least": 1, "between": [WORDS[word] for word in between]}
    expected = [set() if words & row else row - between for row in rows]
    assert rows_of(removed_corpus(corpus_of(rows), both).split("train")) == expected


@given(row_sets, word_sets, st.integers(1, 4), st.integers(1, 3), st.data())
def test_windows_with_that_many_words_of_the_set_are_not_read(rows, words, window, stride, data):
    at_least = data.draw(st.integers(1, len(words)))
    remove = {"words": [WORDS[word] for word in words], "at_least": at_least, "unit": "window"}
    corpus = removed_corpus(corpus_of(rows), remove)
    assert rows_of(corpus.split("train")) == rows
    unions = [set().union(*rows[first : first + window]) for first in range(0, len(rows) - window + 1, stride)]
    expected = [bag for bag in unions if len(bag & words) < at_least]
    if not expected:
        with pytest.raises(SettingError, match=r"^data\.remove: each of the \d+ train windows contains"):
            windows_of(corpus, "train", window, stride)
        return
    windows = windows_of(corpus, "train", window, stride)
    found = [set(bag.nonzero().flatten().tolist()) for bag in windows.multi_hot(torch.arange(len(windows)))]
    assert found == expected


def test_every_setting_has_a_hash_of_its_own():
    corpus = corpus_of([{0, 1}, {2}, {3, 4}, {5}])
    settings = [
        {"words": ["w0", "w1"]},
        {"words": ["w0", "w1"], "unit": "window"},
        {"words": ["w0", "w1"], "at_least": 1},
        {"words": ["w0", "w2"]},
        {"between": ["w0", "w1"]},
        {"words": ["w0", "w1"], "between": ["w0", "w1"]},
    ]
    assert len({corpus.hash, *(removed_corpus(corpus, each).hash for each in settings)}) == len(settings) + 1
    assert removed_corpus(corpus, {"words": ["w1", "w0"]}).hash == removed_corpus(corpus, settings[0]).hash
    assert removed_corpus(corpus, settings[0]).stored_hash == "abc"


@pytest.fixture
def configured(compose, tiny_text):
    def settings(*overrides: str) -> dict:
        config = compose("data=files", f"data.train={tiny_text}", "data.min_chars=10", "data.window=3", *overrides)
        check(config)
        return config

    return settings


def test_it_is_a_setting_of_text_that_leaves_the_corpus_on_disk_alone(configured):
    plain, removed, apart = (
        configured(*more)
        for more in (
            [],
            ["data.remove={words:[January,February]}"],
            ["data.remove={words:[January,February],unit:window}"],
        )
    )
    assert len({config_key(each) for each in (plain, removed, apart)}) == 3
    before, rows, windows = (instantiate(each["data"], _convert_="all") for each in (plain, removed, apart))
    assert rows.corpus.folder == windows.corpus.folder == before.corpus.folder
    assert open_corpus(before.corpus.folder).hash == before.corpus.hash
    both = [before.corpus.vocabulary.index(word) for word in ("January", "February")]
    together = lambda data: torch.cat(list(data.windows("train").batches(64)))[:, both].sum(1) == 2  # noqa: E731
    assert together(before).any()
    assert not together(windows).any()
    assert len(windows.windows("train")) == len(before.windows("train")) - together(before).sum()
    assert len(rows.windows("train")) == len(before.windows("train"))
    with pytest.raises(
        SettingError, match=r"^data\.remove\.between: not in the vocabulary of files: Octember \(1 of 1\); "
    ):
        _ = instantiate(configured("data.remove={between:[Octember]}")["data"], _convert_="all").corpus


def test_the_key_of_runs_without_it_is_that_of_earlier_versions(configured):
    before = configured()
    del before["data"]["remove"]
    assert config_key(before) == config_key(configured())


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("{}", r"data\.remove names no words; give words=\[\.\.\.\]"),
        ("{unit:row,between:[May]}", r"data\.remove\.unit is of data\.remove\.words, which is not given"),
        ("{words:[May,June],at_least:3}", r"data\.remove\.at_least=3 is not allowed; allowed: 1 to 2, the number of different words"),
        ("{words:[May,June],at_least:0}", r"data\.remove\.at_least=0 is not allowed; allowed: "),
        ("{words:[May,June],unit:book}", r"data\.remove\.unit=book is not allowed; allowed: row, window"),
        ("{words:[]}", r"data\.remove\.words=\[\] is not allowed"),
        ("{wrods:[May]}", r"data\.remove\.wrods: there is no such setting; did you mean data\.remove\.words\?"),
    ],
)  # fmt: skip
def test_impossible_settings_end_in_one_line(configured, setting, message):
    with pytest.raises(SettingError, match=f"^{message}") as error:
        configured(f"data.remove={setting}")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("other", ["data.shuffle=within_word", "data.rewire={words:[May]}"])
def test_two_controls_at_once_are_refused(configured, other):
    with pytest.raises(SettingError, match=r"^data\.remove and data\.(shuffle|rewire) are two controls"):
        configured("data.remove={words:[May,June]}", other)
