"""Measure a matrix of word vectors with everything that needs no autoencoder: `python -m bows.analyze matrix=<file> words=<file>`."""

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import torch
from omegaconf import OmegaConf
from torch import Tensor

from bows.analysis.alignment import alignment
from bows.analysis.catalog import headline_labels
from bows.analysis.clusters import category_labels, clusters
from bows.analysis.cooccurrence import Cooccurrence
from bows.analysis.directions import directions
from bows.analysis.geometry import geometry
from bows.analysis.ordered_sets import resolve, whole_sets
from bows.analysis.packing import cosine_extremes, word_geometry
from bows.analysis.ring_null import order_p_sets
from bows.analysis.shape_search import scan
from bows.analysis.vector_transforms import transformed
from bows.analysis.word_table import word_table
from bows.config.resolve import instantiate_plain
from bows.config.schema import AnalyzeConfig
from bows.config.validate import check
from bows.console import print_results, quiet_libraries, working
from bows.data.tokens import whole_words
from bows.data.vector_files import WordVectors, read_matrix, read_words, usable
from bows.errors import DataError, SettingError
from bows.evaluation.discover import print_shapes, write_shapes
from bows.evaluation.groups import predictions
from bows.evaluation.save import map_picture, nearest_words, pictures_of
from bows.figures.render_pool import draw
from bows.files import finite, write_json, write_whole
from bows.reports.run_report import write_report
from bows.runs.status import RunStatus
from bows.runs.weights import save_tensors

log = logging.getLogger(__name__)

GROUPS = ("capacity", "packing", "ring", "prediction", "cluster", "alignment")
OF_DOCUMENTS = ("alignment", "prediction")
OF_SCALE = ("capacity/features_per_dimension", "capacity/represented_fraction", "packing/off_diagonal_norm")
WHOLE_RUN = ("word", "context", "against", "plane")  # settings that need an autoencoder


def read_vectors(matrix: str, words: str | None, tensor: str | None) -> WordVectors:
    """Read the vectors of whole words, and count the rows that are left out.

    Raises:
        SettingError: The words are not given, or are not as many as the rows.
        DataError: No row is left.
    """
    stored = read_matrix(Path(matrix), tensor)
    given = read_words(Path(words)) if words else stored.words
    if given is None:
        raise SettingError(f"matrix={matrix}: the file contains no words; give words=<file> with one word per line")
    if len(given) != len(stored.matrix):
        raise SettingError(
            f"words={words or matrix}: {len(given):,} words, but the matrix has {len(stored.matrix):,} rows; give the word of each row"
        )
    found = usable(whole_words(given), stored.matrix)
    if len(found.words) < 2:
        raise DataError(f"matrix={matrix}: {len(found.words)} rows have a word and a vector; 2 or more are needed")
    return found


