"""results.md and index.html: each claim with the paper's figure, ours, where it was measured, and whether it holds."""

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bows.files import write_whole
from bows.paper.claims import CLAIMS, Claim, Measured, verdict
from bows.paper.drawings import Picture
from bows.reports.charts import of_file
from bows.reports.html import render

HEAD = ("claim", "the paper", "ours", "measured on", "holds where", "verdict")


@dataclass
class Measurement:
    """What a figure's runs say. measured: values by the claims' names. on: corpus and size in words. command: that trains them. report: of
    their sweep, from the folder of the results.
    """

    measured: Mapping[str, Measured]
    on: str
    command: str
    report: str | None = None
    pictures: Sequence[Picture] = ()


def rows(figure: str, of: Measurement) -> list[tuple[str, ...]]:
    """A row a claim of a figure, as HEAD has it."""
    return [_row(claim, of) for claim in CLAIMS if claim.figure == figure]


def _row(claim: Claim, of: Measurement) -> tuple[str, ...]:
    found = of.measured.get(claim.name, Measured(None, "the runs do not give it"))
    text = verdict(claim, of.measured)
    return claim.statement, claim.paper, found.text, of.on, claim.threshold, text


def write_results(folder: Path, size: str, figures: Mapping[str, Measurement]) -> list[Path]:
    """Write results.md and index.html of some figures into a folder, and return them."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = [
        "# The paper, measured again",
        "",
        f"Size: {size}. Thresholds are bows' own (`bows/paper/claims.py`): the paper gives no bounds.",
        "",
    ]
    for figure, of in figures.items():
        lines += [f"## {figure}", "", f"`{of.command}`", "", _line(HEAD), _line(["---"] * len(HEAD))]
        lines += [_line(row) for row in rows(figure, of)]
        lines.append("")
    write_whole(folder / "results.md", "\n".join(lines))
    verdicts = Counter(row[-1] for figure, of in figures.items() for row in rows(figure, of))
    on = HEAD.index("measured on")
    sections = [
        # The corpus is the same in all rows of a figure: on the page it stands above them.
        (
            figure,
            of,
            [(*row[:on], *row[on + 1 :]) for row in rows(figure, of)],
            [_shown(picture, folder) for picture in of.pictures],
        )
        for figure, of in figures.items()
    ]
    page = render(
        "paper.html",
        name="The paper, measured again",
        size=size,
        head=[*HEAD[:on], *HEAD[on + 1 :]],
        verdicts=verdicts,
        parts=list(figures),
        sections=sections,
    )
    write_whole(folder / "index.html", page)
    return [folder / "index.html", folder / "results.md"]


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _shown(picture: Picture, folder: Path) -> dict[str, str | None]:
    """A picture as the page needs it."""
    if picture.file is None:
        return {"caption": picture.caption, "missing": picture.missing, "data": None, "file": None}
    stem = os.path.relpath(picture.file.with_suffix(""), folder)
    return {"caption": picture.caption, "missing": "", "data": of_file(picture.file).source, "file": stem}
