"""One self-contained page about a sweep: how its runs ended, the table of them, two of them word by word, and phase diagrams."""

from collections import Counter
from itertools import groupby
from pathlib import Path

from bows.figures.scales import shown
from bows.files import write_whole
from bows.reports.html import embedded, json_block, render
from bows.reports.sections import attempt
from bows.reports.sweep_data import absences, failures, run_data, setting_data
from bows.reports.sweep_figures import draw
from bows.reports.sweep_words import word_data
from bows.runs.discover import find_jobs
from bows.runs.table import STATES, corpora, dials, over_seeds, repeats, save_table, tabulate

# The page's script, in the order of its parts.
SCRIPTS = ("data", "theme", "drawing", "sweep_table", "sweep_runs", "sweep_compare", "sweep_chart", "sweep_page")


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
    summary = over_seeds(table)
    save_table(summary, folder / "summary")
    states = Counter(table.column("state").to_pylist())
    told, word_note = attempt("The words of the runs", lambda: word_data(jobs))
    words, word_notes = told or (None, [word_note])
    data, data_note = attempt(
        "The table of runs",
        lambda: json_block({"runs": run_data(table, folder), "words": words, "settings": setting_data(summary)}),
    )
    completed, lacking = absences(table)
    page = render(
        "sweep.html",
        scripts=SCRIPTS if data is not None else (),
        name=folder.resolve().name,
        states=[(state, states[state]) for state in STATES if states[state]],
        count=len(table),
        dials=[(name, ", ".join(map(shown, values))) for name, values in dials(table).items()],
        repeats=repeats(table),
        corpora=corpora(table),
        problems=failures(table),
        completed=completed,
        lacking=lacking,
        data=data,
        data_note=data_note,
        word_notes=word_notes,
        notes=notes,
        sections=[
            (kind, [(each.caption, each.picture.stem, embedded(each.picture)) for each in group])
            for kind, group in groupby(figures, key=lambda each: each.kind)
        ],
    )
    write_whole(folder / "report.html", page)
    return folder / "report.html"
