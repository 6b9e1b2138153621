"""The charts in the report of a run: training curves, rings, Gram matrix and covariance, regimes."""

from functools import partial
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from bows.analysis.ring import ring_coordinates
from bows.errors import BowsError, DataError
from bows.figures.curves import metric_curves, other_metrics, training_curves
from bows.figures.gram import word_matrices
from bows.figures.regime_shares import regime_shares
from bows.figures.style import file_stem
from bows.figures.word_planes import ring_polygon
from bows.reports.held_out import held_out
from bows.reports.html import Chart, counted, of_figure, of_folder
from bows.reports.run_data import RunData
from bows.reports.run_header import own_path
from bows.reports.run_words import thresholds
from bows.runs.weights import Weights

SCORES = ("order", "order_p", "planarity", "procrustes", "circulance")
MOST_WORDS, FIRST_WORDS = 40, 14  # of the matrices: of a set, of a run without sets


def curves(run: RunData) -> dict[str, Any]:
    """Return the ``training`` curves, those of all ``others`` with at least two values (None without), and ``incomplete_rows``."""
    columns = run.run.history.to_pydict()
    caption = "Loss and held-out score over training"
    training = of_folder(run.folder, "training_curves", lambda: training_curves(columns), caption)
    others = None
    if names := other_metrics(columns):
        caption = f"{counted(len(names), 'other metric')} over training"
        others = of_figure("other_metrics", metric_curves(columns, names), caption)
    return {"training": training, "others": others, "incomplete_rows": run.run.incomplete_rows}


def rings(run: RunData) -> dict[str, list]:
    """Return ``charts`` of the ordered sets that are in the vocabulary, best in order first; names of ``flat`` ones without a plane.

    Raises:
        BowsError: The weights cannot be read, or the run is of pairs.
    """
    if run.run.of_pairs:
        raise DataError("items have no ordered sets; the ring of residues, where the run has one, is among the figures")
    found, flat = [], []
    for name in sorted(run.sets, key=lambda name: _rank(run, name)):
        places = ring_coordinates(run.run.weights.encoder, run.sets[name])
        if places is None:
            flat.append(name)
            continue
        measured = {score: run.run.summary.get(f"ring/{name}/{score}") for score in SCORES}
        known = [f"{score.replace('_', ' ')} {value:.3g}" for score, value in measured.items() if value is not None]
        words = [run.words[index] for index in run.sets[name]]
        draw = partial(ring_polygon, places, words, name, measured["order"], measured["order_p"])
        caption = f"{name}: {', '.join(known) or 'not measured'}"
        found.append(of_folder(run.folder, file_stem(f"ring_{name}"), draw, caption))
    return {"charts": found, "flat": flat}


def _rank(run: RunData, name: str) -> tuple[float, float]:
    """Return what sets are sorted by: the best in order first."""
    summary = run.run.summary
    return summary.get(f"ring/{name}/order_p", 2.0), -summary.get(f"ring/{name}/order", 0.0)


def matrices(run: RunData) -> Chart:
    """Return cosines of the words' directions next to their correlations over held-out windows, of the set that is best in order.

    Without a set, of the first words that the report explains. The correlations are left out where the windows cannot be read.
    """
    best = min(run.sets, key=lambda name: _rank(run, name), default=None)
    chosen = np.asarray(run.sets[best][:MOST_WORDS] if best else run.chosen[:FIRST_WORDS])
    weights = run.run.weights
    panels = {"cosine of directions" if weights.decoder is None else "effective map D E, scaled": gram(weights, chosen)}
    note = ""
    try:
        windows = held_out(run.run)
        panels["correlation over held-out windows"] = covariance(windows.present, chosen)
        note = f"; {windows.description}"
    except BowsError as error:
        note = f"; no correlation: {error}"
    words = [run.words[index] for index in chosen]
    columns: dict[str, list] = {"panel": [], "row": [], "column": [], "value": []}
    for panel, matrix in panels.items():
        for (row, column), value in np.ndenumerate(unit_diagonal(matrix)):
            for name, cell in zip(columns, (panel, words[row], words[column], value), strict=True):
                columns[name].append(cell)
    caption = f"{best or 'Words'}: each with its own colours{note}"
    return of_figure("gram_and_correlation", word_matrices(columns), caption)


def gram(weights: Weights, chosen: np.ndarray) -> np.ndarray:
    """Return G = W^T W of the chosen words, or M = D E where the model is not tied: (n, n) float64."""
    columns = weights.encoder[:, chosen].double()
    rows = columns.T if weights.decoder is None else weights.decoder[chosen].double()
    return (rows @ columns).numpy()


def covariance(present: csr_array, chosen: np.ndarray) -> np.ndarray:
    """Return the covariance of the chosen words over windows: (n, n) float64, with N in the denominator."""
    columns, windows = present[:, chosen].astype(float), len(present.indptr) - 1
    share = np.asarray(columns.sum(axis=0)).ravel() / windows
    return (columns.T @ columns).toarray() / windows - np.outer(share, share)


def unit_diagonal(matrix: np.ndarray) -> np.ndarray:
    """Return a matrix scaled to ones on the diagonal: cosines of a Gram matrix, correlations of a covariance; 0 where that is 0.

    >>> unit_diagonal(np.array([[4.0, 1.0], [1.0, 1.0]])).tolist()
    [[1.0, 0.5], [0.5, 1.0]]
    """
    scale = np.sqrt(np.abs(np.diag(matrix)))
    scale = np.divide(1.0, scale, out=np.zeros_like(scale), where=scale > 0)
    return matrix * scale[:, None] * scale


def regimes(run: RunData) -> Chart:
    """Return the shares of the regimes by frequency.

    Raises:
        DataError: The run is of pairs, or did not measure them.
    """
    table = run.table
    if run.run.of_pairs:
        raise DataError("items have no regimes")
    if "regime" not in table.column_names or table.column("regime").null_count == len(table):
        raise DataError(
            f"the run did not measure them; python -m bows.analyze run={own_path(run.folder)} does, and then "
            f"python -m bows.report {own_path(run.folder)} shows them"
        )
    if run.frequency is None:
        raise DataError("words.parquet has no frequencies")
    labels, frequency = (table.column(name).to_pylist() for name in ("regime", "frequency"))
    caption = "Shares of the regimes in each tenth of the words by frequency"
    draw = partial(regime_shares, labels, frequency, thresholds(run))
    if run.analysis:  # the figure of the folder is of the run's own table
        return of_figure("regimes", draw(), caption)
    return of_folder(run.folder, "regimes", draw, caption)
