"""The word lists that come with bows: each entry a word, none in two categories, enough of them."""

from collections import Counter

import pytest

from bows.config.words import DEFAULT, named_words
from bows.data.tokenize import WordRules, english_stop_words

LISTS = named_words(DEFAULT)
SETS = LISTS["sets"]
CATEGORIES = {name: words.split() if isinstance(words, str) else words for name, words in LISTS["categories"].items()}
SYNTHETIC = {"features"}  # names of data=circular, which are no words
DOCUMENTATION = {
    "files", "network", "web", "text", "numbers", "concurrency", "classes", "errors", "containers", "modules",
    "encodings", "syntax", "commands",
}  # fmt: skip


@pytest.mark.parametrize("name", [*SETS, *CATEGORIES])
def test_every_entry_is_a_word_written_as_text(name):
    rules = WordRules()
    for word in (SETS | CATEGORIES)[name]:
        assert isinstance(word, str), f"quote {word!r}"
        assert name in SYNTHETIC or rules.words_of(word) == [word]


@pytest.mark.parametrize("name", SETS)
def test_a_set_has_three_words_or_more_each_once(name):
    assert len(SETS[name]) >= 3
    assert len({word.lower() for word in SETS[name]}) == len(SETS[name])


def test_no_word_is_in_two_categories_or_twice_in_one():
    counts = Counter(word.lower() for words in CATEGORIES.values() for word in words)
    assert [word for word, count in counts.items() if count > 1] == []


def test_there_are_enough_categories_with_enough_words():
    assert set(CATEGORIES) >= DOCUMENTATION
    encyclopaedic = {name: len(words) for name, words in CATEGORIES.items() if name not in DOCUMENTATION}
    assert len(encyclopaedic) >= 12
    assert min(encyclopaedic.values()) >= 60
    assert len(DOCUMENTATION) >= 8
    assert min(len(CATEGORIES[name]) for name in DOCUMENTATION) >= 40


def test_categories_hold_no_stop_words():
    stop_words = english_stop_words() - {"may"}  # May, the month, is kept by the texts that have months
    assert [word for words in CATEGORIES.values() for word in words if word.lower() in stop_words] == []


def test_names_of_sets_and_categories_can_be_used_in_metric_names():
    assert [name for name in (*SETS, *CATEGORIES) if not name.replace("_", "").isalpha() or not name.islower()] == []
    assert not set(SETS) & set(CATEGORIES)
