"""Words looked at closely: Gram matrix beside covariance, and what adds up to a word's pre-activation in held-out windows."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy.sparse import csr_array

from bows.analysis.permutation_null import frequency_deciles
from bows.errors import DataError
from bows.reports.encoding import index_kind, packed, packed_scaled
from bows.reports.held_out import HeldOut
from bows.reports.run_data import RunFolder, Weights

MOST_CONTEXT = 14  # words of a window that are shown one by one, those that add or take most
# What the windows of a word stand for: quantiles of its pre-activation over the windows with it, and over those without it.
WITH_WORD = (0.1, 0.5, 0.9)
WITHOUT_WORD = (0.5, 1.0)


def gram(weights: Weights, chosen: np.ndarray) -> np.ndarray:
    """G = W^T W of the chosen words, or M = D E where the model is not tied: (n, n) float64."""
    columns = weights.encoder[:, chosen].double()
    rows = columns.T if weights.decoder is None else weights.decoder[chosen].double()
    return (rows @ columns).numpy()


def covariance(present: csr_array, chosen: np.ndarray) -> np.ndarray:
    """Covariance of the chosen words over windows: (n, n) float64, with N in the denominator."""
    columns, windows = present[:, chosen], len(present.indptr) - 1
    share = np.asarray(columns.mean(axis=0)).ravel().astype(float)
    return (columns.T @ columns).toarray().astype(float) / windows - np.outer(share, share)


def packed_matrix(matrix: np.ndarray) -> dict[str, Any]:
    """A matrix for the page: its upper triangle row by row where it is symmetric, else all of it."""
    symmetric = bool(np.allclose(matrix, matrix.T, rtol=1e-5, atol=1e-12))
    values = matrix[np.triu_indices(len(matrix))] if symmetric else matrix
    return packed_scaled(values) | {"symmetric": symmetric}


@dataclass(frozen=True)
class Example:
    """A word in one held-out window."""

    window: int
    """Number of the window among those that were read."""
    present: bool
    quantile: float
    """Of its pre-activation among the windows with the word, or without it."""


def pick_windows(pre_activation: np.ndarray, present: np.ndarray) -> list[Example]:
    """Windows at the quantiles WITH_WORD of a word's pre-activation among those that hold it, and WITHOUT_WORD among the others; each
    window once.

    Args:
        pre_activation, present: (N,) of the word over the windows.
    """
    picked: dict[int, Example] = {}
    for there, quantiles in ((True, WITH_WORD), (False, WITHOUT_WORD)):
        windows = np.flatnonzero(present == there)
        windows = windows[np.argsort(pre_activation[windows], kind="stable")]
        for quantile in quantiles if len(windows) else ():
            window = int(windows[round(quantile * (len(windows) - 1))])
            picked.setdefault(window, Example(window, there, quantile))
    return list(picked.values())


@dataclass(frozen=True)
class Effects:
    """What each word adds to chosen words, M[chosen], and what they come to in held-out windows."""

    matrix: np.ndarray
    """(n, V): row k holds M_cj, what word j adds to word c = chosen[k]."""
    pre_activation: np.ndarray
    """(N, n) of the model itself, in each window."""
    exact: bool
    """Whether the parts add up to it: a linear encoder."""


def effects(run: RunFolder, windows: HeldOut, chosen: np.ndarray) -> Effects:
    """What each word adds to the chosen ones, and their pre-activations over the windows.

    Raises:
        BowsError: where the weights cannot be read, or a nonlinear model not be made.
    """
    weights = run.weights
    rows = weights.encoder[:, chosen].T if weights.decoder is None else weights.decoder[chosen]
    matrix = (rows @ weights.encoder).numpy()
    assert weights.bias is not None, "windows are of an autoencoder"
    bias = weights.bias[chosen].numpy()
    if encodes_linearly(run):
        return Effects(matrix, windows.present @ matrix.T + bias, True)
    # Imported here: it brings Lightning and Hydra, which other models need not wait for.
    from bows.runs.folder import find_run
    from bows.runs.reload import load_autoencoder

    autoencoder = load_autoencoder(find_run(run.folder, "report"))
    outputs = []
    with torch.no_grad():
        for first in range(0, windows.taken, 512):
            bags = torch.from_numpy(windows.present[first : first + 512].toarray())
            outputs.append((autoencoder.encode(bags) @ rows.T).numpy())
    return Effects(matrix, np.concatenate(outputs) + bias, False)


def encodes_linearly(run: RunFolder) -> bool:
    """Whether the model's encoder is one matrix, as its settings tell."""
    model = run.group("model")
    name = str(model.get("_target_", "")).rpartition(".")[2]
    return name == "PrincipalComponents" or (
        name in ("Tied", "Untied") and model.get("latent_activation", "identity") == "identity"
    )


