"""How some words go together in the text itself, and the directions that would have just these correlations."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from bows.analysis.cooccurrence import Cooccurrence
from bows.analysis.cooccurrence_clusters import phi
from bows.paper.runs import Run


def text_correlations(run: Run, words: Sequence[str]) -> np.ndarray:
    """(n, n): phi coefficients of some words of the vocabulary over a run's training windows.

    Raises DataError where a word is in all windows or in none.
    """
    indices = [run.vocabulary.index(word) for word in words]
    size, device = run.data.evaluation_batch_size, torch.device("cpu")
    # Only these words' counts are wanted: with room for a row the others are never made.
    room = 8 * len(run.vocabulary)
    counts = Cooccurrence(lambda: run.data.windows("train").batches(size, device), len(run.vocabulary), room)
    return phi(counts.among(indices), counts.present.numpy()[indices], counts.windows)


def directions_of(correlations: np.ndarray) -> Tensor:
    """(n, n) float64: columns whose inner products are the correlations, by their symmetric square root. Principal components of such
    columns are those of the words' standardised presence over windows.
    """
    values, vectors = np.linalg.eigh(correlations)
    return torch.from_numpy((vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T)
