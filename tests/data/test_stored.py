"""The corpus of a run, found on disk by its hash."""

import pyarrow as pa
import pytest

from bows.data.build import CorpusPlan, Text, open_or_build
from bows.data.controls import permuted_corpus
from bows.data.stored import stored_corpus
from bows.data.tokenize import WordRules
from bows.errors import DataError


def built(root, name="c", rows=("a b", "b c", "c a") * 5):
    text = Text({"train": lambda: iter([pa.array(rows)])}, lambda: {"kind": "test"})
    return open_or_build(root, CorpusPlan(name, "k", WordRules(0), 9), lambda: text)


def test_a_corpus_is_found_beside_the_run_and_in_the_folder_of_its_settings(tmp_path):
    corpus = built(tmp_path / "corpora")
    (tmp_path / "runs" / "day").mkdir(parents=True)
    for above, folder in ((tmp_path / "runs" / "day", None), (tmp_path.parent, tmp_path / "corpora")):
        found = stored_corpus(above, {"name": "c", "folder": str(folder or "${outputs}/corpora")}, corpus.hash)
        assert found.folder == corpus.folder
    with pytest.raises(DataError, match="the corpus c is no longer in the folder corpora"):
        stored_corpus(tmp_path / "runs" / "day", {"name": "c"}, "0" * 64)


def test_a_control_is_made_again(tmp_path):
    corpus = built(tmp_path / "corpora")
    control = permuted_corpus(corpus, ["a"], False, 3)
    settings = {"name": "c", "rewire": {"words": ["a"], "together": False}, "seed": 3}
    assert stored_corpus(tmp_path, settings, control.hash).hash == control.hash
    with pytest.raises(DataError, match="no longer in the folder"):
        stored_corpus(tmp_path, {**settings, "seed": 4}, control.hash)
    with pytest.raises(DataError, match="not made again for a report"):
        stored_corpus(tmp_path, settings, control.hash, most_cells=3)


def test_a_control_is_found_by_the_hash_of_its_corpus_with_one_permutation(tmp_path, monkeypatch):
    """Of five corpora of one name; runs of earlier versions, which lack that hash, still find theirs by trying."""
    corpora = [built(tmp_path / "corpora", f"c-{number}", ("a b", "b c", "c a") * (number + 5)) for number in range(5)]
    settings, made = {"name": "c", "shuffle": "within_word", "seed": 3}, []
    control = permuted_corpus(corpora[3], None, False, 3)
    assert control.stored_hash == corpora[3].hash != control.hash
    monkeypatch.setattr(
        "bows.data.controls.permuted_corpus", lambda *given: made.append(given) or permuted_corpus(*given)
    )
    assert stored_corpus(tmp_path, settings, control.hash, control.stored_hash).hash == control.hash
    assert len(made) == 1
    assert stored_corpus(tmp_path, settings, control.hash).hash == control.hash
    assert len(made) == 1 + 4


def test_what_is_no_corpus_is_passed_over(tmp_path):
    corpus = built(tmp_path / "corpora")
    for name, content in (("a", ""), ("b", "[]"), ("d", '{"hash": 5}')):
        (tmp_path / "corpora" / name).mkdir()
        (tmp_path / "corpora" / name / "manifest.json").write_text(content)
    assert stored_corpus(tmp_path, {"name": "c"}, corpus.hash).folder == corpus.folder
