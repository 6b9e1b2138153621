"""The report of a sweep: the states of its runs, their table, two runs compared word by word, and phase diagrams."""

from collections import Counter
from itertools import groupby
from pathlib import Path

from bows.figures.scales import shown
from bows.files import write_whole
from bows.reports.charts import of_file
from bows.reports.html import json_block, render
from bows.reports.sections import try_section
from bows.reports.sweep_data import absences, failures, run_data, setting_data
from bows.reports.sweep_figures import draw
from bows.reports.sweep_words import word_data
from bows.runs.discover import find_jobs
from bows.runs.table import STATES, corpora, over_seeds, repeats, save_table, tabulate, varied_settings

# The files of the script, in order.
SCRIPTS = ("data", "theme", "drawing", "table", "sweep_runs", "sweep_compare", "sweep_chart", "page")


def write_sweep_report(folder: Path | str, metrics: list[str] | None = None, over: list[str] | None = None) -> Path:
    """Write report.html, figures/ and the tables of `bows.collect` into a sweep folder.

    Args:
        folder: A sweep, or a folder of runs or sweeps.
        metrics: To draw; None for the usual ones.
        over: Varied settings, over all pairs of which heat maps are drawn; None for some.

    Returns:
        The report.

    Raises:
        SettingError: There is no job in the folder, no completed run has a metric, or a heat map over a setting is not possible.
    """
    folder = Path(folder)
    jobs = find_jobs([folder])
    table = tabulate(jobs, folder)
    figures, notes = draw(folder, jobs, table, metrics, over)
    save_table(table, folder / "results")
    summary = over_seeds(table)
    save_table(summary, folder / "summary")
    states = Counter(table.column("state").to_pylist())
    found, word_note = try_section("The words of the runs", lambda: word_data(jobs))
    words, word_notes = found or (None, [word_note])
    data, data_note = try_section(
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
        varied=[(name, ", ".join(map(shown, values))) for name, values in varied_settings(table).items()],
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
            (kind, [of_file(each.picture, each.caption) for each in group])
            for kind, group in groupby(figures, key=lambda each: each.kind)
        ],
    )
    write_whole(folder / "report.html", page)
    return folder / "report.html"
