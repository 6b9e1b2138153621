"""The words table for a report: a typed array per column."""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bows.analysis.catalog import COLUMNS
from bows.analysis.clusters import category_labels
from bows.analysis.neighbours import nearest
from bows.analysis.regime import Thresholds
from bows.errors import BowsError
from bows.reports.encoding import coded, index_kind, packed, packed_scaled
from bows.reports.findings import shapes
from bows.reports.run_data import RunData

NEIGHBOURS = 10  # where the word table has none
MOST_COMPARED = 4e11  # products that finding them may take: some seconds


def word_columns(run: RunData) -> dict[str, Any]:
    """Return the columns of words.parquet that have a value.

    ``columns``: numbers as float32 with NaN for a null; text as ``values`` and ``codes`` into them, the code after the last for a null.
    ``unmeasured``: names of those that are null for every word. The column nearest is not among them: see :func:`neighbours`.
    """
    columns, unmeasured = [], []
    for name in run.table.column_names:
        column = run.table.column(name)
        if name in ("word", "nearest"):
            continue
        if column.null_count == len(column):
            unmeasured.append(name)
        elif pa.types.is_integer(column.type) or pa.types.is_floating(column.type):
            values = column.cast(pa.float64()).to_numpy(zero_copy_only=False)
            columns.append({"name": name, "meaning": COLUMNS.get(name, ""), "numbers": packed(values)})
        else:
            columns.append({"name": name, "meaning": COLUMNS.get(name, ""), **_text(column)})
    return {"columns": columns, "unmeasured": unmeasured}


def _text(column: pa.ChunkedArray) -> dict[str, Any]:
    if pa.types.is_boolean(column.type):
        column = pc.if_else(column, "yes", "no")
    elif pa.types.is_list(column.type):
        column = pa.chunked_array([[", ".join(map(str, row or ())) for row in column.to_pylist()]])
    return coded(column.cast(pa.string()).to_pylist())


def neighbours(run: RunData) -> dict[str, Any]:
    """Return the ``each`` nearest words of every word, ``indices`` (V, each), V for none; and ``cosines`` where the weights can be read.

    Of words.parquet, else from the weights where that is quick.
    """
    words = run.words
    indices = _stored_neighbours(run, words)
    if indices is None:
        encoder = run.run.weights.encoder
        each = NEIGHBOURS if float(encoder.shape[0]) * len(words) ** 2 <= MOST_COMPARED else 0
        if not each:
            return {"each": 0, "note": "Nearest words were not kept by the run (analysis.neighbours=10 keeps them)."}
        places = nearest(encoder, each).indices.numpy()
        indices = np.where(places < 0, len(words), places)
    found: dict[str, Any] = {"each": indices.shape[1], "indices": packed(indices, index_kind(len(words))), "note": ""}
    try:
        found["cosines"] = packed_scaled(_cosines(run.run.weights.encoder.numpy(), indices))
    except BowsError:
        found["cosines"] = None  # the map, which needs the weights too, states the error
    return found


def _stored_neighbours(run: RunData, words: list[str]) -> np.ndarray | None:
    try:
        table = run.table
    except BowsError:
        return None
    if "nearest" not in table.column_names or not pa.types.is_list(table.column("nearest").type):
        return None
    rows = table.column("nearest").combine_chunks()
    lengths = pc.list_value_length(rows).fill_null(0).to_numpy(zero_copy_only=False)
    if not lengths.any():
        return None
    place = pc.index_in(rows.flatten(), value_set=pa.array(words, pa.string()))
    indices = np.full((len(words), int(lengths.max())), len(words), dtype=np.int64)
    row = np.repeat(np.arange(len(words)), lengths)
    indices[row, np.arange(len(row)) - np.repeat(np.cumsum(lengths) - lengths, lengths)] = place.fill_null(
        len(words)
    ).to_numpy(zero_copy_only=False)
    return indices


def _cosines(encoder: np.ndarray, indices: np.ndarray) -> np.ndarray:
    length = np.linalg.norm(encoder, axis=0)
    unit = np.concatenate([encoder / np.where(length > 0, length, 1.0), np.zeros((len(encoder), 1), encoder.dtype)], 1)
    unit = np.ascontiguousarray(unit.T)
    cosines = np.empty(indices.shape)
    for first in range(0, len(indices), 1024):  # a block of words at a time: (1024, each, m) numbers
        rows = slice(first, first + 1024)
        cosines[rows] = np.einsum("wm,wkm->wk", unit[:-1][rows], unit[indices[rows]])
    return np.clip(cosines, -1, 1)


def groups_of_words(run: RunData) -> dict[str, Any]:
    """Return categories, ordered sets, and clusters of the newest scan: names, and (V,) positions; the one after the last for none.

    A word in two sets is shown with the first, in two clusters with the one of lowest q.
    """
    labels = category_labels(run.categories, run.words, least=3)
    sets = run.sets
    of_set = np.full(len(run.words), len(sets))
    for number, indices in reversed(list(enumerate(sets.values()))):
        of_set[indices] = number
    clusters = [row for row in shapes(run) if row["kind"] == "cluster"]
    place = {word: index for index, word in enumerate(run.words)} if clusters else {}
    of_cluster = np.full(len(run.words), len(clusters))
    for number, row in reversed(list(enumerate(clusters))):
        of_cluster[[place[word] for word in row["words"]]] = number
    return {
        "categories": labels.names,
        "category": packed(np.where(labels.labels < 0, len(labels.names), labels.labels), "u2"),
        "sets": list(sets),
        "set": packed(of_set, "u2"),
        "clusters": [row["name"] for row in clusters],
        "cluster": packed(of_cluster, "u2"),
        "members": [list(map(int, indices)) for indices in sets.values()],
    }


def thresholds(run: RunData) -> str:
    """Return the thresholds of the regimes in a sentence."""
    given = run.run.group("analysis").get("regimes")
    try:
        # Earlier versions had no setting of the gap: it was above 0.
        return str(Thresholds(**{"gap": 0.0, **given})) if isinstance(given, dict) else str(Thresholds())
    except TypeError:
        return f"thresholds of another version of bows: {given}"