def random_context(matrix_row: np.ndarray, word: int, deciles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and variance of what a random word of each frequency decile adds to a word, itself left out: (D,) each, 0 for an empty
    decile. A context's null is the sum over its words, as if each were drawn anew among words as frequent.

    Args:
        matrix_row: (V,) what each word adds to it.
        word: its index.
        deciles: (V,) from 0 to D - 1.
    """
    weight = np.ones(len(deciles))
    weight[word] = 0.0
    groups = int(deciles.max()) + 1
    count = np.maximum(np.bincount(deciles, weight, groups), 1.0)
    mean = np.bincount(deciles, weight * matrix_row, groups) / count
    squares = np.bincount(deciles, weight * matrix_row**2, groups) / count
    return mean, np.maximum(squares - mean**2, 0.0)


def explained_windows(run: RunFolder, windows: HeldOut, chosen: np.ndarray) -> dict[str, Any]:
    """The word explainer's data: for each chosen word some windows, and in each bias, the word itself and what its context adds.

    Arrays of one entry an example: ``word`` (place in chosen), ``row`` (the first of the window's rows), ``present``, ``quantile``,
    ``size`` (words in the window), ``pre_activation``; of the context words that are not shown one by one ``rest_count``, ``rest`` (what
    they add) and ``rest_helping`` (what those of them add that add more than 0); ``random_mean`` and ``random_sd`` (as large a context of
    random words as frequent); ``offsets`` into ``context`` (word indices) and ``values`` (what they add), largest magnitudes first. Of
    one entry a chosen word: ``bias``, ``itself``.
    """
    found = effects(run, windows, chosen)
    assert run.weights.bias is not None
    present = windows.present[:, chosen].toarray() > 0
    deciles = frequency_deciles(np.asarray(windows.present.mean(axis=0)).ravel())
    rows: list[dict[str, float]] = []
    contexts: list[np.ndarray] = []
    values: list[np.ndarray] = []
    for place, word in enumerate(chosen.tolist()):
        mean, variance = random_context(found.matrix[place], word, deciles)
        for example in pick_windows(found.pre_activation[:, place], present[:, place]):
            bag = windows.present.indices[slice(*windows.present.indptr[example.window : example.window + 2])]
            context = bag[bag != word]
            added = found.matrix[place, context]
            order = np.argsort(-np.abs(added), kind="stable")
            shown, rest = order[:MOST_CONTEXT], added[order[MOST_CONTEXT:]]
            drawn = np.bincount(deciles[context], minlength=len(mean))
            contexts.append(context[shown])
            values.append(added[shown])
            rows.append(
                {
                    "word": place,
                    "row": int(windows.first_rows[example.window]),
                    "present": example.present,
                    "quantile": example.quantile,
                    "size": len(bag),
                    "pre_activation": float(found.pre_activation[example.window, place]),
                    "rest_count": len(rest),
                    "rest": float(rest.sum()),
                    "rest_helping": float(rest[rest > 0].sum()),
                    "random_mean": float(drawn @ mean),
                    "random_sd": float(np.sqrt(drawn @ variance)),
                }
            )
    if not rows:
        raise DataError("there is no word or no window to explain")
    kinds = {"word": "u2", "row": "u4", "present": "u1", "size": "u4", "rest_count": "u4"}
    return {
        **{name: packed(np.array([row[name] for row in rows]), kinds.get(name, "f4")) for name in rows[0]},
        "bias": packed(run.weights.bias[chosen].numpy()),
        "itself": packed(found.matrix[np.arange(len(chosen)), chosen]),
        "offsets": packed(np.concatenate([[0], np.cumsum([len(each) for each in contexts])]), "u4"),
        "context": packed(np.concatenate(contexts), index_kind(len(run.words))),
        "values": packed(np.concatenate(values)),
        "exact": found.exact,
        "activation": str(run.group("model").get("output_activation", "identity")),
        "window": windows.window,
        "said": windows.said,
    }
