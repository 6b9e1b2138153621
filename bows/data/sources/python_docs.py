"""The default corpus: real English prose that every Python carries.

Rows are the docstrings of the standard library, read from the running interpreter's own source files without importing them,
those of modules written in C that exist in every build, and the paragraphs of `pydoc_data.topics` (the language reference behind
`help()`). A document is a top-level module, so no module is in two splits; about one in ten, chosen by a hash of its name, is held
out. A module and its accelerator or its Python twin (`decimal`, `_decimal`, `_pydecimal`) share docstrings, so they go together.

Modules that some distributions ship separately, and tests, are left out, so that the corpus is the same for every user of a
Python version.
"""

import ast
import hashlib
import importlib
import inspect
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from bows.data.build import Text
from bows.errors import DataError

_SHIPPED_SEPARATELY = {
    "distutils", "ensurepip", "idlelib", "lib2to3", "pydoc_data", "test", "tkinter", "turtle", "turtledemo", "venv",
}  # fmt: skip
_WRITTEN_IN_C = [
    "_collections", "_csv", "_datetime", "_functools", "_json", "_operator", "_pickle", "_random", "_struct", "array", "binascii",
    "builtins", "cmath", "itertools", "math",
]  # fmt: skip


def pydoc_text(val_fraction: float) -> Text:
    """Return the corpus as text; `val_fraction` of the modules (not of the rows) is held out. Raises DataError without source files."""
    files = _source_files()
    if len(files) < 100:
        raise DataError(
            f"data=pydoc: this Python has no source files of its standard library ({len(files)} found); "
            "use data=files with text of your own"
        )
    modules = sorted({*files, *_WRITTEN_IN_C})

    def stream(held_out: bool) -> Iterator[pa.Array]:
        for module in modules:
            if _is_held_out(module, val_fraction) == held_out:
                rows = [row for path in files.get(module, []) for row in _docstrings_in(path)]
                rows += _docstrings_in_c(module) if module in _WRITTEN_IN_C else []
                yield pa.array(rows, pa.string())
        if not held_out:
            from pydoc_data.topics import topics  # 0.5 MB, which only a build needs

            yield pa.array(
                [paragraph for name in sorted(topics) for paragraph in topics[name].split("\n\n")], pa.string()
            )

    held_out = [module for module in modules if _is_held_out(module, val_fraction)]
    return Text(
        splits={"train": lambda: stream(False), "validation": lambda: stream(True)},
        facts=lambda: {
            "kind": "pydoc",
            "python": sys.version.split()[0],
            "modules": len(modules),
            "held_out_modules": held_out,
        },
    )


def pydoc_identity() -> str:
    """Return what the corpus's content depends on, besides the settings."""
    return f"{sys.implementation.name} {sys.version.split()[0]}"


def _is_held_out(module: str, fraction: float) -> bool:
    module = module.removeprefix("_py").removeprefix("_")
    return int.from_bytes(hashlib.sha256(module.encode()).digest()[:8], "big") < fraction * 2**64


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
