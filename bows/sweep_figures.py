"""The figures of a sweep, from its table: chosen by what was varied, each saved with the table it is drawn from."""

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from bows.analysis.regime import Thresholds
from bows.errors import BowsError
from bows.figures.dials import metrics_against_dial
from bows.figures.gram_grid import gram_grid
from bows.figures.heat_map import dial_heat_map
from bows.figures.regime_map import regime_map
from bows.figures.scales import is_numeric, label, shown
from bows.figures.style import save
from bows.sweep.collect_jobs import Job
from bows.sweep.collecting import SEED, counted, dials, metrics, ordered, over_seeds
from bows.sweep_layout import SHARES, Dials, Setting, chosen_metrics, few_settings, left_out, lines_and_figures
from bows.sweep_matrices import Structure, structure, structure_of

SIZE, DECAY = ("latent", "model.latent"), ("wd", "optimizer.weight_decay")
MOST_PAIRS = 3  # of dials that heat maps are drawn over
MOST_PANELS = 8  # of a heat map or a regime map
MOST_ROWS, MOST_COLUMNS = 8, 11  # of a grid of Gram matrices


@dataclass
class Drawn:
    """A saved figure."""

    picture: Path
    kind: str
    caption: str


def draw(
    folder: Path, jobs: Sequence[Job], table: pa.Table, asked: Sequence[str] | None = None
) -> tuple[list[Drawn], list[str]]:
    """Draw a sweep into `folder`/figures: name.png, name.pdf, and name.parquet with what is drawn.

    Args:
        folder: of the sweep.
        jobs: of the table's rows, in their order.
        table: from `tabulate`.
        asked: metrics to draw; None for a handful.

    Returns:
        The figures, and sentences on what could not be drawn.

    Raises:
        SettingError: for a metric that no completed run has.
    """
    drawn: list[Drawn] = []
    notes: list[str] = []
    runs, summary = counted(table), over_seeds(table)
    chosen = chosen_metrics({name: [row[name] for row in runs] for name in metrics(table)} if runs else {}, asked)
    if asked is None:
        chosen, same = without_constants(chosen, summary)
        notes += [f"{name} is {shown(value)} in every completed run, and not drawn." for name, value in same.items()]
    # Of completed runs: a dial that only failed ones turn has nothing to show. Corpus is one where over_seeds makes it one.
    varied = {name: values for name, values in _values(summary).items() if len(values) > 1}
    for name, figure, rows, kind, caption in itertools.chain(
        _dial_figures(summary, varied, chosen),
        _heat_maps(summary, varied, chosen, asked is not None),
        _regime_map(summary, varied, jobs),
        _gram_grids(table, runs, jobs, notes),
    ):
        picture = save(figure, folder / "figures" / name)[0]
        pq.write_table(rows, folder / "figures" / f"{name}.parquet")
        drawn.append(Drawn(picture, kind, caption))
    if not runs:
        notes.append("No run is completed: there is nothing to draw yet.")
    elif not varied:
        notes.append("Nothing but the seed was varied: there is no dial to draw against.")
    return drawn, notes


def without_constants(chosen: dict[str, list[str]], summary: pa.Table) -> tuple[dict[str, list[str]], dict[str, float]]:
    """The metrics that differ between settings; and those that do not, with their one value."""
    means = {
        name: set(_of(summary, {}, {}, [name]).column("mean").to_pylist()) for part in chosen.values() for name in part
    }
    same = {name: values.pop() for name, values in means.items() if len(values) == 1} if len(summary) else {}
    kept = {part: [name for name in names if name not in same] for part, names in chosen.items()}
    return {part: names for part, names in kept.items() if names}, same


def _values(summary: pa.Table) -> dict[str, list[Any]]:
    """Dial -> distinct values over the settings, as ordered in the summary."""
    names = summary.column_names[: summary.column_names.index("metric")]
    return {name: ordered(summary.column(name).to_pylist()) for name in names}


Figures = Iterator[tuple[str, Any, pa.Table, str, str]]


