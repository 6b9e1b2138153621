"""The correlations of some words in the text itself, and directions that have just these correlations."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from bows.analysis.cooccurrence import Cooccurrence
from bows.analysis.cooccurrence_clusters import phi
from bows.paper.runs import Run


def text_correlations(run: Run, words: Sequence[str], split: str = "train") -> np.ndarray:
    """Return the phi coefficients of some words over a run's training windows, or those of another split, (n, n).

    Raises:
        NotMeasured: the vocabulary lacks a word.
        DataError: a word is in all windows or in none.
    """
    indices = run.indices(words)
    # Only the counts of these words are needed: with room for one row the others are never made.
    room = 8 * len(run.vocabulary)
    counts = Cooccurrence(run.data.windows(split).sparse_batches, len(run.vocabulary), room)
    return phi(counts.among(indices), counts.present.numpy()[indices], counts.windows)


def directions_of(correlations: np.ndarray) -> Tensor:
    """Return columns whose inner products are the correlations, by their symmetric square root: (n, n) float64.

    Principal components of such columns are those of the words' standardised presence over windows.
    """
    values, vectors = np.linalg.eigh(correlations)
    return torch.from_numpy((vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T)
