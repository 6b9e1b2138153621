"""One self-contained page about a sweep: how its runs ended, phase diagrams, and the table of runs."""

from collections import Counter
from itertools import groupby
from pathlib import Path

from bows.figures.scales import shown
from bows.pages.page import embedded, render
from bows.pages.sweep_figures import draw
from bows.runs import write_whole
from bows.sweep.collect_jobs import find_jobs
from bows.sweep.collecting import STATES, corpora, dials, over_seeds, repeats, save_table, tabulate

# Columns of the table of runs beside the dials; the others are in results.csv.
SHOWN = ("reconstruction/r2", "interference/gap", "interference/filtered", "run_seconds")


def write_sweep_report(folder: Path | str, metrics: list[str] | None = None, over: list[str] | None = None) -> Path:
    """Write report.html, figures/ and the tables of `bows.collect` into a sweep folder.

    Args:
        folder: a sweep, or a folder of runs or sweeps.
        metrics: drawn; None for a handful.
        over: dials, all pairs of which heat maps are drawn over; None for some.

    Returns:
        The page's path.

    Raises:
        SettingError: for a folder in which no job lies, a metric that no completed run has, or dials that no heat map is over.
    """
    folder = Path(folder)
    jobs = find_jobs([folder])
    table = tabulate(jobs, folder)
    figures, notes = draw(folder, jobs, table, metrics, over)
    save_table(table, folder / "results")
    save_table(over_seeds(table), folder / "summary")
    states = Counter(table.column("state").to_pylist())
    varied = dials(table)
    columns = ["run", "state", *varied, *(name for name in SHOWN if name in table.column_names)]
    rows = table.select(list(dict.fromkeys([*columns, "error"]))).to_pylist()
    page = render(
        "sweep.html",
        name=folder.resolve().name,
        states=[(state, states[state]) for state in STATES if states[state]],
        count=len(rows),
        dials=[(name, ", ".join(map(shown, values))) for name, values in varied.items()],
        repeats=repeats(table),
        corpora=corpora(table),
        problems=[row for row in rows if row["error"] or row["state"] in ("missing", "damaged")],
        notes=notes,
        sections=[
            (kind, [(each.caption, each.picture.stem, embedded(each.picture)) for each in group])
            for kind, group in groupby(figures, key=lambda each: each.kind)
        ],
        columns=[(name, any(isinstance(row[name], int | float) for row in rows)) for name in columns],
        rows=[[row[name] for name in columns] for row in rows],
    )
    write_whole(folder / "report.html", page)
    return folder / "report.html"
