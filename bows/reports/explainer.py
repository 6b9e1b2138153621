"""The word explainer: the contributions to a word's pre-activation in some held-out windows."""

from typing import Any, NamedTuple

import numpy as np
import torch

from bows.analysis.permutation_null import frequency_deciles
from bows.config.resolve import trait
from bows.errors import DataError
from bows.reports.encoding import index_kind, packed
from bows.reports.held_out import HeldOut, held_out
from bows.reports.run_data import RunData
from bows.runs.folder import find_run

MOST_TEXT = 400_000  # words of the rows of all windows together, which are shown as text
MOST_CONTEXT = 14  # words of a window that are shown one by one, those of the largest contributions
# Quantiles of a word's pre-activation at which windows are shown: over the windows with the word, and over those without it.
WITH_WORD = (0.1, 0.5, 0.9)
WITHOUT_WORD = (0.5, 1.0)


class Example(NamedTuple):
    """A word in one held-out window, at a quantile of its pre-activation among the windows with the word, or without it."""

    window: int
    """Number of the window among those that were read."""
    present: bool
    quantile: float


def pick_windows(pre_activation: np.ndarray, present: np.ndarray) -> list[Example]:
    """Return windows at the quantiles WITH_WORD of a word's pre-activation among those with it, and WITHOUT_WORD among the others.

    Args:
        pre_activation: (N,) of the word over the windows.
        present: (N,) whether it is in them.
    """
    picked: dict[int, Example] = {}
    for there, quantiles in ((True, WITH_WORD), (False, WITHOUT_WORD)):
        windows = np.flatnonzero(present == there)
        windows = windows[np.argsort(pre_activation[windows], kind="stable")]
        for quantile in quantiles if len(windows) else ():
            window = int(windows[round(quantile * (len(windows) - 1))])
            picked.setdefault(window, Example(window, there, quantile))
    return list(picked.values())


class Effects(NamedTuple):
    """The contributions of all words to n chosen words, and the pre-activations in N held-out windows."""

    matrix: np.ndarray
    """(n, V): row k has M_cj, the contribution of word j to word c = chosen[k]."""
    pre_activation: np.ndarray
    """(N, n) of the model itself, in each window."""
    exact: bool
    """Whether the contributions sum to it: a linear encoder."""


def effects(run: RunData, windows: HeldOut, chosen: np.ndarray) -> Effects:
    """Compute the contributions to the chosen words, and their pre-activations over the windows.

    Raises:
        BowsError: The weights cannot be read, or a nonlinear model cannot be rebuilt.
    """
    weights, model = run.run.weights, run.run.group("model")
    rows = weights.encoder[:, chosen].T if weights.decoder is None else weights.decoder[chosen]
    matrix = (rows @ weights.encoder).numpy()
    assert weights.bias is not None, "windows are of an autoencoder"
    bias = weights.bias[chosen].numpy()
    linear = windows.present @ matrix.T + bias
    if trait(model, "linear_parameters", ()) and model.get("latent_activation", "identity") == "identity":
        return Effects(matrix, linear, True)
    # It brings Lightning and Hydra, which other models need not wait for.
    from bows.runs.reload import load_autoencoder

    autoencoder = load_autoencoder(find_run(run.folder, "report"))
    outputs = []
    with torch.no_grad():
        for first in range(0, windows.taken, 512):
            bags = torch.from_numpy(windows.present[first : first + 512].toarray())
            outputs.append((autoencoder.encode(bags) @ rows.T).numpy())
    own = np.concatenate(outputs) + bias
    return Effects(matrix, own, np.allclose(own, linear, rtol=1e-4, atol=1e-5))


