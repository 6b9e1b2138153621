"""Write a run's words for other tools: vectors.tsv and metadata.tsv of the TensorFlow Embedding Projector."""

import logging
from pathlib import Path

import numpy as np

from bows.errors import DataError
from bows.files import write_whole
from bows.reports.run_data import RunData

log = logging.getLogger(__name__)

COLUMNS = ("frequency", "r2", "norm", "regime")  # of words.parquet, in metadata.tsv where the run has them


def write_vectors(folder: Path) -> None:
    """Write vectors.tsv (a row of m numbers per word) and metadata.tsv (word, category, columns) to a run's folder export.

    Raises:
        BowsError: The weights or the words cannot be read.
    """
    run = RunData(folder)
    words = [" ".join(word.split()) for word in run.words]  # a tab or a break would end a cell
    vectors = run.run.weights.encoder.T.numpy()
    category = {word: name for name, members in reversed(run.categories.items()) for word in members}
    columns = {"word": words}
    if category:
        columns["category"] = [" ".join(category.get(word, "").split()) for word in run.words]
    try:
        table = run.table
        for name in COLUMNS:
            if name in table.column_names and table.column(name).null_count < len(table):
                columns[name] = [_cell(value) for value in table.column(name).to_pylist()]
    except DataError as error:
        log.warning("export: metadata.tsv has the words alone: %s", error)
    rows = ["\t".join(columns), *("\t".join(row) for row in zip(*columns.values(), strict=True))]
    place = folder / "export"
    place.mkdir(exist_ok=True)
    lines = ["\t".join(row) for row in np.char.mod("%.6g", vectors).tolist()]
    write_whole(place / "vectors.tsv", "".join(f"{line}\n" for line in lines))
    write_whole(place / "metadata.tsv", "".join(f"{row}\n" for row in rows))


def _cell(value: float | str | None) -> str:
    return "" if value is None else f"{value:.6g}" if isinstance(value, float) else str(value)
