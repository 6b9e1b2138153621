"""Find the words most associated with a set of words in the text: by the largest phi coefficient with a word of the set."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from bows.errors import DataError


class Companions(NamedTuple):
    """The words most associated with a set."""

    indices: np.ndarray
    """(count,) int64, the closest first; none is of the set."""
    association: np.ma.MaskedArray
    """(V,) in [-1, 1]: each word's largest phi with a word of the set; masked for words of the set and for words that never vary."""
    frequency: np.ndarray
    """(V,) share of the windows that hold the word."""


class Associations(NamedTuple):
    """Phi coefficients of some words with all words of a vocabulary."""

    rows: dict[int, int]
    """Word -> its row of `phi`."""
    phi: np.ma.MaskedArray
    """(n, V) in [-1, 1]; masked where one of the two words never varies."""
    frequency: np.ndarray
    """(V,) share of the windows that contain the word."""


def associations(batches: Iterable[Tensor], words: Sequence[int]) -> Associations:
    """Return the phi coefficients of some words with all words: the Pearson correlations of their presence over windows (Yule 1912).

    Args:
        batches: bags (batch, V) of zeros and ones, of training windows only, so that what is then evaluated on held-out ones had no part in
            the choice.
        words: n different word indices.

    Raises:
        DataError: there is no window.
    """
    chosen = [int(word) for word in words]
    present: Tensor | None = None
    together = torch.zeros(0)
    windows = 0
    for bags in batches:
        bags = bags.float()
        if present is None:
            present = torch.zeros(bags.shape[1], dtype=torch.float64)
            together = torch.zeros(len(chosen), bags.shape[1], dtype=torch.float64)
        # A batch's counts are whole numbers far below 2^24, which float32 represents exactly.
        present += bags.sum(0).double().cpu()
        together += (bags[:, chosen].T @ bags).double().cpu()
        windows += len(bags)
    if present is None:
        raise DataError("there is no window to find companions in")
    share = present.numpy() / windows
    own = share[chosen]
    scale = np.sqrt(np.outer(own * (1 - own), share * (1 - share)))
    covariance = together.numpy() / windows - np.outer(own, share)
    phi = np.ma.masked_array(covariance / np.where(scale > 0, scale, 1.0), mask=scale <= 0)
    return Associations({word: row for row, word in enumerate(chosen)}, phi, share)


def companions(found: Associations, words: Sequence[int], count: int) -> Companions:
    """Return the words outside a set that are most associated with it.

    A word's association is the largest of its phi coefficients with the words of the set, not their mean: a word of one season goes
    with its months and not with the others, so that a mean over the year would leave nothing of it. Equal associations
    are in index order.

    Args:
        found: of all words of the set.
        words: n different word indices, the set.
        count: how many companions.

    Raises:
        DataError: no word of the set varies over the windows, or fewer than `count` others do.
    """
    phi = found.phi[[found.rows[int(word)] for word in words]]
    association = np.ma.masked_array(np.ma.filled(phi.max(axis=0), 0.0), mask=np.ma.getmaskarray(phi).all(axis=0))
    association = np.ma.clip(association, -1.0, 1.0)
    association[list(words)] = np.ma.masked
    if association.count() < count:
        raise DataError(
            f"only {association.count()} words outside of the set vary over the training windows, too few for {count} companions; "
            "use a run on more text, with a larger data.vocab_size"
        )
    ranked = np.argsort(-association.filled(-np.inf), kind="stable")
    return Companions(ranked[:count], association, found.frequency)
