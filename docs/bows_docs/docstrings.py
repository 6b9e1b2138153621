"""Docstrings as text to quote: read without importing the code, cut into paragraphs and items, turned into Markdown."""

import ast
import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]

# Sections that say how a function is called, not what it measures. "Returns:" is read: some say there what they return.
SECTIONS = ("Args:", "Raises:", "Yields:", ">>>")


@dataclass(frozen=True)
class Documented:
    """A module, function, class or method with a docstring."""

    module: str
    qualified: str
    """Its name in the module, as in InterferenceSums.gap; empty for the module."""
    text: str
    """The docstring, without its indentation."""

    @property
    def name(self) -> str:
        return self.path.rpartition(".")[2]

    @property
    def path(self) -> str:
        return f"{self.module}.{self.qualified}".rstrip(".")


def documented(folder: Path, module: str) -> Iterator[Documented]:
    """All that has a docstring in a Python file, or in the files of a folder, of the module of that name."""
    if folder.is_dir():
        for path in sorted(folder.glob("*.py")):
            yield from documented(path, f"{module}.{path.stem}")
        return
    tree = ast.parse(folder.read_text(encoding="utf-8"))
    if text := ast.get_docstring(tree):
        yield Documented(module, "", text)
    yield from _inside(tree, module, "")


def _inside(node: ast.AST, module: str, outer: str) -> Iterator[Documented]:
    for inner in ast.iter_child_nodes(node):
        if isinstance(inner, ast.FunctionDef | ast.ClassDef):
            qualified = f"{outer}.{inner.name}".lstrip(".")
            if text := ast.get_docstring(inner):
                yield Documented(module, qualified, text)
            yield from _inside(inner, module, qualified)


def parts(text: str) -> list[str]:
    """Paragraphs and items ("- ...") of a docstring, each on one line, up to the sections on how to call it.

    >>> parts("What it is.\\n\\n- ``a``: one\\n  thing.\\n- ``b``: another.\\n\\nArgs:\\n    x: left out.")
    ['What it is.', '- ``a``: one thing.', '- ``b``: another.']
    """
    kept: list[str] = []
    skipping = False
    for paragraph in re.split(r"\n\s*\n", inspect.cleandoc(text)):
        first = paragraph.strip().partition("\n")[0]
        if first.startswith("Returns:"):
            paragraph, skipping = inspect.cleandoc(paragraph.strip().removeprefix("Returns:")), False
        elif first.startswith(SECTIONS):
            skipping = True
        elif paragraph[:1] != " ":
            skipping = False
        if skipping:
            continue
        for item in re.split(r"\n(?=\s*- )", paragraph.strip()):
            line = " ".join(item.split())
            if line:
                kept.append(line)
    return kept


def as_markdown(text: str) -> str:
    """A line of a docstring as Markdown: names in code, everything else as it is written.

    >>> as_markdown("|W|^2 of ``W`` (see :func:`bows.analysis.capacity.capacity`), i * j_k < 3")
    '|W|^2 of `W` (see `capacity`), i \\\\* j\\\\_k &lt; 3'
    """
    text = re.sub(r":(?:func|class|meth):`~?(?:[\w.]*\.)?(\w+)`", r"``\1``", text)
    pieces = re.split(r"(`{1,2}[^`]+`{1,2})", text)
    return "".join(f"`{piece.strip('`')}`" if piece.startswith("`") else _escaped(piece) for piece in pieces)


def _escaped(text: str) -> str:
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([*_\[\]])", r"\\\1", text)
