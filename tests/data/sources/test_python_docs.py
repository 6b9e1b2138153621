"""The default corpus: documents in one split each, the same each time, and nothing imported that acts."""

import inspect
import json
import pydoc_data.topics
import sys
import textwrap

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


def test_known_docstrings_are_there_whole(built):
    text, rows, _ = built
    held_out = text.facts()["held_out_modules"]
    for thing in (textwrap.dedent, json.dumps, inspect.signature, len, dict.get, textwrap.TextWrapper):
        module = inspect.getmodule(thing).__name__ if hasattr(thing, "__module__") and thing.__module__ else "builtins"
        split, other = ("validation", "train") if module.split(".")[0] in held_out else ("train", "validation")
        assert inspect.getdoc(thing) in rows[split], thing
        assert inspect.getdoc(thing) not in rows[other], thing
    assert pydoc_data.topics.topics["integers"].split("\n\n")[0] in rows["train"]


def test_there_is_enough_of_it(built):
    rows = built[1]
    assert sum(len(row) >= 50 for row in rows["train"]) > 5000
    assert 300 < sum(len(row) >= 50 for row in rows["validation"]) < 2500


def test_about_the_asked_share_of_modules_is_held_out_and_more_where_more_is_asked(built):
    facts = built[0].facts()
    tenth, third = set(facts["held_out_modules"]), set(pydoc_text(0.3).facts()["held_out_modules"])
    assert tenth < third
    assert 0.05 < len(tenth) / facts["modules"] < 0.15
    assert 0.2 < len(third) / facts["modules"] < 0.4


def test_a_module_is_in_one_split_with_its_twins():
    modules = {*python_docs._source_files(), *python_docs._WRITTEN_IN_C}
    for fraction in (0.05, 0.1, 0.3, 0.5, 0.7, 0.9):
        for name in modules:
            held_out = python_docs._is_held_out(name, fraction)
            for twin in (f"_{name}", f"_py{name}"):
                if twin in modules:
                    assert python_docs._is_held_out(twin, fraction) == held_out, twin
    assert {"decimal", "_pydecimal", "datetime", "_datetime", "io", "_pyio", "random", "_random"} <= modules


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
    assert 15 < len(held_out) < 60
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
    assert pydoc_identity() == f"{sys.implementation.name} {sys.version.split()[0]}"


def test_a_python_without_sources_is_told_what_else_to_use(tmp_path, monkeypatch):
    monkeypatch.setattr(python_docs.sysconfig, "get_path", lambda name: str(tmp_path))
    with pytest.raises(DataError, match=r"^data=pydoc: .*no source files.*data=files"):
        pydoc_text(0.1)