@dataclass
class Documents:
    """The documents of `data=`, for the words that they share with the vectors."""

    batches: Callable[..., Iterator[Tensor]]
    windows: Any
    places: Tensor
    """(V,) the shared words in the vocabulary of the corpus."""
    size: int

    def counts(self, half: bool = False) -> Cooccurrence:
        """Count co-occurrences of the shared words over the held-out windows, or over the first half of them."""
        windows = self.windows.only(torch.arange(len(self.windows) // 2)) if half else self.windows

        def bags() -> Iterator[Tensor]:
            for each in windows.batches(self.size, torch.device("cpu")):
                yield each[:, self.places]

        return Cooccurrence(bags, len(self.places))


def matched(vocabulary: Sequence[str], words: Sequence[str]) -> tuple[list[int], list[int]]:
    """Return the places of shared words in a vocabulary, rising, and their rows among `words`.

    Words are matched exactly, otherwise with case folded; a row belongs to one word of the vocabulary, the first.
    """
    missing = set(resolve(vocabulary, words).missing)
    present = [place for place, word in enumerate(vocabulary) if word not in missing]
    of_row: dict[int, int] = {}
    for place, row in zip(present, resolve([vocabulary[each] for each in present], words).indices, strict=True):
        of_row.setdefault(row, place)
    return list(of_row.values()), list(of_row)


def shared_with(node: dict[str, Any], found: WordVectors) -> tuple[Documents, WordVectors]:
    """Open the documents of `data=`; return them with the vectors of the words of their vocabulary, in its order.

    Words are matched exactly, otherwise with case folded; a vector belongs to one word, the most frequent.

    Raises:
        SettingError: Fewer than two words are shared.
    """
    data = instantiate_plain(node)
    vocabulary, windows = data.corpus.vocabulary, data.windows("validation")
    places, rows = matched(vocabulary, found.words)
    if len(rows) < 2:
        raise SettingError(
            f"data={node.get('name', node['_target_'])}: {len(rows)} of its {len(vocabulary):,} words have a vector in matrix=; "
            "give the documents, or the words, of one language and spelling"
        )
    left_out = {
        **found.left_out,
        "not in the corpus": len(found.words) - len(rows),
        "of the corpus without a vector": len(vocabulary) - len(rows),
    }
    documents = Documents(windows.batches, windows, torch.tensor(places), data.evaluation_batch_size)
    return documents, WordVectors([vocabulary[each] for each in places], found.matrix[rows], left_out)


def measure(
    encoder: Tensor,
    words: list[str],
    sets: Mapping[str, Sequence[int]],
    settings: AnalyzeConfig,
    frequency: np.ndarray,
    documents: tuple[Cooccurrence, Cooccurrence | None] | None,
) -> tuple[dict[str, float], Any]:
    """Compute the metrics and the word table of vectors.

    Args:
        encoder: (m, V).
        words: The V words.
        sets: Word indices of each ordered set.
        settings: Of the analysis.
        frequency: (V,), or a decreasing function of the rank where it is not known.
        documents: Co-occurrences in all and in half of the held-out windows; None without documents.
    """
    analysis, seed = settings.analysis, settings.seed
    groups, linear = set(analysis.groups), analysis.linear_sets
    unit = directions(encoder).unit
    extremes = cosine_extremes(unit) if "packing" in groups and unit.shape[1] > 1 else None
    metrics = geometry(encoder, None, sets, analysis.permutations, seed, groups, extremes, linear)
    if "ring" in groups and analysis.permutations:
        ordered = {name: indices for name, indices in sets.items() if f"ring/{name}/order" in metrics}
        metrics |= order_p_sets(encoder, ordered, frequency, seed)
    if "cluster" in groups:
        labels, names, _ = category_labels(analysis.category_words, words)
        if len(names) > 1:
            metrics |= clusters(encoder, labels, frequency, analysis.null_permutations, seed)
    columns = {}
    if documents:
        together, half = documents
        columns["frequency"] = together.present.numpy() / together.windows
        if "alignment" in groups:
            metrics |= alignment(encoder, None, together, analysis.null_permutations, seed, half)
        if "prediction" in groups:
            metrics |= predictions(sets, together, analysis.permutations, seed)
    near = word_geometry(encoder, extremes) if extremes else None
    return metrics, word_table(words, encoder, None, columns, max(analysis.neighbours, 1), near)


def check_vectors(config: Mapping[str, Any], given: set[str]) -> None:
    """Raise SettingError where settings are given that need an autoencoder, or settings of vectors without a matrix."""
    if config.get("run"):
        raise SettingError(f"matrix={config['matrix']}: run={config['run']} is given too; analyze one of them")
    for name in WHOLE_RUN:
        if config.get(name):
            raise SettingError(f"{name}={config[name]}: it needs an autoencoder; leave it out with matrix=")
    groups = config["analysis"]["groups"]
    if "analysis.groups" in given and (others := [name for name in groups if name not in GROUPS]):
        raise SettingError(
            f"analysis.groups: {others[0]} needs an autoencoder; allowed with matrix=: {', '.join(GROUPS)}"
        )
    if "analysis.groups" in given and not config.get("data"):
        for name in groups:
            if name in OF_DOCUMENTS:
                raise SettingError(f"analysis.groups: {name} needs documents; give data=<option> with matrix=")


def analyze_vectors(config: dict[str, Any], given: set[str], folder: Path, status: RunStatus) -> None:
    """Measure the vectors of `matrix=`, and write summary.json, words.parquet, figures and report."""
    check_vectors(config, given)
    config["analysis"]["groups"] = [name for name in config["analysis"]["groups"] if name in GROUPS]
    settings: AnalyzeConfig = check(config, "analyze")
    quiet_libraries()
    if settings.threads:
        torch.set_num_threads(settings.threads)
    began = time.perf_counter()
    found = read_vectors(str(settings.matrix), settings.words, settings.tensor)
    documents, counted = None, None
    if settings.data:
        documents, found = shared_with(settings.data, found)
        counted = (documents.counts(), documents.counts(half=True) if len(documents.windows) > 1 else None)
    left_out = {reason: count for reason, count in found.left_out.items() if count}
    log.info("%s words of %d dimensions", f"{len(found.words):,}", found.matrix.shape[1])
    if left_out:
        log.info("left out: %s", ", ".join(f"{count:,} {reason}" for reason, count in left_out.items()))
    matrix = transformed(found.matrix, settings.centre, settings.remove_components, settings.unit_norm)
    encoder = torch.from_numpy(matrix).T
    if counted:
        frequency = counted[0].present.numpy() / counted[0].windows
    else:
        log.info("frequency is not known without data=: the order of the words is taken as that of frequency")
        frequency = 1.0 / np.arange(1, len(found.words) + 1)
    sets = whole_sets(settings.analysis.ordered_sets, found.words)
    with working("measuring the vectors"):
        metrics, table = measure(encoder, found.words, sets, settings, frequency, counted)
    metrics["speed/analysis_seconds"] = time.perf_counter() - began
    if not settings.unit_norm and (scaled := [name for name in OF_SCALE if name in metrics]):
        log.info(
            "%s: of vectors of this scale; compare them with those of other vectors under unit_norm=true",
            ", ".join(scaled),
        )
    write(folder, encoder, found.words, sets, metrics, table, settings)
    facts = {"file": Path(str(settings.matrix)).name, "words": len(found.words), "left_out": left_out}
    stored = {**config, "vectors": facts, "model": {"latent": len(encoder)}}
    OmegaConf.save(OmegaConf.create(stored), folder / ".hydra" / "config.yaml")
    if settings.scan:
        with working("searching for rings, lines and clusters"):
            shapes = scan(
                encoder, found.words, frequency, seed=settings.seed, q_threshold=settings.false_discovery_rate
            )
        write_shapes(shapes, folder)
        print_shapes(shapes, settings.false_discovery_rate)
    status.write("completed")
    print_results(metrics, headline_labels())
    log.info("report: %s", write_report(folder))


def write(
    folder: Path,
    encoder: Tensor,
    words: list[str],
    sets: Mapping[str, Sequence[int]],
    metrics: Mapping[str, float],
    table: Any,
    settings: AnalyzeConfig,
) -> None:
    """Write the files that a run folder has too: model.safetensors, vocabulary.txt, words.parquet, summary.json and figures."""
    save_tensors(folder / "model.safetensors", {"embedding.weight": encoder.T})
    write_whole(folder / "vocabulary.txt", "".join(f"{word}\n" for word in words))
    pq.write_table(table, folder / "words.parquet")
    write_json(folder / "summary.json", finite(dict(sorted(metrics.items()))))
    for word, near in nearest_words(settings.analysis.nearest_to, words, encoder).items():
        log.info("nearest to %s: %s", word, ", ".join(near))
    if settings.analysis.figures:
        pictures = pictures_of(folder, encoder, None, words, sets, metrics)
        draw(folder / "figures", pictures | map_picture(folder, encoder, settings.analysis))
