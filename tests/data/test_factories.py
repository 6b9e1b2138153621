"""The options of conf/data: what shapes a corpus keys its folder, and nothing else does."""

import hashlib
import json
import shutil

import pytest

from bows.data import factories
from bows.data.factories import files, stop_words_of, synthetic
from bows.data.unicode_words import UnicodeRules
from bows.errors import DataError

SETTINGS = {
    "name": "files", "vocab_size": 50, "window": 4, "stride": 1, "min_chars": 10, "lowercase": False, "numbers": 100,
    "stop_words": "english", "include": ["May"], "val_fraction": 0.1, "batch_size": 8, "validation_windows": None, "seed": 0,
    "validation": None, "test": None, "column": "text",
}  # fmt: skip


@pytest.fixture
def make(tiny_text, tmp_path):
    def made(**changes):
        return files(**{**SETTINGS, "train": str(tiny_text), "folder": str(tmp_path / "corpora"), **changes})

    return made


def test_dials_of_training_share_one_corpus(make, tmp_path, tiny_text, monkeypatch):
    first = make().corpus
    monkeypatch.setattr("bows.data.build._build", lambda *arguments: pytest.fail("built again"))
    copy = shutil.copy(tiny_text, tmp_path / "elsewhere.txt")
    for change in (
        {"window": 1}, {"stride": 3}, {"batch_size": 1}, {"validation_windows": 5}, {"seed": 9}, {"train": [str(copy)]},
        {"stop_words": "english"},
    ):  # fmt: skip
        again = make(**change).corpus
        assert (again.folder, again.hash) == (first.folder, first.hash), change


def test_what_shapes_the_corpus_has_a_folder_of_its_own(make, tmp_path, text_file, tiny_text):
    rows = tiny_text.read_text().splitlines()
    mine, held_out = str(text_file(rows[1:])), str(text_file(rows[:50], "v.txt"))
    changes = [
        {}, {"vocab_size": 20}, {"min_chars": 0}, {"lowercase": True}, {"numbers": None}, {"numbers": 5}, {"stop_words": None},
        {"stop_words": ["snow"]}, {"include": []}, {"val_fraction": 0.2}, {"column": "other"}, {"name": "mine"},
        {"train": mine}, {"validation": held_out}, {"test": held_out},
    ]  # fmt: skip
    folders = [make(**change).corpus.folder for change in changes]
    assert len(set(folders)) == len(changes)
    assert all(folder.parent == tmp_path / "corpora" for folder in folders)
    assert folders[-4].name.startswith("mine-")


def test_rules_raise_the_key_with_their_version(make, monkeypatch):
    first = make().corpus.folder
    monkeypatch.setattr(factories, "RULES_VERSION", 99)
    assert make().corpus.folder != first


def test_forced_words_survive_stop_words_and_folding(make):
    assert "May" in make().corpus.vocabulary
    assert "May" not in make(include=[]).corpus.vocabulary
    folded = make(lowercase=True).corpus.vocabulary
    assert "may" in folded
    assert all(word == word.lower() for word in folded)


def test_splits_come_from_their_files(make, text_file):
    data = make(
        validation=str(text_file(["snow frost rain " * 3] * 7, "v.txt")), test=str(text_file(["fog"] * 5, "t.txt"))
    )
    assert {split: bags.rows for split, bags in data.corpus.splits.items()} == {
        "train": 400,
        "validation": 7,
        "test": 5,
    }


def test_nothing_is_read_until_the_corpus_is_asked_for(make):
    data = make(train="nowhere.txt")
    with pytest.raises(DataError, match=r"^data\.train=nowhere\.txt: there is no such file"):
        _ = data.corpus
    with pytest.raises(DataError, match=r"^data\.test=gone\.txt: "):
        _ = make(test="gone.txt").corpus


def test_text_without_a_word_names_min_chars_and_leaves_nothing(make, tmp_path):
    with pytest.raises(
        DataError, match=r"of 360 training rows none of data\.min_chars=100000 or more characters holds a word"
    ):
        _ = make(min_chars=100_000).corpus
    assert [path.name for path in (tmp_path / "corpora").iterdir() if path.suffix != ".lock"] == []


def test_stop_words_are_a_list_a_file_or_none(tmp_path):
    path = tmp_path / "stop.txt"
    path.write_text("The a\nOf\n")
    assert stop_words_of(str(path)) == {"the", "a", "of"}
    assert stop_words_of(["The", "x"]) == {"the", "x"}
    assert stop_words_of(None) == frozenset()


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_a_stop_word_file_that_cannot_be_read_names_what_is_allowed(tmp_path, content):
    path = tmp_path / "stop.txt"
    if content:
        path.write_bytes(content)
    with pytest.raises(DataError, match=r"^data\.stop_words=.*stop\.txt: cannot be read .*allowed: english, null"):
        stop_words_of(str(path))


