"""Compare clusters of words by cosine with their clusters by phi coefficient."""

import warnings

import numpy as np
import torch
from torch import Tensor

from bows.analysis.directions import directions
from bows.analysis.permutation_null import against_null, frequency_deciles, permutations_within
from bows.errors import DataError, SettingError


def phi(counts: np.ndarray | Tensor, present: np.ndarray | Tensor, windows: int) -> np.ndarray:
    """Return the phi coefficients of n words, the Pearson correlations of their presence: (n, n) float64 in [-1, 1].

    phi_ij = (N n_ij - n_i n_j) / sqrt(n_i (N - n_i) n_j (N - n_j)); the diagonal is 1. Source: Yule 1912.

    Args:
        counts: (n, n), n_ij: in how many windows words i and j are both present; the diagonal is not read.
        present: (n,), n_i: in how many windows word i is present.
        windows: N, how many windows there are.

    Raises:
        DataError: a word present in no window or in all of them has no correlation with any other.
        ValueError: counts that are not one a pair of words.

    >>> phi(np.array([[2, 2, 0], [2, 2, 0], [0, 0, 2]]), np.array([2, 2, 2]), 4).tolist()
    [[1.0, 1.0, -1.0], [1.0, 1.0, -1.0], [-1.0, -1.0, 1.0]]
    """
    together = torch.as_tensor(counts).cpu().numpy().astype(np.float64)
    single = torch.as_tensor(present).cpu().numpy().astype(np.float64)
    if single.ndim != 1 or together.shape != (len(single), len(single)):
        raise ValueError(f"counts {together.shape} do not fit the presences {single.shape}")
    constant = np.count_nonzero((single <= 0) | (single >= windows))
    if constant:
        raise DataError(f"{constant} of {len(single)} words are in none or in all of {windows} windows; leave them out")
    # Divided by the windows first: the product of four counts would leave float64's exact range.
    share = single / windows
    deviation = np.sqrt(share * (1 - share))
    result = (together / windows - np.outer(share, share)) / np.outer(deviation, deviation)
    np.fill_diagonal(result, 1.0)
    return np.clip(result, -1.0, 1.0)


def cooccurrence_ami(
    encoder: Tensor, phi: np.ndarray, clusters: int, frequency: np.ndarray | Tensor, permutations: int, seed: int
) -> dict[str, float]:
    """Compute how far clusters of words in the weights agree with clusters in the text.

    The n words are clustered twice by spectral clustering into ``clusters`` groups: with the positive part of the cosines
    u_i . u_j as affinity, and with the positive part of phi.

    - ``cluster/cooccurrence_ami``: adjusted mutual information of the two clusterings, 1 if they are the same, about 0 if
      unrelated, at worst a little below. Source: Vinh et al. 2010; Li et al. 2025.
    - ``..._null``, ``..._z``, ``..._p``: against one clustering's labels permuted inside frequency deciles; see
      :func:`bows.analysis.permutation_null.against_null`.

    Left out where not defined: all if a clustering ends with a single group; the last three if permutations = 0.

    Args:
        encoder: (m, n) columns of the words to cluster, of any length.
        phi: (n, n) of the same words, as from :func:`phi`.
        clusters: how many groups, from 2 to n - 1.
        frequency: (n,), how often each word occurs, in any unit.
        permutations: how many permutations the null rests on, 0 or more.
        seed: of the permutations and of the clusterings.

    Raises:
        SettingError: permutations < 0, or clusters out of its range.
        DataError: a word whose column is zero has no direction.
        ValueError: phi or frequencies that do not fit the words.
    """
    words = encoder.shape[1]
    frequencies = torch.as_tensor(frequency).cpu().numpy()
    if permutations < 0:
        raise SettingError(f"permutations={permutations}: the number of permutations must be 0 or more")
    if not 2 <= clusters < words:
        raise SettingError(f"clusters={clusters}: {words} words can be put into 2 to {words - 1} clusters")
    if phi.shape != (words, words) or frequencies.shape != (words,):
        raise ValueError(f"phi {phi.shape} and frequencies {frequencies.shape} do not fit {words} words")
    # Imported here and below: scikit-learn imports pandas, and both take a second that runs without these clusters save.
    from sklearn.metrics import adjusted_mutual_info_score
    from sklearn.metrics.cluster import contingency_matrix, expected_mutual_information

    unit = directions(encoder).unit.double()
    if unit.shape[1] < words:
        raise DataError(f"{words - unit.shape[1]} of {words} words have a zero column and no direction; leave them out")
    by_cosine = _spectral((unit.T @ unit).cpu().numpy(), clusters, seed)
    by_phi = _spectral(phi, clusters, seed)
    sizes = [np.unique(labels, return_counts=True)[1] for labels in (by_cosine, by_phi)]
    if min(map(len, sizes)) < 2:
        return {}
    drawn = permutations_within(frequency_deciles(frequencies), permutations, np.random.default_rng(seed))
    # The margins stay under permutation, and with them all of AMI = (MI - E MI) / (mean H - E MI) but the MI.
    entropy = np.mean([_entropy(size, words) for size in sizes])
    expected = expected_mutual_information(contingency_matrix(by_cosine, by_phi, sparse=True), words)
    null = (mutual_information(by_cosine, by_phi[drawn]) - expected) / (entropy - expected)
    return against_null("cluster/cooccurrence_ami", float(adjusted_mutual_info_score(by_cosine, by_phi)), null)


def mutual_information(one: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return the mutual information, in nats, of a clustering (n,) with each of P clusterings (P, n) of the same sizes: (P,).

    MI = (sum n_ij log n_ij - sum n_i log n_i - sum n_j log n_j) / n + log n with n_ij the contingency table.
    """
    permutations, words = others.shape
    rows, columns = int(one.max()) + 1, int(others.max(initial=0)) + 1
    cells = (np.arange(permutations)[:, None] * rows + one) * columns + others
    table = np.bincount(cells.ravel(), minlength=permutations * rows * columns).reshape(permutations, rows, columns)
    joint = _entropy(table.reshape(permutations, rows * columns), words)
    return _entropy(table.sum(2), words) + _entropy(table.sum(1), words) - joint


def _entropy(sizes: np.ndarray, words: int) -> np.ndarray:
    """Return the entropy in nats of the shares sizes (..., C) / words: (...)."""
    # n log n of every count there may be, looked up: a logarithm a cell takes longer than all else.
    terms = np.arange(words + 1, dtype=np.float64)
    terms[1:] *= np.log(terms[1:])
    return np.asarray(np.log(words) - terms[sizes].sum(-1) / words)


def _spectral(similarity: np.ndarray, clusters: int, seed: int) -> np.ndarray:
    """Return labels (n,) of a spectral clustering with the positive part of ``similarity`` (n, n) as affinity."""
    from sklearn.cluster import spectral_clustering

    with warnings.catch_warnings():
        # Words without a positive similarity to any other are clusters of their own right, not a fault to warn of.
        warnings.filterwarnings("ignore", message="Graph is not fully connected", category=UserWarning)
        labels = spectral_clustering(np.maximum(similarity, 0.0), n_clusters=clusters, random_state=seed)
    return np.asarray(labels)
