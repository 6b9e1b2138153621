"""Compare the geometry of models with any word vectors: `python -m bows.analyze run=... against=[vectors.safetensors,pmi,...]`."""

import csv
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from bows.analysis.clusters import category_labels
from bows.analysis.ordered_sets import whole_sets
from bows.analysis.ring import ring
from bows.analysis.vector_agreement import FEWEST, agreement, set_agreement
from bows.config.schema import AnalyzeConfig
from bows.console import four_digits
from bows.errors import SettingError
from bows.evaluation.compare import distinct
from bows.evaluation.context import LoadedRun
from bows.evaluation.vectors import matched, read_vectors

log = logging.getLogger(__name__)

HALVES = 50  # of the words, for the interval of each measure: its width is known to a tenth
FILE = "comparison_geometry.csv"
COLUMNS: list[str] = [
    "reference", "model", "measure", "value", "low", "high", "null", "z", "p", "words",
    "category_null", "category_z", "category_p", "moved",
]  # fmt: skip


class Reference(NamedTuple):
    """Vectors that models are compared with."""

    name: str
    places: np.ndarray
    """(n,) the words that they share with the run, in its vocabulary."""
    matrix: np.ndarray
    """(n, m) their vectors."""


def compare_geometry(
    loaded: LoadedRun, encoders: Mapping[str, Tensor], paths: Sequence[Path], settings: AnalyzeConfig
) -> list[dict[str, Any]]:
    """Compare each model with each file of vectors, or without files with the run; return the rows of FILE.

    The words are those that the vectors share with the run and of which no model has a zero direction. Measures: those of
    :mod:`bows.analysis.vector_agreement`; for each ordered set that is wholly among the words ``order/<set>``, the `ring/<set>/order` of
    the model (of the vectors themselves in a row in which they are the model), and ``angle/<set>``, the angle in degrees between its plane
    and the vectors' plane.

    Args:
        loaded: The run.
        encoders: (m, V) by the models' names, the run first. pca_relu is left out: its directions are those of pca.
        paths: Files of vectors, or folders of `bows.analyze matrix=`.
        settings: Of the analysis.
    """
    encoders = {name: encoder for name, encoder in encoders.items() if name != "pca_relu"}
    held_out = torch.stack([bags.sum(0).double().cpu() for bags in loaded.held_out()]).sum(0).numpy()
    titles = distinct([*encoders, *(path.name if path.is_dir() else path.stem for path in paths)])[len(encoders) :]
    references = [read_reference(path, title, loaded.vocabulary) for path, title in zip(paths, titles, strict=True)]
    if not paths:
        name = next(iter(encoders))
        matrix = encoders.pop(name).T.numpy()
        references = [Reference(name, np.arange(len(matrix)), matrix)]
    rows = []
    for reference in references:
        vectors = {reference.name: reference.matrix}
        vectors |= {name: encoder.T.numpy()[reference.places] for name, encoder in encoders.items()}
        nonzero = np.all([each.any(1) for each in vectors.values()], axis=0)
        words = [loaded.vocabulary[place] for place in reference.places[nonzero]]
        if len(words) < len(nonzero):
            log.info("%d words without a direction in one of the models are left out", len(nonzero) - len(words))
        refuse_few(len(words), reference.name, len(loaded.vocabulary))
        vectors = {name: each[nonzero] for name, each in vectors.items()}
        rows += _rows(reference.name, vectors, words, held_out[reference.places[nonzero]], settings)
    return rows


def read_reference(path: Path, title: str, vocabulary: Sequence[str]) -> Reference:
    """Read vectors and match their words with those of a run.

    Raises:
        SettingError: Fewer than FEWEST words are shared.
    """
    folder = path.is_dir()  # of bows.analyze matrix=
    words = str(path / "vocabulary.txt") if folder else None
    found = read_vectors(str(path / "model.safetensors" if folder else path), words, None)
    places, rows = matched(vocabulary, found.words)
    refuse_few(len(places), str(path), len(vocabulary))
    log.info("against=%s: %s of the run's %s words have a vector", path, f"{len(places):,}", f"{len(vocabulary):,}")
    return Reference(title, np.array(places), found.matrix[rows])


