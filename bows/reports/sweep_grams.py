"""Figures of a sweep of synthetic data: the Gram matrices of its runs and the covariance of their data."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from bows.errors import BowsError, DataError
from bows.figures.gram_grid import gram_grid
from bows.figures.scales import label, shown
from bows.reports.held_out import held_out, is_synthetic
from bows.reports.run_charts import covariance, gram
from bows.reports.sweep_drawing import Drawing, sentence, stem
from bows.reports.sweep_layout import SIZE, Setting, few_settings, left_out
from bows.runs.folder import RunFolder
from bows.runs.table import SEED, ordered, varied_settings

MOST_ROWS, MOST_COLUMNS = 8, 11  # of a grid
Row = dict[str, Any]
Jobs = Mapping[str, RunFolder]


def gram_grids(table: pa.Table, runs: Sequence[Row], jobs: Sequence[RunFolder], notes: list[str]) -> Iterator[Drawing]:
    """Yield a grid of Gram matrices per structure of the data; add to notes what is left out.

    Args:
        table: From `tabulate`.
        runs: Rows of completed runs, from `counted`.
        jobs: Of the table's rows, in their order.
        notes: Sentences for the reader.
    """
    job_of = dict(zip(table.column("run").to_pylist(), jobs, strict=True))
    # Of completed runs: a setting that varies only among failed ones would be in every label.
    varied = [name for name in varied_settings(table) if len({row[name] for row in runs}) > 1]
    not_of_data = ("data.name", "data.structure", "data.seed")
    of_data = [name for name in varied if name.startswith("data.") and name not in not_of_data]
    sizes = [name for name in SIZE if name in varied]
    of_row = [name for name in varied if name not in (SEED, "data", *sizes) and not name.startswith("data.")]
    groups: dict[tuple, list[Row]] = {}
    for row in runs:
        job = job_of[row["run"]]
        if is_synthetic(job):
            groups.setdefault((job.group("data")["structure"], *(row[each] for each in of_data)), []).append(row)
    for (name, *values), rows in groups.items():
        title = ", ".join(filter(None, [name, label(dict(zip(of_data, values, strict=True)))]))
        try:
            figure, matrices, note = _grid(title, rows, job_of, sizes, of_row, notes)
        except BowsError as error:
            notes.append(f"The Gram matrices of {title} are not drawn: {error}")
            continue
        first = f"Data: {title}. Covariance of the held-out windows, and Gram matrices of the models, W^T W (D E where not tied)"
        yield Drawing(stem("gram", name, *values), figure, matrices, "Gram matrices", sentence(first, {}, note))


def _grid(
    title: str, rows: Sequence[Row], job_of: Jobs, sizes: list[str], of_row: list[str], notes: list[str]
) -> tuple[Any, pa.Table, str]:
    """Return the figure of one structure, its table and a note. Raises BowsError where nothing can be drawn."""
    present = {name: ordered(row[name] for row in rows) for name in (*sizes, *of_row)}
    columns, left = few_settings({each: present[each] for each in sizes}, MOST_COLUMNS)
    models, left_models = few_settings({each: present[each] for each in of_row}, MOST_ROWS)
    kinds: dict[str, tuple[Setting, str | None]] = {}
    for model in models:
        if fitting := [row for row in rows if _fits(row, model)]:
            activation = _activation(job_of[fitting[0]["run"]])
            kinds[_row_label(model, activation)] = model, activation
    # The linear ones on top, with which the others are compared.
    kinds = dict(sorted(kinds.items(), key=lambda each: each[1][1] not in (None, "linear")))
    labels = [", ".join(f"m = {shown(value)}" for value in column.values()) for column in columns]
    cells = [
        [
            {row.get(SEED): job_of[row["run"]] for row in rows if _fits(row, model) and _fits(row, column)}
            for column in columns
        ]
        for model, _ in kinds.values()
    ]
    seed = _seed(cells)
    matrices, unread = _grams([[cell.get(seed) for cell in row] for row in cells])
    first = next(cell[seed] for row in cells for cell in row if seed in cell)
    of_data = covariance(held_out(first).present, feature_order(first))
    notes.extend(f"Left out of the Gram matrices of {title}: {problem}" for problem in unread)
    note = "" if seed is None else f"Runs of seed {seed}."
    figure = gram_grid(of_data, matrices, list(kinds), labels, f"Gram matrices, {title}", note)
    # Row, column and the matrix, row by row of it, of the covariance first and then of each model.
    table = [{"row": "covariance", "column": "", "matrix": of_data.tolist()}]
    for name, row in zip(kinds, matrices, strict=True):
        for column, matrix in zip(labels, row, strict=True):
            table.append({"row": name, "column": column, "matrix": None if matrix is None else matrix.tolist()})
    return figure, pa.Table.from_pylist(table), f"{note} {left_out(present, left | left_models)}".strip()


def _seed(cells: Sequence[Sequence[Mapping[Any, RunFolder]]]) -> Any:
    """Return the lowest seed that most cells have, of rows of cells, each seed -> completed run."""
    seeds = [seed for row in cells for cell in row for seed in cell]
    return min(set(seeds), key=lambda each: (-seeds.count(each), (each is None, each)))


def _grams(runs: Sequence[Sequence[RunFolder | None]]) -> tuple[list[list[np.ndarray | None]], list[str]]:
    """Return rows of matrices (V, V), None where there is none, and the errors of runs that cannot be read. Raises the first if all are."""
    unread: list[str] = []

    def matrix(run: RunFolder | None) -> np.ndarray | None:
        try:
            return None if run is None else gram(run.weights, feature_order(run))
        except BowsError as error:
            unread.append(f"{run.folder if run else ''}: {error}")
            return None

    found = [[matrix(run) for run in row] for row in runs]
    if all(each is None for row in found for each in row):
        raise DataError(unread[0])
    return found, unread


def feature_order(run: RunFolder) -> np.ndarray:
    """Return (V,) indices of feature0, feature1, ... in a run's vocabulary.

    Raises:
        DataError: The vocabulary is of other words.
    """
    places = {name: place for place, name in enumerate(run.vocabulary)}
    try:
        return np.array([places[f"feature{number}"] for number in range(len(places))])
    except KeyError:
        raise DataError(
            "vocabulary.txt does not list the features that were trained on; train this run again"
        ) from None


def _activation(run: RunFolder) -> str | None:
    """Return the output activation, as the field names it; None where the model has no such setting, as PCA."""
    given = run.group("model").get("output_activation")
    return {"identity": "linear", "relu": "ReLU"}.get(str(given), given)


def _row_label(model: Setting, activation: str | None) -> str:
    """Return a setting with the activation at the model's name: "ReLU (tied), wd 6"."""
    named = dict(model)
    if "model" in model and activation not in (None, model["model"]):
        named["model"] = f"{activation} ({model['model']})"
    return label(named) or activation or "all"


def _fits(row: Row, setting: Setting) -> bool:
    return all(row[name] == value for name, value in setting.items())