def _dial_figures(summary: pa.Table, varied: Dials, chosen: dict[str, list[str]]) -> Figures:
    for name, values in varied.items():
        lines, settings, note = lines_and_figures({key: each for key, each in varied.items() if key != name})
        for part, drawn in chosen.items():
            for setting in settings:
                rows = _of(summary, setting, {name: values, **lines}, drawn)
                if not len(rows):
                    continue
                figure = metrics_against_dial(rows, {name: values}, drawn, lines, _title(name, setting))
                stem = _stem("dial", name, part, *setting.values())
                yield (
                    stem,
                    figure,
                    rows,
                    f"Against {name}",
                    _sentence(f"Against {name}", setting, note),
                )


def _heat_maps(summary: pa.Table, varied: Dials, chosen: dict[str, list[str]], asked: bool) -> Figures:
    numeric = sorted(
        (name for name in varied if is_numeric(varied[name])), key=lambda name: (name not in SIZE, name not in DECAY)
    )
    for across, down in list(itertools.combinations(numeric, 2))[:MOST_PAIRS]:
        settings, left = few_settings(
            {name: varied[name] for name in varied if name not in (across, down)}, MOST_PANELS
        )
        note = left_out(varied, {**varied, **left})
        for metric in itertools.chain.from_iterable(chosen.values()):
            if metric in SHARES and not asked:
                continue  # the regime map has them all
            panels, kept = [], []
            for setting in settings:
                rows = _of(summary, setting, {}, [metric])
                if len(rows):
                    kept.append(rows)
                    means, counts = (_matrix(rows, across, down, varied, each) for each in ("mean", "count"))
                    panels.append((label(setting), means, np.nan_to_num(counts)))
            if not panels:
                continue
            figure = dial_heat_map(panels, (across, varied[across]), (down, varied[down]), metric)
            stem = _stem("map", across, down, metric)
            yield stem, figure, pa.concat_tables(kept), f"{across} and {down}", _sentence(metric, {}, note)


def _regime_map(summary: pa.Table, varied: Dials, jobs: Sequence[Job]) -> Figures:
    across = next((name for name in SIZE if name in varied), None)
    down = next((name for name in DECAY if name in varied), None)
    if not (across or down):
        return
    # A dial that was not varied is a row, or a column, without a name.
    axes = {name: varied[name] for name in (across, down) if name}
    settings, left = few_settings({name: values for name, values in varied.items() if name not in axes}, MOST_PANELS)
    panels, kept = [], []
    for setting in settings:
        rows = _of(summary, setting, {}, list(SHARES))
        if len(rows):
            kept.append(rows)
            shares = {
                name.removeprefix("regime/"): _matrix(_of(rows, {}, {}, [name]), across, down, varied, "mean")
                for name in SHARES
            }
            panels.append((label(setting), shares))
    if not panels:
        return
    rows = pa.concat_tables(kept)
    counts = rows.column("count").to_pylist()
    seeds = (
        f"{min(counts)} to {max(counts)} seeds"
        if min(counts) < max(counts)
        else f"{max(counts)} seed{'s' * (max(counts) > 1)}"
    )
    thresholds = f"{regime_thresholds(jobs)}. Shares of the words, mean over {seeds}."
    figure = regime_map(
        panels,
        (across or "", varied[across] if across else [""]),
        (down or "", varied[down] if down else [""]),
        thresholds,
        "The regime with the most words",
    )
    yield (
        "regime_map",
        figure,
        rows,
        "Regimes",
        _sentence("regime with the most words, and all shares", {}, left_out(varied, {**varied, **left})),
    )


def regime_thresholds(jobs: Sequence[Job]) -> str:
    """Where regimes begin and end in the completed runs; all of them where they differ."""
    found = []
    for job in jobs:
        analysis = (job.config or {}).get("analysis")
        given = analysis.get("regimes") if isinstance(analysis, dict) else None
        measured = job.state == "completed" and any(name in job.summary for name in SHARES)
        if measured and isinstance(given, dict) and set(given) == {field.name for field in fields(Thresholds)}:
            found.append(str(Thresholds(**{name: float(value) for name, value in given.items()})))
    different = list(dict.fromkeys(found))
    if len(different) > 1:
        return "Thresholds differ between runs: " + " / ".join(different)
    return different[0] if different else "thresholds are not stored with these runs"