# Words of every rule: a stop word, one that folds to a stop word, numbers above data.numbers and with zeros in front, parts of
# hyphenated words, one that never occurs, and one that occurs in held-out rows alone.
LISTED = ["snow", "1984", "the", "May", "007", "never", "art", "of", "fog", "3"]
LISTED_ROWS = [
    ("The snow of 1984, in May (may) and the May snow's", "snow 1984 the May of"),
    ("state-of-the-art: 007, 7, 1,984 and 19840 of 3", "the 007 art of 3"),
    ("the snow", ""),  # too short
    ("no word of it", "of"),
]
HELD_OUT_ROWS = [("fog and snow, fog or 1984", "snow 1984 fog"), ("nothing at all in here", "")]


def bags_of(corpus, split: str) -> list[set[str]]:
    bags = corpus.split(split)
    rows = [bags.indices[a:b].tolist() for a, b in zip(bags.indptr, bags.indptr[1:], strict=False)]
    assert all(row == sorted(set(row)) for row in rows)
    return [{corpus.vocabulary[index] for index in row} for row in rows]


@pytest.fixture
def listed(make, text_file):
    """Makes a corpus of the rows above with the words of a list, one a line, of the given file."""
    train = text_file([row for row, _ in LISTED_ROWS], "train.txt")
    held_out = text_file([row for row, _ in HELD_OUT_ROWS], "held_out.txt")

    def made(words=LISTED, name: str = "list.txt", **changes):
        given = str(text_file(words, name))
        return make(train=str(train), validation=str(held_out), vocabulary=given, **changes).corpus

    return made


def test_a_given_vocabulary_is_taken_word_for_word(listed, tmp_path, caplog):
    caplog.set_level("INFO", "bows")
    corpus = listed()
    assert corpus.vocabulary == LISTED
    assert bags_of(corpus, "train") == [set(words.split()) for _, words in LISTED_ROWS]
    assert bags_of(corpus, "validation") == [set(words.split()) for _, words in HELD_OUT_ROWS]
    assert corpus.split("train").frequencies(len(LISTED)).tolist() == [1, 1, 2, 1, 1, 0, 1, 3, 0, 1]
    path = tmp_path / "list.txt"
    assert [record.getMessage() for record in caplog.records] == [f"8 of 10 words of {path} occur in the training rows"]
    assert corpus.facts["vocabulary"] == {"file": str(path), "absent": 2}
    assert corpus.facts["word_counts"] == dict(zip(LISTED, [2, 1, 2, 2, 1, 0, 1, 4, 0, 1], strict=True))
    assert corpus.facts["words"] == 10


def test_what_does_not_apply_to_a_given_vocabulary_does_not_matter(listed):
    first = listed()
    changes = {"vocab_size": 1, "include": ["nothing"], "stop_words": ["snow"], "numbers": None}
    for name, value in changes.items():
        assert listed(**{name: value}).folder == first.folder, name


def test_a_given_vocabulary_keys_the_corpus_by_its_content(listed, make, monkeypatch):
    first = listed()
    folders = {first.folder, listed(LISTED[::-1]).folder, listed(LISTED[:-1]).folder}
    folders |= {listed(min_chars=11).folder, listed(lowercase=True).folder, listed(val_fraction=0.2).folder}
    assert len(folders) == 6
    assert "vocabulary" not in make().corpus.facts
    monkeypatch.setattr("bows.data.build._build", lambda *arguments: pytest.fail("built again"))
    assert listed(name="elsewhere.txt").hash == first.hash


def test_the_order_of_a_given_vocabulary_is_that_of_the_indices(listed):
    forward, backward = listed(), listed(LISTED[::-1])
    assert backward.vocabulary == LISTED[::-1]
    for split in ("train", "validation"):
        assert bags_of(backward, split) == bags_of(forward, split)


def test_a_corpus_takes_its_own_vocabulary_back(make, tmp_path):
    """A finished run's vocabulary.txt, over the text that it came from, gives the same bags."""
    own = make().corpus
    again = make(vocabulary=str(own.folder / "vocabulary.txt")).corpus
    assert again.folder != own.folder
    assert (again.hash, again.vocabulary) == (own.hash, own.vocabulary)
    assert again.facts["word_counts"] == own.facts["word_counts"]


def test_folded_text_never_holds_listed_capitals(listed, tmp_path, caplog):
    caplog.set_level("INFO", "bows")
    words = ["may", "May", "THE", "snow", "1984"]
    corpus = listed(words, lowercase=True)
    assert corpus.vocabulary == words
    assert bags_of(corpus, "train") == [{"may", "snow", "1984"}, set(), set(), set()]
    assert caplog.messages[-1] == (
        f"3 of 5 words of {tmp_path / 'list.txt'} occur in the training rows; "
        "data.lowercase=true folds the text, so 2 with capitals cannot"
    )
    caplog.clear()
    listed(["snow", "never"], lowercase=True)
    assert caplog.messages == [f"1 of 2 words of {tmp_path / 'list.txt'} occur in the training rows"]


