"""The default corpus: real English prose that every Python carries.

Rows are the docstrings of the standard library, read from the running interpreter's own source files without importing them,
those of modules written in C that exist in every build, and the paragraphs of `pydoc_data.topics` (the language reference behind
`help()`). A document is a top-level module with its accelerator and its Python twin (`decimal`, `_decimal`, `_pydecimal`), which share
docstrings, or a topic. No document is in two splits; :mod:`bows.data.held_out` chooses those that are held out, so that they contain
the words of the training rows.

Modules that some distributions ship separately, and tests, are left out, so that the corpus is the same for every user of a
Python version.
"""

import ast
import importlib
import inspect
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from bows.data.build import Text
from bows.data.held_out import HOLD_OUT_VERSION, held_out_documents
from bows.errors import DataError

_SHIPPED_SEPARATELY = {
    "distutils", "ensurepip", "idlelib", "lib2to3", "pydoc_data", "test", "tkinter", "turtle", "turtledemo", "venv",
}  # fmt: skip
_WRITTEN_IN_C = [
    "_collections", "_csv", "_datetime", "_functools", "_json", "_operator", "_pickle", "_random", "_struct", "array", "binascii",
    "builtins", "cmath", "itertools", "math",
]  # fmt: skip
_TOPIC = "topic "  # before the name of a topic, which may be that of a module


def pydoc_text(val_fraction: float) -> Text:
    """Return the corpus as text; documents that contain its frequent words, and `val_fraction` of all, are held out.

    Raises:
        DataError: this Python has no source files.
    """
    files = _source_files()
    if len(files) < 100:
        raise DataError(
            f"data=pydoc: this Python has no source files of its standard library ({len(files)} found); "
            "use data=files with text of your own"
        )
    documents = _documents(files)
    held_out = held_out_documents(documents, val_fraction)
    topics = {name for name in documents if name.startswith(_TOPIC)}

    def stream(of_validation: bool) -> Iterator[pa.Array]:
        for name, rows in documents.items():
            if (name in held_out) == of_validation:
                yield pa.array(rows, pa.string())

    return Text(
        splits={"train": lambda: stream(False), "validation": lambda: stream(True)},
        facts=lambda: {
            "kind": "pydoc",
            "python": sys.version.split()[0],
            "modules": len(documents.keys() - topics),
            "held_out_modules": sorted(held_out - topics),
            "topics": len(topics),
            "held_out_topics": sorted(name.removeprefix(_TOPIC) for name in held_out & topics),
        },
    )


def pydoc_identity() -> list[str]:
    """Return what the corpus's content depends on, besides the settings."""
    return [f"{sys.implementation.name} {sys.version.split()[0]}", HOLD_OUT_VERSION]


def _documents(files: dict[str, list[Path]]) -> dict[str, list[str]]:
    """Return the rows of each document: modules by name, without what marks an accelerator or a twin, then topics."""
    documents: dict[str, list[str]] = {}
    for module in sorted({*files, *_WRITTEN_IN_C}):
        rows = documents.setdefault(module.removeprefix("_py").removeprefix("_"), [])
        rows += [row for path in files.get(module, []) for row in _docstrings_in(path)]
        rows += _docstrings_in_c(module) if module in _WRITTEN_IN_C else []
    from pydoc_data.topics import topics  # 0.5 MB, which only a build needs

    return documents | {f"{_TOPIC}{name}": topics[name].split("\n\n") for name in sorted(topics)}


def _source_files() -> dict[str, list[Path]]:
    """Return the source files of each top-level module of the standard library, by name."""
    root = Path(sysconfig.get_path("stdlib"))
    files: dict[str, list[Path]] = {}
    for entry in sorted(root.iterdir()):
        module = entry.name.removesuffix(".py")
        if module not in sys.stdlib_module_names or module in _SHIPPED_SEPARATELY:
            continue
        if entry.is_dir():
            inside = sorted(entry.rglob("*.py"))
            paths = [path for path in inside if not {"test", "tests"} & set(path.relative_to(root).parts)]
        else:
            paths = [entry] if entry.suffix == ".py" else []
        if paths:
            files[module] = paths
    return files


def _docstrings_in(path: Path) -> Iterator[str]:
    """Yield the docstrings of a source file's module, classes and functions, in their order in the file."""

    def visit(node: ast.AST) -> Iterator[str]:
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield ast.get_docstring(node) or ""
        for statement in ast.iter_child_nodes(node):
            if isinstance(statement, ast.stmt):
                yield from visit(statement)

    return filter(None, visit(ast.parse(path.read_bytes())))


def _docstrings_in_c(name: str) -> list[str]:
    """Return the docstrings of a module written in C and of what it defines, once each, by the names of what they describe."""
    module = importlib.import_module(name)
    found: dict[str, None] = {}

    def visit(thing: object) -> None:
        docstring = inspect.getdoc(thing) if not isinstance(thing, str | int | float) else None
        if docstring:
            found[docstring] = None

    visit(module)
    for _, thing in sorted(vars(module).items()):
        if inspect.isclass(thing):
            visit(thing)
            for _, method in sorted(vars(thing).items()):
                if callable(method):
                    visit(method)
        elif callable(thing):
            visit(thing)
    return list(found)
