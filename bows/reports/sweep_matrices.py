"""Gram matrices of a sweep's synthetic runs, and the covariance of the data they were trained on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from inspect import signature
from pathlib import Path
from typing import Any

import numpy as np

from bows.errors import BowsError, DataError
from bows.runs.discover import FoundJob
from bows.runs.varied import resolved

_STRUCTURED = "bows.data.factories.synthetic"


@dataclass
class Structure:
    """The completed runs of one synthetic structure, at one seed."""

    title: str
    covariance: np.ndarray
    """(V, V), of the held-out windows of the first run."""
    rows: list[str]
    columns: list[str]
    grams: list[list[np.ndarray | None]]
    """Rows of matrices (V, V)."""
    note: str
    """Which seed it is."""
    unread: list[str]
    """What is wrong with the runs that are left out."""


def structure_of(job: FoundJob) -> str | None:
    """The structure of a run's synthetic data; None where its data are text."""
    data = (job.config or {}).get("data")
    return data.get("structure") if isinstance(data, Mapping) and data.get("_target_") == _STRUCTURED else None


def gram_matrix(folder: Path) -> np.ndarray:
    """W^T W of a run's weights, D E where it is not tied: (V, V), features in the order of their places.

    Raises DataError where the weights or the vocabulary cannot be read.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        weights = load_file(folder / "model.safetensors")
        encoder = weights["encoder.weight"].astype(float)
        decoder = weights.get("decoder.weight", encoder.T).astype(float)
    except (OSError, SafetensorError, KeyError) as error:
        raise DataError(f"{folder / 'model.safetensors'}: cannot be read ({error}); train this run again") from error
    places = feature_order(folder, encoder.shape[1])
    return (decoder @ encoder)[np.ix_(places, places)]


def feature_order(folder: Path, features: int) -> np.ndarray:
    """(features,) indices of feature0, feature1, ... in a run's vocabulary."""
    file = folder / "vocabulary.txt"
    try:
        places = [int(word.removeprefix("feature")) for word in file.read_text(encoding="utf-8").split()]
    except (OSError, ValueError) as error:
        raise DataError(f"{file}: cannot be read ({error}); train this run again") from error
    if sorted(places) != list(range(features)):
        raise DataError(f"{file}: these are not the {features} features that were trained on; train this run again")
    return np.argsort(places)


def held_out_covariance(job: FoundJob) -> np.ndarray:
    """Covariance of a run's held-out windows: (V, V), features in the order of their places.

    Raises DataError where the run's data cannot be made again.
    """
    from scipy.sparse import csr_array

    from bows.data.controls import with_control
    from bows.data.sources.synthetic import synthetic_corpus

    settings = resolved((job.config or {}).get("data", {}), job.config or {})
    try:
        given = {name: settings[name] for name in signature(synthetic_corpus).parameters}
        controls = settings.get("shuffle"), settings.get("rewire")
        corpus = with_control(lambda: synthetic_corpus(**given), *controls, seed=settings["seed"])()
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"{job.folder}: its data cannot be made ({error!r}); it is of another version of bows"
        ) from error
    if corpus.hash != job.status.get("corpus"):
        raise DataError(
            f"{job.folder}: its data come out otherwise now; it is of another version of bows: train it again"
        )
    bags, features = corpus.split("validation"), len(corpus.vocabulary)
    present = csr_array((np.ones(len(bags.indices)), bags.indices, bags.indptr), shape=(bags.rows, features))
    mean = np.asarray(present.sum(axis=0)).ravel() / bags.rows
    places = feature_order(job.folder, features)
    return ((present.T @ present).toarray() / bags.rows - np.outer(mean, mean))[np.ix_(places, places)]


def structure(
    title: str,
    of_setting: Mapping[tuple[str, str], Sequence[tuple[Any, FoundJob]]],
    rows: list[str],
    columns: list[str],
) -> Structure:
    """Read the matrices of one structure.

    Args:
        of_setting: (row, column) -> the seeds and jobs of its completed runs. The lowest seed that most of these have is drawn.

    Raises:
        BowsError: where the data of the first run cannot be made again, or no run's weights can be read.
    """
    seeds = [seed for runs in of_setting.values() for seed, _ in runs]
    seed = min(set(seeds), key=lambda each: (-seeds.count(each), (each is None, each)))
    jobs = {place: dict(runs).get(seed) for place, runs in of_setting.items()}
    unread, grams = [], []
    for row in rows:
        grams.append([])
        for column in columns:
            job, gram = jobs.get((row, column)), None
            if job is not None:
                try:
                    gram = gram_matrix(job.folder)
                except BowsError as error:
                    unread.append(str(error))
            grams[-1].append(gram)
    if all(gram is None for row in grams for gram in row):
        raise DataError(unread[0])
    first = next(job for job in jobs.values() if job is not None)
    note = "" if seed is None else f"Runs of seed {seed}."
    return Structure(title, held_out_covariance(first), rows, columns, grams, note, unread)
