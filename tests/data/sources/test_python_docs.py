"""The default corpus: documents in one split each, the same each time, and nothing imported that acts."""

import inspect
import json
import pydoc_data.topics
import re
import sys
import textwrap
from collections import Counter

import pytest

from bows.data.sources import python_docs
from bows.data.sources.python_docs import pydoc_identity, pydoc_text
from bows.errors import DataError


@pytest.fixture(scope="module")
def built():
    """The text with a tenth held out, its rows by split, and the modules that reading it imported."""
    before = set(sys.modules)
    text = pydoc_text(0.1)
    rows = {split: [row for part in stream() for row in part.to_pylist()] for split, stream in text.splits.items()}
    return text, rows, set(sys.modules) - before


def test_nothing_but_modules_in_c_is_imported(built):
    imported = {name for name in built[2] if not name.startswith("pyarrow")}
    assert imported <= set(python_docs._WRITTEN_IN_C)
    assert not {"antigravity", "this", "idlelib", "turtle"} & set(sys.modules)


def document_of(module: str) -> str:
    return module.removeprefix("_py").removeprefix("_")


def test_known_docstrings_are_there_whole(built):
    text, rows, _ = built
    facts = text.facts()
    for thing in (textwrap.dedent, json.dumps, inspect.signature, len, dict.get, textwrap.TextWrapper):
        module = inspect.getmodule(thing).__name__ if hasattr(thing, "__module__") and thing.__module__ else "builtins"
        held_out = document_of(module.split(".")[0]) in facts["held_out_modules"]
        split, other = ("validation", "train") if held_out else ("train", "validation")
        assert inspect.getdoc(thing) in rows[split], thing
        assert inspect.getdoc(thing) not in rows[other], thing
    for name in ("integers", facts["held_out_topics"][0]):
        split = "validation" if name in facts["held_out_topics"] else "train"
        assert pydoc_data.topics.topics[name].split("\n\n")[0] in rows[split]


def test_there_is_enough_of_it(built):
    rows = built[1]
    assert sum(len(row) >= 50 for row in rows["train"]) > 5000
    assert 300 < sum(len(row) >= 50 for row in rows["validation"]) < 2500


def test_the_held_out_split_contains_the_frequent_words_of_two_documents(built):
    """Counted anew, document by document, from the rows of the splits and the modules' own files."""
    rows = built[1]
    words = {split: Counter(re.findall(r"[A-Za-z0-9]+", "\n".join(part))) for split, part in rows.items()}
    frequent = [word for word, count in (words["train"] + words["validation"]).items() if count >= 25]
    assert not [word for word in frequent if word not in words["train"]]
    assert len(frequent) > 1000
    assert sum(word in words["validation"] for word in frequent) > 0.95 * len(frequent)
    assert {*"0123456789"} <= words["validation"].keys()


def test_more_documents_are_held_out_where_more_is_asked(built):
    facts, half = built[0].facts(), pydoc_text(0.3).facts()
    for kind in ("modules", "topics"):
        assert set(facts[f"held_out_{kind}"]) <= set(half[f"held_out_{kind}"])
    held_out = len(half["held_out_modules"]) + len(half["held_out_topics"])
    assert held_out >= 0.3 * (half["modules"] + half["topics"])
    assert len(facts["held_out_modules"]) + len(facts["held_out_topics"]) < held_out


def test_a_module_is_in_one_document_with_its_twins():
    files = python_docs._source_files()
    documents = python_docs._documents(files)
    for twins in (("decimal", "_pydecimal"), ("datetime", "_datetime"), ("io", "_pyio"), ("random", "_random")):
        for name in twins:
            rows = [row for path in files.get(name, []) for row in python_docs._docstrings_in(path)]
            assert set(rows) <= set(documents[twins[0]])
            assert twins[0] == name or name not in documents


def test_every_docstring_of_a_module_is_in_its_split(built, tmp_path, monkeypatch):
    """Read again from a library of made-up modules: rows of a held-out module are all in validation, in order, and none in training."""
    names = [f"made_{k}" for k in range(120)]
    for name in names:
        (tmp_path / f"{name}.py").write_text(
            f'"""{name} one"""\nclass A:\n    def f(self):\n        """{name} two"""\n'
        )
    package = tmp_path / "made_package"
    (package / "tests").mkdir(parents=True)
    (package / "__init__.py").write_text('"""made_package one"""\nraise SystemExit("imported")\n')
    (package / "tests" / "test_it.py").write_text('"""left out"""')
    (tmp_path / "stranger.py").write_text('"""not of the standard library"""')
    monkeypatch.setattr(python_docs.sysconfig, "get_path", lambda name: str(tmp_path))
    monkeypatch.setattr(python_docs.sys, "stdlib_module_names", frozenset([*names, "made_package"]))
    text = pydoc_text(0.3)
    rows = {split: [row for part in stream() for row in part.to_pylist()] for split, stream in text.splits.items()}
    held_out = [name for name in text.facts()["held_out_modules"] if name.startswith("made")]
    assert 15 < len(held_out) < 100
    expected = {"train": [], "validation": []}
    for name in sorted([*names, "made_package"]):
        parts = ["one"] if name == "made_package" else ["one", "two"]
        expected["validation" if name in held_out else "train"] += [f"{name} {part}" for part in parts]
    for split, wanted in expected.items():
        assert [row for row in rows[split] if row.startswith("made_")] == wanted
        assert not {"left out", "not of the standard library"} & set(rows[split])


def test_reading_twice_gives_the_same_rows(built):
    again = [row for part in pydoc_text(0.1).splits["validation"]() for row in part.to_pylist()]
    assert again == built[1]["validation"]


def test_the_key_names_the_python():
    assert pydoc_identity()[0] == f"{sys.implementation.name} {sys.version.split()[0]}"


def test_a_python_without_sources_is_told_what_else_to_use(tmp_path, monkeypatch):
    monkeypatch.setattr(python_docs.sysconfig, "get_path", lambda name: str(tmp_path))
    with pytest.raises(DataError, match=r"^data=pydoc: .*no source files.*data=files"):
        pydoc_text(0.1)
