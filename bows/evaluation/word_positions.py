"""Lay out a run's words on a map. Imports no torch, so that a process that draws figures begins at once."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from matplotlib.figure import Figure

from bows.analysis.word_map import tsne_coordinates
from bows.figures.words_scatter import category_map
from bows.files import write_whole

# Categories that the map of the words shows, and the words that one must have.
MAP_CATEGORIES, LEAST_WORDS = 12, 10


def neighbour_map(file: Path, unit: np.ndarray, kept: np.ndarray, category_of: Mapping[str, str]) -> Figure:
    """Add the positions ``x`` and ``y`` on the map by neighbours to a word table, and draw the map.

    Args:
        file: words.parquet, V words.
        unit: (K, m) unit directions of the words that have one.
        kept: (K,) their places among the V words.
        category_of: the category of each word that is in one.
    """
    words = with_positions(pq.read_table(file), unit, kept)
    stored = pa.BufferOutputStream()
    pq.write_table(words, stored)
    write_whole(file, stored.getvalue().to_pybytes())
    return category_map(map_columns(words, category_of), "Map of the words by neighbours (t-SNE)")


def with_positions(words: pa.Table, unit: np.ndarray, kept: np.ndarray) -> pa.Table:
    """Return a word table with ``x`` and ``y``, null for words without a direction; see :func:`neighbour_map`."""
    places = np.full((len(words), 2), np.nan)
    places[kept] = tsne_coordinates(unit)
    for name, column in zip("xy", places.T, strict=True):
        words = words.append_column(name, pa.array(column, pa.float64(), from_pandas=True))
    return words


def map_columns(words: pa.Table, category_of: Mapping[str, str]) -> dict[str, list]:
    """Return the columns of `category_map` for words with a position, by the categories that have most words."""
    rows = [row for row in words.select(["word", "x", "y"]).to_pylist() if row["x"] is not None]
    found = Counter(category_of[row["word"]] for row in rows if row["word"] in category_of)
    shown = {name for name, count in found.most_common(MAP_CATEGORIES) if count >= LEAST_WORDS}
    named = [name if (name := category_of.get(row["word"])) in shown else None for row in rows]
    positions = {axis: [row[axis] for row in rows] for axis in ("x", "y")}
    return {"panel": [""] * len(rows), "category": named, **positions}
