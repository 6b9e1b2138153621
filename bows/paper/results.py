"""results.md and index.html: each claim with the paper's figure, ours, its baseline, where it was measured, and whether it holds."""

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bows.files import write_whole
from bows.paper.claims import CLAIMS, Claim, Measured, verdict
from bows.paper.drawings import Picture
from bows.reports.html import of_file, render

HEAD = ("claim", "the paper", "ours", "baseline", "measured on", "holds where", "verdict")
ON = HEAD.index("measured on")


@dataclass
class Measurement:
    """The results of a figure's runs."""

    measured: Mapping[str, Measured]
    """By the claims' names."""
    on: str
    """Corpus and size in words."""
    command: str
    """That trains the runs."""
    report: str | None = None
    """Of their sweep, from the folder of the results."""
    pictures: Sequence[Picture] = ()


def rows(figure: str, of: Measurement) -> list[tuple[str, ...]]:
    """Return a row per claim of a figure, with the columns of HEAD."""
    return [_row(claim, of) for claim in CLAIMS if claim.figure == figure]


def _row(claim: Claim, of: Measurement) -> tuple[str, ...]:
    found = of.measured.get(claim.name, Measured(None, "the runs do not give it"))
    baseline = f"{claim.baseline}: {found.baseline}" if found.baseline else claim.baseline
    return claim.statement, claim.paper, found.text, baseline, of.on, claim.threshold, verdict(claim, of.measured)


def lines(figures: Mapping[str, Measurement]) -> list[str]:
    """Return a line per claim for the terminal: the verdict, the statement, the value and its baseline."""
    return [
        f"{figure}: {row[-1]}: {row[0]}: {row[2]} (baseline: {row[3]})"
        for figure, of in figures.items()
        for row in rows(figure, of)
    ]


def write_results(folder: Path, size: str, figures: Mapping[str, Measurement]) -> list[Path]:
    """Write results.md and index.html of some figures into a folder, and return them.

    Where none has claims, the files are named for the figures: they must not replace the verdicts on the paper.
    """
    folder.mkdir(parents=True, exist_ok=True)
    claimed = {claim.figure for claim in CLAIMS}
    own = "" if claimed & set(figures) else "-".join(figures)
    files = [folder / f"{own or 'index'}.html", folder / f"{own or 'results'}.md"]
    text = ["# The paper, measured again", ""]
    text += [f"Size: {size}. Thresholds are bows' own (`bows/paper/claims.py`): the paper gives no bounds.", ""]
    for figure, of in figures.items():
        text += [f"## {figure}", "", f"`{of.command}`", ""]
        if claims := rows(figure, of):
            text += [_line(HEAD), _line(["---"] * len(HEAD)), *map(_line, claims), ""]
        for picture in of.pictures:
            text += [picture.caption, "", picture.table.read_text()] if picture.table else []
    write_whole(files[1], "\n".join(text))
    # The corpus is the same in all rows of a figure: the page shows it above them.
    sections = [
        (figure, of, [_without(row) for row in rows(figure, of)], [_shown(picture, folder) for picture in of.pictures])
        for figure, of in figures.items()
    ]
    page = render(
        "paper.html", name="The paper, measured again", size=size, head=_without(HEAD), parts=list(figures), sections=sections,
        verdicts=Counter(row[-1] for figure, of in figures.items() for row in rows(figure, of)),
    )  # fmt: skip
    write_whole(files[0], page)
    return files


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _without(row: Sequence[str]) -> list[str]:
    """Return a row without the column of the corpus."""
    return [*row[:ON], *row[ON + 1 :]]


def _shown(picture: Picture, folder: Path) -> dict[str, str | None]:
    """Return a picture as the template needs it."""
    if picture.file is None:
        return {"caption": picture.caption, "missing": picture.missing, "data": None, "file": None, "table": None}
    stem = os.path.relpath(picture.file.with_suffix(""), folder)
    table = f"{stem}.csv" if picture.table else None
    return {
        "caption": picture.caption,
        "missing": "",
        "data": of_file(picture.file).source,
        "file": stem,
        "table": table,
    }
