"""Figures of a sweep of synthetic data: the Gram matrices of its runs beside the covariance of their data."""

from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa

from bows.errors import BowsError
from bows.figures.gram_grid import gram_grid
from bows.figures.scales import label, shown
from bows.reports.sweep_drawing import Drawing, sentence, stem
from bows.reports.sweep_layout import SIZE, Setting, few_settings, left_out
from bows.reports.sweep_matrices import Structure, structure, structure_of
from bows.runs.discover import FoundJob
from bows.runs.table import SEED, dials, ordered

MOST_ROWS, MOST_COLUMNS = 8, 11  # of a grid


def gram_grids(
    table: pa.Table, runs: Sequence[dict[str, Any]], jobs: Sequence[FoundJob], notes: list[str]
) -> Iterator[Drawing]:
    job_of = dict(zip(table.column("run").to_pylist(), jobs, strict=True))
    # Of completed runs: a dial that only failed ones turn would stand in every label.
    varied = [name for name in dials(table) if len({row[name] for row in runs}) > 1]
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
        kinds = {}
        for model in models:
            fitting = [row for row in rows if _fits(row, model)]
            if fitting:
                activation = _activation(job_of[fitting[0]["run"]])
                kinds[_row_label(model, activation)] = model, activation
        # The linear ones on top, with which the others are compared.
        kinds = dict(sorted(kinds.items(), key=lambda each: each[1][1] not in (None, "linear")))
        of_setting = {
            (kind, _column_label(column)): [
                (row.get(SEED), job_of[row["run"]]) for row in rows if _fits(row, model) and _fits(row, column)
            ]
            for kind, (model, _) in kinds.items()
            for column in columns
        }
        try:
            found = structure(title, of_setting, list(kinds), [_column_label(each) for each in columns])
        except BowsError as error:
            notes.append(f"The Gram matrices of {title} are not drawn: {error}")
            continue
        notes.extend(f"Left out of the Gram matrices of {title}: {problem}" for problem in found.unread)
        note = left_out({each: _present(rows, each) for each in (*sizes, *of_row)}, left | left_models)
        figure = gram_grid(
            found.covariance, found.grams, found.rows, found.columns, f"Gram matrices, {title}", found.note
        )
        first = f"Data: {title}. Covariance of the held-out windows, and Gram matrices of the models, W^T W (D E where not tied)"
        caption = sentence(first, {}, f"{found.note} {note}".strip())
        yield Drawing(stem("gram", name, *values), figure, _matrices(found), "Gram matrices", caption)


def _activation(job: FoundJob) -> str | None:
    """What a run's outputs go through, as the field names it; None where its model has no such setting, as PCA."""
    model = (job.config or {}).get("model")
    given = model.get("output_activation") if isinstance(model, dict) else None
    return {"identity": "linear", "relu": "ReLU"}.get(str(given), given)


def _row_label(model: Setting, activation: str | None) -> str:
    """A setting, with the activation beside the model's name: "ReLU (tied), wd 6"."""
    named = {
        name: f"{activation} ({value})" if name == "model" and activation not in (None, value) else value
        for name, value in model.items()
    }
    return label(named) or activation or "all"


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


def _column_label(setting: Setting) -> str:
    return ", ".join(f"m = {shown(value)}" for value in setting.values())
