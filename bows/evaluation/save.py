"""Write the results of an evaluation: word table, summary, and the data of its figures."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow.csv
import pyarrow.parquet as pq
import torch
from torch import Tensor

from bows.analysis.directions import directions
from bows.analysis.neighbours import nearest
from bows.analysis.ordered_sets import resolve
from bows.analysis.ring import ring_coordinates
from bows.analysis.word_map import FEWEST_WORDS, MOST_WORDS
from bows.config.schema import Analysis
from bows.data.corpus import Corpus
from bows.evaluation.evaluate import Evaluation
from bows.evaluation.word_positions import neighbour_map
from bows.figures.curves import training_curves
from bows.figures.gram import gram_heat_map
from bows.figures.regime_shares import regime_shares
from bows.figures.render_pool import Picture
from bows.figures.word_planes import ring_polygon
from bows.files import finite, write_json
from bows.model.autoencoder import Autoencoder, weights
from bows.runs.discover import is_sweep
from bows.tracking.loggers import log_media

log = logging.getLogger(__name__)

# Number of words in the Gram heat map where no ordered set is in the vocabulary.
GRAM_WORDS = 40


@torch.no_grad()
def write_evaluation(
    folder: Path,
    autoencoder: Autoencoder,
    corpus: Corpus,
    evaluation: Evaluation,
    summary: Mapping[str, float],
    sets: Mapping[str, Sequence[int]],
    analysis: Analysis,
) -> dict[str, Picture]:
    """Write words.parquet, summary.json and regimes.csv; return the pictures to draw into figures/, none where figures are off."""
    encoder, decoder = (None if each is None else each.cpu() for each in weights(autoencoder))
    assert encoder is not None
    pq.write_table(evaluation.words, folder / "words.parquet")
    write_json(folder / "summary.json", finite(dict(sorted(summary.items()))))
    thresholds = analysis.regimes
    if evaluation.regimes is not None:
        pyarrow.csv.write_csv(evaluation.regimes, folder / "regimes.csv")
        log.info("regimes: %s", thresholds)
    for word, words in nearest_words(analysis.nearest_to, corpus.vocabulary, encoder).items():
        log.info("nearest to %s: %s", word, ", ".join(words))
    if not analysis.figures:
        return {}
    pictures = pictures_of(folder, encoder, decoder, corpus.vocabulary, sets, summary)
    pictures |= map_picture(folder, encoder, analysis)
    if evaluation.regimes is not None:
        regimes, frequency = (evaluation.words.column(name).to_pylist() for name in ("regime", "frequency"))
        pictures["regimes"] = Picture(regime_shares, (regimes, frequency, str(thresholds)))
    return pictures


def map_picture(folder: Path, encoder: Tensor, analysis: Analysis) -> dict[str, Picture]:
    """Return the map of the words, which adds their positions to words.parquet, where they are few enough to take seconds.

    Jobs of a sweep have none, as it can take as long as their training; `bows.report` lays out the map of one of them.
    """
    unit, kept = directions(encoder)
    if is_sweep(folder.parent) or not FEWEST_WORDS <= len(kept) <= MOST_WORDS:
        return {}
    category_of = {word: name for name, of in analysis.category_words.items() for word in of}
    table = folder / "words.parquet"
    return {"map": Picture(neighbour_map, (table, unit.T.numpy(), kept.numpy(), category_of))}


def log_results(loggers: Sequence, figures: Mapping[str, Path], evaluation: Evaluation, step: int) -> None:
    """Log the figures and tables of a run to W&B, where it is among the loggers."""
    tables = {"words": evaluation.words, "regimes": evaluation.regimes}
    log_media(loggers, figures, {name: table for name, table in tables.items() if table is not None}, step)


def nearest_words(
    queries: Sequence[str], vocabulary: list[str], encoder: Tensor, count: int = 8
) -> dict[str, list[str]]:
    """Return the nearest words of each query word that is in the vocabulary, nearest first."""
    indices = resolve(queries, vocabulary).indices
    if not indices:
        return {}
    found = nearest(encoder, count, indices).indices.tolist()
    return {
        vocabulary[index]: [vocabulary[other] for other in row if other >= 0]
        for index, row in zip(indices, found, strict=True)
    }


def pictures_of(
    folder: Path,
    encoder: Tensor,
    decoder: Tensor | None,
    vocabulary: Sequence[str],
    sets: Mapping[str, Sequence[int]],
    summary: Mapping[str, float],
) -> dict[str, Picture]:
    """Return training curves, a Gram heat map and one polygon per ordered set."""
    pictures = {}
    if (folder / "metrics.csv").exists():
        pictures["training_curves"] = Picture(training_curves, (read_columns(folder / "metrics.csv"), "Training"))
    chosen = next(iter(sets.values()), range(min(GRAM_WORDS, len(vocabulary))))
    columns = encoder[:, list(chosen)]
    rows = columns.T if decoder is None else decoder[list(chosen)]
    words = [vocabulary[index] for index in chosen]
    gram = (rows @ columns).numpy()
    pictures["gram"] = Picture(gram_heat_map, (gram, words, "Gram matrix of the words' directions"))
    for name, indices in sets.items():
        coordinates = ring_coordinates(encoder, indices)
        if coordinates is not None:
            words = [vocabulary[index] for index in indices]
            order, p = summary.get(f"ring/{name}/order"), summary.get(f"ring/{name}/order_p")
            pictures[f"ring_{name}"] = Picture(ring_polygon, (coordinates, words, name, order, p))
    return pictures


def read_columns(path: Path) -> dict[str, list[float | None]]:
    """Return the columns of metrics.csv; empty cells are None."""
    table = pyarrow.csv.read_csv(path, convert_options=pyarrow.csv.ConvertOptions(null_values=[""]))
    return {name: table.column(name).cast("float64").to_pylist() for name in table.column_names}
