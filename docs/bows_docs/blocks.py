"""The blocks of code on a page, with the marks before them: what tests run and what draws the figures is read from the pages themselves."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

PAGES = Path(__file__).resolve().parents[1] / "pages"

FENCE = re.compile(r"^(```+)(\w*)\s*$")
# A comment of MyST, which a reader does not see: "% name" or "% name: value".
MARK = re.compile(r"^% ([\w ]+?)(?:: (.*))?$")


@dataclass(frozen=True)
class Block:
    """A block of code."""

    page: Path
    line: int
    """Its first line on the page."""
    language: str
    text: str
    marks: dict[str, str] = field(default_factory=dict)
    """Comments right before it, `% toy: epochs=1` as toy -> epochs=1; an empty text where there is no value."""
    heading: str = ""
    """The last heading before it."""

    @property
    def commands(self) -> list[list[str]]:
        """The commands of bows in it, each as the words after `python -m`."""
        return [words for line in joined(self.text) if (words := command_in(line))]


def blocks(page: Path) -> list[Block]:
    """All blocks of a page of Markdown, in order."""
    found: list[Block] = []
    marks: dict[str, str] = {}
    heading, fence, start, language = "", "", 0, ""
    lines = page.read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines):
        opened = FENCE.match(line)
        if fence:
            if line.strip() == fence:
                found.append(Block(page, start + 1, language, "\n".join(lines[start:number]), marks, heading))
                fence, marks = "", {}
        elif opened:
            fence, language, start = opened.group(1), opened.group(2), number + 1
        elif marked := MARK.match(line):
            marks = marks | {marked.group(1): marked.group(2) or ""}
        elif line.startswith("#"):
            heading, marks = line.lstrip("# "), {}
        elif line.strip():
            marks = {}
    return found


def pages() -> list[Path]:
    """All pages that are written by hand."""
    return sorted(PAGES.rglob("*.md"))


def marked(mark: str) -> list[Block]:
    """All blocks of all pages that carry a mark."""
    return [block for page in pages() for block in blocks(page) if mark in block.marks]


def joined(text: str) -> Iterator[str]:
    """Lines of a shell, those that end in a backslash with the next."""
    yield from re.sub(r"\\\n\s*", "", text).splitlines()


def command_in(line: str) -> list[str]:
    """The words after `python -m` of a line that starts a command of bows, or nothing.

    >>> command_in(".venv/bin/python -m bows.train -m 'latent=range(2,5)'")
    ['bows.train', '-m', 'latent=range(2,5)']
    >>> command_in("pip install bows")
    []
    """
    # What stands for a folder may hold a space: outputs/runs/<date>/<linear run>.
    line = re.sub(r"<[^<>]+>", lambda stand_in: stand_in.group().replace(" ", "-"), line)
    found = re.search(r"(?:^|\s|/)python3? -m (bows\.\w+.*)$", line)
    return shlex.split(found.group(1), comments=True) if found else []


def commands_in(text: str) -> list[list[str]]:
    """Every command of bows in a text of Markdown, whether in a block or in a line, each as the words after `python -m`."""
    found = []
    outside = []
    inside = False
    for line in joined(text):
        if FENCE.match(line) or (inside and line.startswith("```")):
            inside = not inside
        elif inside and (words := command_in(line)):
            found.append(words)
        elif not inside:
            outside.append(line)
    inline = [command_in(code) for code in re.findall(r"`([^`]+)`", " ".join(outside))]
    return [*found, *filter(None, inline)]