def refuse_few(shared: int, name: str, words: int) -> None:
    """Raise SettingError where too few words are shared."""
    if shared < FEWEST:
        raise SettingError(
            f"against={name}: {shared} of the run's {words:,} words have a vector in it; {FEWEST} or more are needed: "
            "give vectors of the run's language and spelling"
        )


def _rows(
    reference: str, vectors: Mapping[str, np.ndarray], words: list[str], frequency: np.ndarray, settings: AnalyzeConfig
) -> list[dict[str, Any]]:
    analysis, seed = settings.analysis, settings.seed
    sets = whole_sets(analysis.ordered_sets, words, quiet=True)
    first, others = vectors[reference], {name: each for name, each in vectors.items() if name != reference}
    log.info("comparing the geometry of %s with %s on %s words", ", ".join(others), reference, f"{len(words):,}")
    lists = word_lists(analysis.category_words, sets, words)
    found = agreement(first, others, frequency, analysis.null_permutations, HALVES, seed, lists)
    rows: list[dict[str, Any]] = []
    for name, matrix in vectors.items():
        measured = found.get(name, {})
        for title, places in sets.items():
            scores = ring(torch.from_numpy(matrix.T), None, places, analysis.permutations, seed)
            if "order" in scores:
                measured[f"order/{title}"] = {"value": scores["order"], **_given(scores, p="order_p")}
            planes = set_agreement(first[places], matrix[places], analysis.permutations, seed) if name in others else {}
            if planes:
                measured[f"angle/{title}"] = planes
        rows += [
            {"reference": reference, "model": name, "measure": measure, **values, "words": len(words)}
            for measure, values in measured.items()
        ]
    return rows


def word_lists(
    categories: Mapping[str, Sequence[str]], sets: Mapping[str, Sequence[int]], words: Sequence[str]
) -> np.ndarray:
    """Return the list that each word is in, (V,): the first ordered set, otherwise its category, otherwise -1.

    Args:
        categories: The words of each.
        sets: Word indices of each ordered set.
        words: The V words.
    """
    lists = category_labels(categories, words, least=2).labels
    for number, places in enumerate(reversed([*sets.values()]), len(categories)):
        lists[list(places)] = number
    return lists


def _given(scores: Mapping[str, float], **names: str) -> dict[str, float]:
    return {key: scores[name] for key, name in names.items() if name in scores}


def write_geometry(rows: Sequence[dict[str, Any]], folder: Path) -> None:
    """Write comparison_geometry.csv: one row per reference, model and measure."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / FILE).open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, restval="")
        writer.writeheader()
        writer.writerows(rows)


def print_geometry(rows: Sequence[Mapping[str, Any]]) -> None:
    """Print a table per reference: a row per measure, a column per model, with 95 % intervals over words and the mean of the null."""
    for reference in dict.fromkeys(row["reference"] for row in rows):
        own = [row for row in rows if row["reference"] == reference]
        models = list(dict.fromkeys(row["model"] for row in own))
        cells = {(row["measure"], row["model"]): _cell(row) for row in own}
        table = [[f"geometry of {reference}", *models]]
        table += [
            [measure, *(cells.get((measure, model), "") for model in models)]
            for measure in dict.fromkeys(row["measure"] for row in own)
        ]
        sizes = [max(len(line[place]) for line in table) for place in range(len(table[0]))]
        print()
        for line in table:
            print("  ".join(f"{cell:<{size}}" for cell, size in zip(line, sizes, strict=True)).rstrip())
        moved = next((row["moved"] for row in own if "moved" in row), None)
        print(
            f"{own[0]['words']:,} shared words; frequency controlled; 95 % intervals over words; null: words permuted within strata"
            + (f" / {moved:,} words of categories and sets, within these too" if moved else "")
        )


def _cell(row: Mapping[str, Any]) -> str:
    text = four_digits(row["value"])
    if "low" in row:
        text += f" [{four_digits(row['low'])}, {four_digits(row['high'])}]"
    if "null" in row:
        text += f" null {four_digits(row['null'])}"
        if "category_null" in row:
            text += f" / {four_digits(row['category_null'])} (p {four_digits(row['category_p'])})"
    elif "p" in row:
        text += f" p {four_digits(row['p'])}"
    return text
