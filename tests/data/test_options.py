"""The options of conf/data: what shapes a corpus keys its folder, and nothing else does."""

import shutil

import pytest

from bows.data import options
from bows.data.options import files, stop_words_of, synthetic
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
    monkeypatch.setattr(options, "RULES_VERSION", 99)
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
    with pytest.raises(DataError, match=r"of 400 rows none of data\.min_chars=100000 or more characters holds a word"):
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


@pytest.mark.parametrize("structure", ["circular", "figure8", "sphere", "iid"])
def test_synthetic_windows_are_single_rows(structure):
    data = synthetic(
        name=structure, structure=structure, features=12, train_rows=100, validation_rows=40, sharpness=10.0, log_odds=0.0,
        batch_size=16, validation_windows=None, seed=3,
    )  # fmt: skip
    assert len(data.windows("train")) == 100
    assert len(data.windows("validation")) == 40
    assert data.windows("train").words == 12


def test_the_configured_options_make_the_same_corpus(compose, make, tiny_text):
    from hydra.utils import instantiate

    given = ["data=files", f"data.train={tiny_text}", "data.vocab_size=50", "data.min_chars=10", "data.include=[May]"]
    data = instantiate(compose(*given, "data.stride=2", "data.batch_size=7")["data"], _convert_="all")
    assert data.corpus.hash == make().corpus.hash
    assert (data.window, data.stride, data.batch_size) == (20, 2, 7)


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