def _gram_grids(table: pa.Table, runs: Sequence[dict[str, Any]], jobs: Sequence[Job], notes: list[str]) -> Figures:
    job_of = dict(zip(table.column("run").to_pylist(), jobs, strict=True))
    varied = dials(table)
    of_data = [
        name for name in varied if name.startswith("data.") and name not in ("data.name", "data.structure", "data.seed")
    ]
    sizes = [name for name in SIZE if name in varied]
    of_row = [name for name in varied if name not in (SEED, "data", *sizes) and not name.startswith("data.")]
    groups: dict[tuple, list[dict[str, Any]]] = {}
    for row in runs:
        if (name := structure_of(job_of[row["run"]])) is not None:
            groups.setdefault((name, *(row[each] for each in of_data)), []).append(row)
    for (name, *values), rows in groups.items():
        setting = dict(zip(of_data, values, strict=True))
        title = ", ".join(filter(None, [name, label(setting)]))
        columns, left = few_settings({each: _present(rows, each) for each in sizes}, MOST_COLUMNS)
        models, left_models = few_settings({each: _present(rows, each) for each in of_row}, MOST_ROWS)
        models = [model for model in models if any(_fits(row, model) for row in rows)]
        of_setting = {
            (label(model) or "all", _column_label(column)): [
                (row.get(SEED), job_of[row["run"]].folder) for row in rows if _fits(row, model) and _fits(row, column)
            ]
            for model in models
            for column in columns
        }
        try:
            found = structure(
                title,
                of_setting,
                [label(model) or "all" for model in models],
                [_column_label(each) for each in columns],
            )
        except BowsError as error:
            notes.append(f"The Gram matrices of {title} are not drawn: {error}")
            continue
        notes.extend(f"Left out of the Gram matrices of {title}: {problem}" for problem in found.unread)
        note = left_out({each: _present(rows, each) for each in (*sizes, *of_row)}, left | left_models)
        figure = gram_grid(
            found.covariance, found.grams, found.rows, found.columns, f"Gram matrices, {title}", found.note
        )
        yield (
            _stem("gram", name, *values),
            figure,
            _matrices(found),
            "Gram matrices",
            _sentence(title, {}, f"{found.note} {note}".strip()),
        )


def _matrices(found: Structure) -> pa.Table:
    """Row, column and the matrix, row by row of it, of the covariance first and then of each model."""
    rows = [{"row": "covariance", "column": "", "matrix": found.covariance.tolist()}]
    for name, row in zip(found.rows, found.grams, strict=True):
        for column, matrix in zip(found.columns, row, strict=True):
            rows.append({"row": name, "column": column, "matrix": None if matrix is None else matrix.tolist()})
    return pa.Table.from_pylist(rows)


def _present(rows: Sequence[dict[str, Any]], name: str) -> list[Any]:
    return ordered(row[name] for row in rows)


def _fits(row: dict[str, Any], setting: Setting) -> bool:
    return all(row[name] == value for name, value in setting.items())


def _title(name: str, setting: Setting) -> str:
    return f"Against {name}{': ' + label(setting) if setting else ''}"


def _column_label(setting: Setting) -> str:
    return ", ".join(f"m = {shown(value)}" for value in setting.values())


def _of(summary: pa.Table, setting: Setting, among: Dials, drawn: Sequence[str]) -> pa.Table:
    """The summary's rows of one setting, with these values of other dials and these metrics."""
    wanted = {"metric": list(drawn), **{name: [value] for name, value in setting.items()}, **among}
    for name, values in wanted.items():
        summary = summary.filter(
            pc.is_in(summary.column(name), value_set=pa.array(values, summary.schema.field(name).type))
        )
    return summary


def _matrix(rows: pa.Table, across: str | None, down: str | None, varied: Dials, column: str) -> np.ndarray:
    """(values of down, values of across) of a column, NaN where no row has them; 1 for a dial that is None."""
    places = [
        {None: 0} if name is None else {value: place for place, value in enumerate(varied[name])}
        for name in (down, across)
    ]
    matrix = np.full([len(each) for each in places], np.nan)
    for row in rows.to_pylist():
        row_of, column_of = (
            each[None if name is None else row[name]] for each, name in zip(places, (down, across), strict=True)
        )
        matrix[row_of, column_of] = row[column]
    return matrix


def _stem(*parts: Any) -> str:
    """A file name of some names and values."""
    return "-".join(re.sub(r"[^A-Za-z0-9.]+", "_", shown(part)).strip("_") for part in parts)


def _sentence(first: str, setting: Setting, note: str) -> str:
    where = f" ({label(setting)})" if setting else ""
    return f"{first}{where}{'. ' + note if note else ''}"
