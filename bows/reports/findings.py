"""What later calls of bows.analyze found in a run: shapes, comparisons, explained words, ablated planes; for the report and its map."""

import csv
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow.parquet as pq

from bows.analysis.catalog import HEADLINE, metric
from bows.analysis.set_shapes import KINDS
from bows.errors import DataError
from bows.files import read_json
from bows.reports.html import Chart, counted, number, of_file
from bows.reports.run_data import RunData

log = logging.getLogger(__name__)

MOST_FINDINGS = 12  # analyses that a report shows, the newest
FIRST_ROWS = 12  # of a table, the others on request
GROUPS = ("set", "companions", "other")  # of words, whose R² a plane changes
PLANE_COLUMNS = {
    "R² as is": "r2", "R² without the plane": "r2_removed", "R² with the plane alone": "r2_kept", "loss of R²": "drop",
    "random planes": "drop_random_plane_null", "p": "drop_random_plane_p", "random sets": "drop_random_set_null",
    "p ": "drop_random_set_p",
}  # fmt: skip


class Finding(NamedTuple):
    """The result of one analysis; `rows` are cells, the first of a row its name."""

    title: str
    folder: str
    """In the run's folder `analysis`."""
    text: str
    head: Sequence[str] = ()
    rows: Sequence[Sequence[Any]] = ()
    charts: Sequence[Chart] = ()


def findings(run: RunData) -> list[Finding]:
    """Return the results of the run's analyses, the newest first; of several like each other only the newest."""
    found: dict[str, Finding] = {}
    if (run.folder / "found_sets.parquet").is_file():  # word vectors are measured and searched by one command
        found |= {(own := _scan(run, run.folder)).title: own._replace(folder="", charts=())}
    for folder in run.analyses:
        readers = {"found_sets.parquet": lambda folder: _scan(run, folder), **READERS}
        for name, read in readers.items():
            if not (folder / name).is_file():
                continue
            try:
                finding = read(folder)
            except (DataError, OSError, ValueError, KeyError, TypeError) as error:
                log.info("report: analysis/%s is left out: %s", folder.name, error)
                continue
            found.setdefault(finding.title, finding)
    return list(found.values())[:MOST_FINDINGS]


def shapes(run: RunData) -> list[dict[str, Any]]:
    """Return the sets of words of the newest scan: ``kind``, ``name``, ``words``, ``p``, ``q`` of each; none without a scan."""
    folder = next((each for each in (*run.analyses, run.folder) if (each / "found_sets.parquet").is_file()), None)
    return [] if folder is None else _shapes(run, folder)


def _shapes(run: RunData, folder: Path) -> list[dict[str, Any]]:
    groups = run.categories | {name: [run.words[place] for place in places] for name, places in run.sets.items()}
    columns = ["kind", "words", "p", "q"]
    rows = pq.read_table(folder / "found_sets.parquet", columns=columns).to_pylist()
    known = set(run.words)
    return [row | {"name": shape_name(row["words"], groups)} for row in rows if known.issuperset(row["words"])]


def shape_name(words: Sequence[str], groups: Mapping[str, Sequence[str]]) -> str:
    """Return the name of a set of words: of the group that has more than half of them, the smallest; else its first three words.

    >>> shape_name(["May", "June", "he"], {"time": ["May", "June", "day"], "months": ["May", "June"]}), shape_name(["a", "b", "c", "d"], {})
    ('months', 'a, b, c')
    """
    shared = {name: len(set(words) & set(members)) for name, members in groups.items()}
    best = max(shared, key=lambda name: (shared[name], -len(set(groups[name]))), default="")
    return best.replace("_", " ") if best and shared[best] > len(words) / 2 else ", ".join(words[:3])


def _scan(run: RunData, folder: Path) -> Finding:
    found = _shapes(run, folder)
    counts = ", ".join(counted(sum(row["kind"] == kind for row in found), kind) for kind in KINDS)
    level = float((pq.read_schema(folder / "found_sets.parquet").metadata or {}).get(b"q_threshold", 0.05))
    text = f"{counts} at a false discovery rate under {level:g}. Words of a ring are in their order around it, of a line along it, "
    text += "of a cluster from its centre outwards."
    rows = [(row["name"], row["kind"], ", ".join(row["words"]), number(row["p"]), number(row["q"])) for row in found]
    return Finding(
        "Shapes among all words", folder.name, text, ("name", "kind", "words", "p", "q"), rows, _figures(folder)
    )


