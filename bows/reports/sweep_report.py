"""The report of a sweep: the states of its runs, their table, two runs compared word by word, and figures chosen by what varied."""

import itertools
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from bows.figures.scales import shown
from bows.files import write_whole
from bows.reports.html import json_block, of_file, render, try_section
from bows.reports.sweep_charts import heat_maps, of_setting, regime_maps, setting_figures
from bows.reports.sweep_data import absences, failures, run_data, setting_data, with_seeds, word_data
from bows.reports.sweep_drawing import Drawn, save_drawings
from bows.reports.sweep_grams import gram_grids
from bows.reports.sweep_layout import chosen_metrics, chosen_pairs
from bows.runs.discover import find_jobs
from bows.runs.folder import RunFolder
from bows.runs.table import (
    STATES,
    corpora,
    counted,
    metrics,
    ordered,
    over_seeds,
    repeats,
    save_table,
    tabulate,
    varied_settings,
)

# The files of the script, in order.
SCRIPTS = ("data", "theme", "drawing", "table", "sweep_runs", "sweep_compare", "sweep_chart", "page")


def write_sweep_report(folder: Path | str, asked: list[str] | None = None, over: list[str] | None = None) -> Path:
    """Write report.html, figures/ and the tables of `bows.collect` into a sweep folder; return the path of the report.

    Args:
        folder: A sweep, or a folder of runs or sweeps.
        asked: Metrics to draw; None for the usual ones.
        over: Varied settings, over all pairs of which heat maps are drawn; None for some.

    Raises:
        SettingError: There is no job in the folder, no completed run has a metric, or a heat map over a setting is not possible.
    """
    folder = Path(folder)
    jobs = find_jobs([folder])
    table = tabulate(jobs, folder)
    figures, notes = draw(folder, jobs, table, asked, over)
    save_table(table, folder / "results")
    summary = over_seeds(table)
    save_table(summary, folder / "summary")
    states = Counter(table.column("state").to_pylist())
    found, word_note = try_section("The words of the runs", lambda: word_data(jobs))
    words, word_notes = found or (None, [word_note])
    data, data_note = try_section(
        "The table of runs",
        lambda: json_block(
            {
                "runs": run_data(table, folder),
                "words": words,
                "settings": setting_data(with_seeds(summary, counted(table))),
            }
        ),
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
            for kind, group in itertools.groupby(figures, key=lambda each: each.kind)
        ],
    )
    write_whole(folder / "report.html", page)
    return folder / "report.html"


def draw(
    folder: Path,
    jobs: Sequence[RunFolder],
    table: pa.Table,
    asked: Sequence[str] | None = None,
    over: Sequence[str] | None = None,
) -> tuple[list[Drawn], list[str]]:
    """Draw a sweep into `folder`/figures: name.png, name.pdf, name.svg, and name.parquet with what is drawn.

    Return the figures, and sentences on what could not be drawn. What an earlier report drew and this one does not is removed. `jobs` are
    those of the rows of `table`, from `tabulate`; `asked` and `over` are as in `write_sweep_report`.

    Raises:
        SettingError: No completed run has a metric, or a heat map over a setting is not possible.
    """
    notes: list[str] = []
    runs = counted(table)
    summary = with_seeds(over_seeds(table), runs)
    chosen = chosen_metrics({name: [row[name] for row in runs] for name in metrics(table)} if runs else {}, asked)
    # Of completed runs: a setting that varies only among failed ones has nothing to show. Corpus is one where over_seeds makes it one.
    names = summary.column_names[: summary.column_names.index("metric")]
    varied = {name: ordered(summary.column(name).to_pylist()) for name in names}
    varied = {name: values for name, values in varied.items() if len(values) > 1}
    if asked is None and varied:
        chosen, same = without_constants(chosen, summary)
        if same:
            equal = ", ".join(f"{name} = {shown(value)}" for name, value in same.items())
            notes.append(f"Not drawn, because the mean over seeds is the same at every setting: {equal}.")
    pairs, note = chosen_pairs(varied, over)
    notes += filter(None, [note])
    drawings = itertools.chain(
        setting_figures(summary, varied, chosen),
        heat_maps(summary, varied, pairs, chosen, asked is not None),
        regime_maps(summary, varied, jobs),
        gram_grids(table, runs, jobs, notes),
    )
    drawn = save_drawings(drawings, folder / "figures")
    if not runs:
        notes.append("No run is completed: there is nothing to draw yet.")
    elif not varied:
        notes.append("Only the seed varies: there is no setting to draw against.")
    return drawn, notes


def without_constants(chosen: dict[str, list[str]], summary: pa.Table) -> tuple[dict[str, list[str]], dict[str, float]]:
    """Return the metrics that differ between settings; and those that do not, with their one value."""
    drawn = itertools.chain.from_iterable(chosen.values())
    means = {name: set(of_setting(summary, {}, {}, [name]).column("mean").to_pylist()) for name in drawn}
    same = {name: values.pop() for name, values in means.items() if len(values) == 1} if len(summary) else {}
    kept = {part: [name for name in names if name not in same] for part, names in chosen.items()}
    return {part: names for part, names in kept.items() if names}, same