def random_context(matrix_row: np.ndarray, word: int, deciles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and variance of the contribution of a random word of each frequency decile to a word: (D,) each.

    The null of a context is the sum over its words, as if each were drawn anew among words of its decile.

    Args:
        matrix_row: (V,) contributions to the word.
        word: Its index; it is not drawn itself. An empty decile has 0.
        deciles: (V,) from 0 to D - 1.
    """
    weight = np.ones(len(deciles))
    weight[word] = 0.0
    groups = int(deciles.max()) + 1
    count = np.maximum(np.bincount(deciles, weight, groups), 1.0)
    mean = np.bincount(deciles, weight * matrix_row, groups) / count
    squares = np.bincount(deciles, weight * matrix_row**2, groups) / count
    return mean, np.maximum(squares - mean**2, 0.0)


def rows_of(windows: HeldOut, first_rows: list[int]) -> dict[str, Any]:
    """Return the words of the rows of some windows: ``text`` (word indices) and ``text_offsets``, one more than rows, into it.

    Each window is cut to its share of MOST_TEXT.
    """
    share, pieces = MOST_TEXT // max(len(first_rows), 1), []
    for first in first_rows:
        left = share
        for row in range(first, first + windows.window):
            words = windows.rows.indices[slice(*windows.rows.indptr[row : row + 2])][:left]
            left -= len(words)
            pieces.append(words)
    offsets = np.concatenate([[0], np.cumsum([len(each) for each in pieces])])
    return {"text": packed(np.concatenate(pieces), index_kind(windows.words)), "text_offsets": packed(offsets, "u4")}


def explained_windows(run: RunData) -> dict[str, Any]:
    """Return the word explainer's data: for each chosen word some windows with bias, own contribution and context.

    ``words``: indices of the chosen words. Arrays of one entry per example: ``word`` (place in words), ``row`` (the first of the window's
    rows), ``present``, ``quantile``, ``size`` (words in the window), ``pre_activation``; of the context words that are not shown one by
    one ``rest_count``, ``rest`` (their contribution) and ``rest_helping`` (its positive part); ``random_mean`` and ``random_sd`` (as large
    a context of random words of like frequency); ``offsets`` into ``context`` (word indices) and ``values`` (contributions), largest
    magnitudes first. Of one entry per chosen word: ``bias``, ``itself``. The words of the windows' rows: see `rows_of`.

    Raises:
        BowsError: Weights or windows cannot be read, or there is nothing to explain.
    """
    windows, chosen = held_out(run.run), run.chosen
    found = effects(run, windows, chosen)
    bias = run.run.weights.bias
    assert bias is not None
    present = windows.present[:, chosen].toarray() > 0
    deciles = frequency_deciles(np.asarray(windows.present.mean(axis=0)).ravel())
    rows: list[dict[str, float]] = []
    contexts, values = [], []
    for place, word in enumerate(chosen.tolist()):
        mean, variance = random_context(found.matrix[place], word, deciles)
        for window, is_present, quantile in pick_windows(found.pre_activation[:, place], present[:, place]):
            bag = windows.present.indices[slice(*windows.present.indptr[window : window + 2])]
            context = bag[bag != word]
            added = found.matrix[place, context]
            order = np.argsort(-np.abs(added), kind="stable")[:MOST_CONTEXT]
            contexts.append(context[order])
            values.append(added[order])
            rest = np.delete(added, order)
            drawn = np.bincount(deciles[context], minlength=len(mean))
            rows.append(
                {"word": place, "row": int(windows.first_rows[window]), "present": is_present, "quantile": quantile, "size": len(bag),
                 "pre_activation": float(found.pre_activation[window, place]), "rest_count": len(rest), "rest": float(rest.sum()),
                 "rest_helping": float(rest[rest > 0].sum()), "random_mean": float(drawn @ mean),
                 "random_sd": float(np.sqrt(drawn @ variance))}
            )  # fmt: skip
    if not rows:
        raise DataError("there is no word or no window to explain")
    kinds = {"word": "u2", "row": "u4", "present": "u1", "size": "u4", "rest_count": "u4"}
    return {
        "words": chosen.tolist(),
        **{name: packed(np.array([row[name] for row in rows]), kinds.get(name, "f4")) for name in rows[0]},
        "bias": packed(bias[chosen].numpy()),
        "itself": packed(found.matrix[np.arange(len(chosen)), chosen]),
        "offsets": packed(np.concatenate([[0], np.cumsum([len(each) for each in contexts])]), "u4"),
        "context": packed(np.concatenate(contexts), index_kind(len(run.words))),
        "values": packed(np.concatenate(values)),
        **rows_of(windows, [int(row["row"]) for row in rows]),
        "exact": found.exact,
        "activation": str(run.run.group("model").get("output_activation", "identity")),
        "window": windows.window,
        "windows": windows.description,
    }