@pytest.mark.parametrize(
    ("words", "lowercase", "said"),
    [
        (["fog", "never"], False, r"none of its 2 words occurs in the training rows of files of data\.min_chars=10 or more characters"),
        (["May"], True, r"none of its 1 words occurs .* characters; data\.lowercase=true folds .* 1 with capitals cannot; give other text"),
    ],
)  # fmt: skip
def test_a_list_of_which_nothing_occurs_is_an_error_of_one_line(listed, tmp_path, words, lowercase, said):
    with pytest.raises(DataError, match=rf"^data\.vocabulary=.*list\.txt: {said}") as error:
        listed(words, lowercase=lowercase)
    assert "\n" not in str(error.value)
    assert [path.name for path in (tmp_path / "corpora").iterdir() if path.suffix != ".lock"] == []


def test_a_list_is_read_only_when_the_corpus_is_asked_for(make):
    data = make(vocabulary="nowhere.txt")
    with pytest.raises(DataError, match=r"^data\.vocabulary=nowhere\.txt: cannot be read"):
        _ = data.corpus


def test_corpora_of_before_there_were_lists_are_found(make, tiny_text):
    digest = hashlib.sha256(tiny_text.read_bytes()).hexdigest()
    identity = [{"train": [f".txt {digest}"]}, "text"]
    shaping = [
        factories.FORMAT_VERSION,
        factories.RULES_VERSION,
        identity,
        [50, 10, False, 100, ["a", "the"], ["May"], 0.1],
        UnicodeRules().identity,
    ]
    key = hashlib.sha256(json.dumps(shaping, sort_keys=True).encode()).hexdigest()[:12]
    assert make(stop_words=["the", "a"]).corpus.folder.name == f"files-{key}"


@pytest.mark.parametrize("structure", ["circular", "figure8", "sphere", "iid"])
def test_synthetic_windows_are_single_rows(structure):
    data = synthetic(
        name=structure, structure=structure, features=12, train_rows=100, validation_rows=40, sharpness=10.0, log_odds=0.0,
        batch_size=16, validation_windows=None, seed=3,
    )  # fmt: skip
    assert len(data.windows("train")) == 100
    assert len(data.windows("validation")) == 40
    assert data.windows("train").words == 12


def test_synthetic_features_are_relabelled_where_asked():
    given = {
        "name": "c", "structure": "circular", "features": 12, "train_rows": 100, "validation_rows": 40, "sharpness": 10.0,
        "log_odds": 0.0, "batch_size": 16, "validation_windows": None, "seed": 3,
    }  # fmt: skip
    plain, off, on = (synthetic(**{**given, **more}).corpus for more in ({}, {"relabel": False}, {"relabel": True}))
    assert plain.hash == off.hash != on.hash
    assert on.vocabulary != off.vocabulary == [f"feature{place}" for place in range(12)]


def test_the_configured_options_make_the_same_corpus(compose, make, tiny_text):
    from hydra.utils import instantiate

    given = ["data=files", f"data.train={tiny_text}", "data.vocab_size=50", "data.min_chars=10", "data.include=[May]"]
    data = instantiate(compose(*given, "data.stride=2", "data.batch_size=7")["data"], _convert_="all")
    assert data.corpus.hash == make().corpus.hash
    assert (data.window, data.stride, data.batch_size) == (20, 2, 7)


def test_a_vocabulary_and_relabelling_are_configured(compose, make, text_file):
    from hydra.utils import instantiate

    path = text_file(["snow", "never"], "list.txt")
    text = text_file(["snow and rain and snow"] * 9)
    given = ["data=files", f"data.train={text}", f"data.vocabulary={path}", "data.min_chars=10"]
    assert instantiate(compose(*given)["data"], _convert_="all").corpus.vocabulary == ["snow", "never"]
    words = [f"feature{place}" for place in range(12)]
    corpus = instantiate(compose("data=sphere", "data.relabel=true")["data"], _convert_="all").corpus
    assert corpus.vocabulary != words
    assert sorted(corpus.vocabulary) == sorted(words)


def test_wikitext_has_the_months(wikitext, compose):
    from hydra.utils import instantiate

    test, validation = wikitext
    given = ["data=files", f"data.train={test}", f"data.validation={validation}", "data.vocab_size=4000"]
    settings = compose(*given)["data"]
    corpus = instantiate(settings, _convert_="all").corpus
    absent = {"Wednesday", "Venus", "Uranus", "Neptune"}  # they do not occur in rows of 50 characters or more
    assert set(settings["include"]) - absent <= set(corpus.vocabulary)
    assert len(corpus.vocabulary) == 4000
    # Rows are lines; 1,959 and 1,743 have 50 characters or more.
    held = {split: int((bags.indptr[1:] > bags.indptr[:-1]).sum()) for split, bags in corpus.splits.items()}
    assert {split: bags.rows for split, bags in corpus.splits.items()} == {"train": 4358, "validation": 3760}
    assert 1940 < held["train"] <= 1959  # a few hold none of the 4,000 most frequent
    assert 1720 < held["validation"] <= 1743
    assert not {"unk", "the", "The", "may"} & set(corpus.vocabulary)
