"""Gram matrices of a sweep's synthetic runs, and the covariance of the data they were trained on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bows.errors import BowsError, DataError
from bows.loading import find_run, open_data
from bows.sweep.collect_jobs import FoundJob

_STRUCTURED = "bows.data.options.synthetic"
BATCH = 4096  # windows held as bags at a time


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
    places = feature_order(folder)
    return (decoder @ encoder)[np.ix_(places, places)]


def feature_order(folder: Path) -> np.ndarray:
    """(V,) indices of feature0, feature1, ... in a run's vocabulary."""
    try:
        words = (folder / "vocabulary.txt").read_text(encoding="utf-8").split()
        return np.argsort([int(word.removeprefix("feature")) for word in words], kind="stable")
    except (OSError, ValueError) as error:
        raise DataError(f"{folder / 'vocabulary.txt'}: cannot be read ({error}); train this run again") from error


def held_out_covariance(folder: Path) -> np.ndarray:
    """Covariance of a run's held-out windows: (V, V), features in the order of their places.

    Raises BowsError where the run's data cannot be made again.
    """
    run = find_run(folder)
    data = open_data(run.config["data"], run, "run")
    total, products, count = 0.0, 0.0, 0
    for bags in data.windows("validation").batches(BATCH):
        bags = bags.double().numpy()
        total, products, count = total + bags.sum(0), products + bags.T @ bags, count + len(bags)
    mean = np.asarray(total) / count
    places = feature_order(folder)
    return (np.asarray(products) / count - np.outer(mean, mean))[np.ix_(places, places)]


def structure(
    title: str, of_setting: Mapping[tuple[str, str], Sequence[tuple[Any, Path]]], rows: list[str], columns: list[str]
) -> Structure:
    """Read the matrices of one structure.

    Args:
        of_setting: (row, column) -> the seeds and folders of its completed runs. The lowest seed that most of these have is drawn.

    Raises:
        BowsError: where the data of the first run cannot be made again, or no run's weights can be read.
    """
    seeds = [seed for runs in of_setting.values() for seed, _ in runs]
    seed = min(set(seeds), key=lambda each: (-seeds.count(each), (each is None, each)))
    folders = {place: dict(runs).get(seed) for place, runs in of_setting.items()}
    unread, grams = [], []
    for row in rows:
        grams.append([])
        for column in columns:
            folder, gram = folders.get((row, column)), None
            if folder is not None:
                try:
                    gram = gram_matrix(folder)
                except BowsError as error:
                    unread.append(str(error))
            grams[-1].append(gram)
    if all(gram is None for row in grams for gram in row):
        raise DataError(unread[0])
    first = next(folder for folder in folders.values() if folder is not None)
    note = "" if seed is None else f"Runs of seed {seed}."
    return Structure(title, held_out_covariance(first), rows, columns, grams, note, unread)
