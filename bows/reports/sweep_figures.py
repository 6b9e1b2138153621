"""The figures of a sweep, from its table: chosen by what was varied, each saved with the table it is drawn from."""

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from bows.figures.scales import shown
from bows.reports.sweep_charts import dial_figures, heat_maps, of_setting, regime_maps
from bows.reports.sweep_drawing import Drawn, save_drawings
from bows.reports.sweep_grams import gram_grids
from bows.reports.sweep_layout import chosen_metrics, chosen_pairs
from bows.runs.folder import RunFolder
from bows.runs.table import counted, metrics, ordered, over_seeds


def draw(
    folder: Path,
    jobs: Sequence[RunFolder],
    table: pa.Table,
    asked: Sequence[str] | None = None,
    over: Sequence[str] | None = None,
) -> tuple[list[Drawn], list[str]]:
    """Draw a sweep into `folder`/figures: name.png, name.pdf, and name.parquet with what is drawn.

    What an earlier report drew and this one does not is removed.

    Args:
        folder: of the sweep.
        jobs: of the table's rows, in their order.
        table: from `tabulate`.
        asked: metrics to draw; None for a handful.
        over: Settings over which heat maps are drawn; None for some.

    Returns:
        The figures, and sentences on what could not be drawn.

    Raises:
        SettingError: No completed run has a metric, or a heat map over a setting is not possible.
    """
    notes: list[str] = []
    runs, summary = counted(table), over_seeds(table)
    chosen = chosen_metrics({name: [row[name] for row in runs] for name in metrics(table)} if runs else {}, asked)
    if asked is None:
        chosen, same = without_constants(chosen, summary)
        notes += [f"{name} is {shown(value)} in every completed run, and is not drawn." for name, value in same.items()]
    # Of completed runs: a setting that varies only among failed ones has nothing to show. Corpus is one where over_seeds makes it one.
    varied = {name: values for name, values in _values(summary).items() if len(values) > 1}
    pairs, note = chosen_pairs(varied, over)
    notes += filter(None, [note])
    drawings = itertools.chain(
        dial_figures(summary, varied, chosen),
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
    means = {
        name: set(of_setting(summary, {}, {}, [name]).column("mean").to_pylist())
        for part in chosen.values()
        for name in part
    }
    same = {name: values.pop() for name, values in means.items() if len(values) == 1} if len(summary) else {}
    kept = {part: [name for name in names if name not in same] for part, names in chosen.items()}
    return {part: names for part, names in kept.items() if names}, same


def _values(summary: pa.Table) -> dict[str, list[Any]]:
    """Dial -> distinct values over the settings, as ordered in the summary."""
    names = summary.column_names[: summary.column_names.index("metric")]
    return {name: ordered(summary.column(name).to_pylist()) for name in names}