def _against(folder: Path) -> Finding:
    with (folder / "comparison.csv").open(encoding="utf-8", newline="") as file:
        head, *rows = csv.reader(file)
    order = {name: place for place, name in enumerate(HEADLINE)}
    rows.sort(key=lambda row: (order.get(row[0], len(order)), row[0]))
    cells = [(metric(name).label, *(number(float(value)) if value else "–" for value in row)) for name, *row in rows]
    title = f"Compared with {', '.join(head[2:])}"
    text = f"{len(rows):,} metrics of each model on the same held-out windows, the main ones first."
    return Finding(title, folder.name, text, ("metric", *head[1:]), cells, _figures(folder))


def _geometry(folder: Path) -> Finding:
    with (folder / "comparison_geometry.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    references = ", ".join(dict.fromkeys(row["reference"] for row in rows))
    text = "Within strata of word frequency, on the shared words; 95 % intervals over words; null: mean over words permuted within strata; "
    text += "category null: over words of categories and ordered sets, permuted within these too, with all other words in place."
    columns = [
        "reference",
        "model",
        "measure",
        "value",
        "low",
        "high",
        "null",
        "p",
        "words",
        "category_null",
        "category_p",
    ]
    cells = [
        (*(row[key] for key in columns[:3]), *(number(float(row[key])) if row.get(key) else "–" for key in columns[3:]))
        for row in rows
    ]
    columns = tuple(each.replace("_", " ") for each in columns)
    return Finding(f"Geometry compared with {references}", folder.name, text, columns, cells)


def _plane(folder: Path) -> Finding:
    summary = read_json(folder / "summary.json")
    name = next(iter(summary)).split("/")[1]
    rows = [
        (group, *(number(summary.get(f"ablation/{name}/{group}/{key}")) for key in PLANE_COLUMNS.values()))
        for group in GROUPS
    ]
    used = summary.get(f"ablation/{name}/companions_used")
    text = "" if used is None else f"Companions use the plane beyond chance (both p < 0.05): {'yes' if used else 'no'}."
    title = f"The plane of {name.replace('_', ' ')}, removed and kept alone"
    return Finding(title, folder.name, text, ("words", *map(str.strip, PLANE_COLUMNS)), rows, _figures(folder))


def _word(folder: Path) -> Finding:
    facts = read_json(folder / "explanation.json")
    bag = " with " + ", ".join(facts["context"]) if facts["context"] else " alone"
    held_out, at = facts["held_out"], facts["pre_activation"]
    rows = [
        ("bias", facts["bias"]), ("the word itself", facts["self"]),
        *((f"context: {word}", value) for word, value in facts["contributions"].items()),
        ("pre-activation", at["with_context"]),
        ("mean over held-out windows with the word", held_out["mean_with"]),
        ("mean over held-out windows without it", held_out["mean_without"]), ("R²", facts["r2"]),
    ]  # fmt: skip
    text = f"{counted(held_out['windows_with'], 'held-out window')} with the word, {held_out['windows_without']:,} without."
    cells = [(name, number(value)) for name, value in rows]
    title = f"The word {facts['word']}{bag}"
    return Finding(title, folder.name, text, ("part", "value"), cells, _figures(folder))


def _evaluation(folder: Path) -> Finding:
    count = len(read_json(folder / "summary.json"))
    text = f"{counted(count, 'metric')}, shown under Metrics, and the columns of all words."
    return Finding("Evaluated again", folder.name, text)


READERS = {
    "comparison.csv": _against,
    "comparison_geometry.csv": _geometry,
    "ablation.parquet": _plane,
    "explanation.json": _word,
    "words.parquet": _evaluation,
}


def _figures(folder: Path) -> list[Chart]:
    return [of_file(file) for file in sorted((folder / "figures").glob("*.png"))]
