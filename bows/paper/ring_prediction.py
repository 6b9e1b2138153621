"""The months' ring as the covariance of the training windows predicts it, by :mod:`bows.analysis.surviving_directions`."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from bows.analysis.cooccurrence import Cooccurrence
from bows.analysis.principal_directions import krylov
from bows.analysis.ring import SHAPES, ring
from bows.analysis.surviving_directions import Decay, Spectrum, predicted_weights, retention
from bows.paper.runs import Run
from bows.paper.word_lists import MONTHS

PERMUTATIONS = 9999
BEYOND = 1.7  # directions per latent dimension of the largest model: those beyond have died out
FULL = 2000  # words: up to here all directions are computed
TREATED = ("linear", "tied")
Rows = list[dict[str, Any]]


def predictions(runs: Sequence[Run]) -> Rows:
    """Return a row per m, weight decay and seed of the autoencoders, as the training has time for it, and one per m and decay at rest.

    Raises:
        BowsError: the training text is missing, or lacks a month.
    """
    trained = [run for run in runs if run.settings["model"] in TREATED]
    if not trained:
        return []
    spectrum = spectrum_of(trained[0], max(run.settings["latent"] for run in trained))
    data = trained[0].data  # opening those of each run would take a minute; all read the same windows
    batch, steps = data.batch_size, -(-len(data.windows("train")) // data.batch_size)
    made: dict[tuple, dict[str, Any]] = {}
    for run in trained:
        latent, wd, seed = (run.settings[name] for name in ("latent", "wd", "seed"))
        rates = learning_rates(run, steps)
        for model, decay in (("prediction", Decay(wd, batch, rates)), ("prediction at rest", Decay(wd, batch))):
            key = (model, latent, wd, seed if model == "prediction" else 0)
            if key not in made:
                made[key] = dict(zip(("model", "latent", "wd", "seed"), key, strict=True)) | _scores(
                    spectrum, latent, decay, key[-1]
                )
    return list(made.values())


def _scores(spectrum: Spectrum, latent: int, decay: Decay, seed: int) -> dict[str, Any]:
    weights = torch.from_numpy(predicted_weights(spectrum, latent, decay, seed))
    found = ring(weights, None, range(len(MONTHS)), PERMUTATIONS, seed)
    kept, _ = retention(spectrum, latent, decay)
    names = ("order", "order_p", "closure", "planarity", "procrustes")
    return {
        **{f"months_{name}": found.get(name) for name in names},
        "planarity_null": found.get("planarity_null"),
        "months_shape": SHAPES[int(found["shape"])] if "shape" in found else None,
        "kept_least": float(kept.min()),
        "kept_mean": float(kept.mean()),
    }


def learning_rates(run: Run, steps: int) -> float:
    """Return the sum of a run's learning rates over all its steps, of which an epoch has `steps`."""
    config = run.files.config
    return config["lr"] * config["epochs"] * steps * (0.5 if config["optimizer"]["schedule"] == "cosine" else 1.0)


def spectrum_of(run: Run, latent: int) -> Spectrum:
    """Return the principal directions of a run's training windows at the months; kept in a file of its sweep's folder.

    Takes about 3 minutes of CPU time at V = 10,000 and m = 1,000, and 1.5 GB.
    """
    file = run.folder.parent / "months-spectrum.npz"
    key = f"{run.files.status.get('corpus')} {run.data.window} {run.data.stride} {latent}"
    if file.is_file() and (kept := _read(file, key)):
        return kept
    months = run.indices(MONTHS)
    print(
        "months in the covariance of the training windows: computing principal directions", file=sys.stderr, flush=True
    )
    together = Cooccurrence(run.data.windows("train").sparse_batches, len(run.vocabulary))
    values, vectors = _directions(together, int(BEYOND * latent) + 100)
    share = (together.present / together.windows).numpy()
    found = Spectrum(
        values=values,
        columns=vectors[:, months],
        mean=vectors @ share,
        trace=float((share * (1 - share)).sum()),
        words=together.words,
    )
    np.savez(
        file, key=key, values=found.values, columns=found.columns, mean=found.mean, trace=found.trace, words=found.words
    )
    return found


def _read(file: Path, key: str) -> Spectrum | None:
    with np.load(file) as kept:
        if str(kept["key"]) != key:
            return None
        return Spectrum(kept["values"], kept["columns"], kept["mean"], float(kept["trace"]), int(kept["words"]))


def _directions(together: Cooccurrence, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the top eigenvalues (N,) of the covariance, falling, and eigenvectors (N, V): at least `count`, or all."""
    found = krylov(together, count, 0) if together.words > FULL else None
    if found is None:
        covariance = torch.cat([block for _, block in together.covariance_blocks()])
        values, vectors = torch.linalg.eigh(covariance)
        found = values.flip(0), vectors.flip(1)
    return found[0].numpy(), found[1].T.numpy()
