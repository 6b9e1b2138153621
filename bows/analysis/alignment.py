"""Compare the geometry G of the words' directions with the covariance C of the data."""

import math
from collections.abc import Iterator

import numpy as np
import torch
from scipy.stats import rankdata
from torch import Tensor

from bows.analysis.cooccurrence import Cooccurrence
from bows.analysis.directions import scatter
from bows.analysis.interference_energy import ROWS, couplings, fitting
from bows.analysis.permutation_null import frequency_deciles, permutations_within
from bows.analysis.principal_directions import principal_directions
from bows.analysis.rank_correlation import spearman
from bows.errors import SettingError

MANTEL_WORDS = 300  # words that the permutation tests rest on: 44,850 pairs, re-paired by every permutation
ROUNDING = 1e-12  # what float64 sums leave, as a share, of a matrix that centring takes away
TIED = 1e-9  # correlations closer than this count as equal
CHUNK = 50  # permutations at a time: 50 x 44,850 pairs are 18 MB


def alignment(
    encoder: Tensor, decoder: Tensor | None, cooccurrence: Cooccurrence, permutations: int, seed: int
) -> dict[str, float]:
    """Compute the alignment metrics: G = W^T W, or the symmetric part of M = D E, against the covariance C of the bags.

    - ``alignment/covariance_cosine``: sum over i != j of G_ij C_ij over the root of (sum of G_ij^2 times sum of C_ij^2), in
      [-1, 1].
    - ``alignment/cka``: <HGH, HCH> / (|HGH| |HCH|) (Frobenius), H = I - 11^T / V, in [-1, 1], and in [0, 1] where G has no
      negative eigenvalue, as tied: linear centred kernel alignment of the words' columns and the words' centred data
      columns. Source: Kornblith et al. 2019.
    - ``alignment/rsa``: Spearman's correlation of G_ij and C_ij over all pairs i < j, in [-1, 1]; see
      :func:`bows.analysis.rank_correlation.spearman`. Source: Kriegeskorte et al. 2008, representational similarity
      analysis.
    - ``alignment/rsa_p``: Mantel's test, one-sided (greater): (1 + number of permutations of C's words whose correlation is
      at least the one observed) / (1 + permutations), in (0, 1]. It rests on all words, or on 300 spread evenly over the
      frequency ranks (``alignment/rsa_words`` says how many), ranks taken among those. Source: Mantel 1967.
    - ``alignment/rsa_p_within_deciles``: the same where words are permuted only inside the deciles of frequency among
      them: a null that keeps what frequency alone explains.
    - ``alignment/pca_distance``: |M - P| / sqrt(m) (Frobenius), 0 or more: P the projector on the top m principal
      directions of C, which a linear autoencoder's optimum equals; M itself, not its symmetric part. Source: the paper
      (Prieto et al. 2026).

    Words with a zero column and words that never or always occur stay: their rows of G or C are zeros, which is defined. No
    metric depends on rotations of the latent space or the order of the words (the p values' draws do); scaling W changes the
    distance alone.

    Left out where not defined: cosine, CKA and RSA where G or C (off the diagonal, centred, in ranks) does not vary; the p
    values and ``rsa_words`` with RSA, or if permutations = 0; the distance where C has fewer than m dimensions, and for
    m >= V, where P would be the identity whatever the data.

    Args:
        encoder: (m, V).
        decoder: (V, m), or None for a tied model.
        cooccurrence: of the held-out windows.
        permutations: how many permutations each p value rests on, 0 or more.
        seed: of the words drawn, the permutations and the start of the search for principal directions.

    Raises:
        SettingError: permutations < 0.
        DataError: the weights are not of the windows' words, infinite or not numbers.
    """
    if permutations < 0:
        raise SettingError(f"permutations={permutations} of the alignment's p values: give 0 (none) or more")
    encoder, decoder = fitting(encoder, decoder, cooccurrence.words)
    metrics = similarities(encoder, decoder, cooccurrence)
    words = cooccurrence.words
    rank_correlation = spearman(lambda: _pairs(encoder, decoder, cooccurrence), words * (words - 1) // 2)
    if rank_correlation is not None:
        metrics["alignment/rsa"] = rank_correlation
        if permutations:
            metrics |= mantel(encoder, decoder, cooccurrence, permutations, seed)
    distance = pca_distance(encoder, decoder, cooccurrence, seed)
    if distance is not None:
        metrics["alignment/pca_distance"] = distance
    return metrics


def similarities(encoder: Tensor, decoder: Tensor | None, cooccurrence: Cooccurrence) -> dict[str, float]:
    """Compute ``alignment/covariance_cosine`` and ``alignment/cka``; see :func:`alignment`."""
    words = cooccurrence.words
    # Sums over all pairs of G G, G C and C C; the same on the diagonal; the sums of the rows of G and of C.
    whole, diagonal = np.zeros(3), np.zeros(3)
    rows = torch.zeros(2, words, dtype=torch.float64)
    for start, geometry, covariance in _upper(encoder, decoder, cooccurrence):
        count = len(geometry)
        for which, (left, right) in enumerate([(geometry, geometry), (geometry, covariance), (covariance, covariance)]):
            by_column = torch.linalg.vecdot(left, right, dim=0)
            whole[which] += by_column[:count].sum().item() + 2 * by_column[count:].sum().item()
            diagonal[which] += torch.dot(left.diagonal(), right.diagonal()).item()
        for which, matrix in enumerate((geometry, covariance)):
            rows[which, start : start + count] += matrix.sum(1)
            rows[which, start + count :] += matrix[:, count:].sum(0)
    metrics = {}
    off = whole - diagonal
    if off[0] > ROUNDING * whole[0] and off[2] > ROUNDING * whole[2]:
        metrics["alignment/covariance_cosine"] = _cosine(off)
    # |HGH|^2 = |G|^2 - 2 |G1|^2 / V + (1^T G 1)^2 / V^2, and so for the others.
    totals = rows.sum(1)
    centred = np.array(
        [
            product - 2 * torch.dot(rows[i], rows[j]).item() / words + (totals[i] * totals[j]).item() / words**2
            for product, (i, j) in zip(whole, [(0, 0), (0, 1), (1, 1)], strict=True)
        ]
    )
    if centred[0] > ROUNDING * whole[0] and centred[2] > ROUNDING * whole[2]:
        metrics["alignment/cka"] = _cosine(centred)
    return metrics


def mantel(
    encoder: Tensor, decoder: Tensor | None, cooccurrence: Cooccurrence, permutations: int, seed: int
) -> dict[str, float]:
    """Compute ``alignment/rsa_p``, ``.../rsa_p_within_deciles`` and ``.../rsa_words``; see :func:`alignment`."""
    generator = np.random.default_rng(seed)
    present = cooccurrence.present.numpy()
    chosen = spread_over_ranks(present, MANTEL_WORDS, generator)
    share = present[chosen] / cooccurrence.windows
    covariance = cooccurrence.among(chosen).double().numpy() / cooccurrence.windows - np.outer(share, share)
    some = torch.from_numpy(chosen)
    geometry = couplings(encoder[:, some], None if decoder is None else decoder[some], 0, len(chosen)).numpy()
    upper = np.triu_indices(len(chosen), 1)
    ranks = [_unit_ranks(matrix[upper].astype(np.float32)) for matrix in (geometry, covariance)]
    if ranks[0] is None or ranks[1] is None:
        return {}
    table = np.zeros_like(covariance)
    table[upper] = ranks[1]
    table += table.T
    observed = float(ranks[0] @ ranks[1])
    metrics = {"alignment/rsa_words": float(len(chosen))}
    for name, groups in (("rsa_p", np.zeros(len(chosen), int)), ("rsa_p_within_deciles", frequency_deciles(share))):
        orders = permutations_within(groups, permutations, generator)
        null = np.concatenate(
            [_permuted(table, ranks[0], upper, orders[i : i + CHUNK]) for i in range(0, permutations, CHUNK)]
        )
        metrics[f"alignment/{name}"] = float(1 + np.count_nonzero(null >= observed - TIED)) / (1 + permutations)
    return metrics


def spread_over_ranks(frequency: np.ndarray, most: int, generator: np.random.Generator) -> np.ndarray:
    """Return indices of at most ``most`` words, one drawn from each of ``most`` equal intervals of the frequency ranks.

    >>> spread_over_ranks(np.array([3, 1, 2]), 5, np.random.default_rng(0)).tolist()
    [0, 1, 2]
    """
    if len(frequency) <= most:
        return np.arange(len(frequency))
    edges = np.arange(most + 1) * len(frequency) // most
    return np.sort(np.argsort(frequency, kind="stable")[generator.integers(edges[:-1], edges[1:])])


def pca_distance(encoder: Tensor, decoder: Tensor | None, cooccurrence: Cooccurrence, seed: int) -> float | None:
    """Compute ``alignment/pca_distance`` or None; see :func:`alignment`. |M|^2 - 2 tr(M P) + m needs no V x V matrix."""
    latent, words = encoder.shape
    if latent >= words:
        return None
    directions = principal_directions(cooccurrence, latent, seed)
    if directions is None:
        return None
    back = encoder.T if decoder is None else decoder
    size = (scatter(back.T) * scatter(encoder)).sum().item()
    shared = ((directions.T @ back.double()) * (encoder.double() @ directions).T).sum().item()
    return math.sqrt(max(size - 2 * shared + latent, 0.0) / latent)


def _upper(encoder: Tensor, decoder: Tensor | None, cooccurrence: Cooccurrence) -> Iterator[tuple[int, Tensor, Tensor]]:
    """Yield rows of G and C from the first row's own column on, in float64: each pair once except in the diagonal squares."""
    for start, covariance in cooccurrence.covariance_blocks(ROWS):
        geometry = couplings(encoder, decoder, start, start + len(covariance))
        yield start, geometry.double(), covariance[:, start:]


def _pairs(encoder: Tensor, decoder: Tensor | None, cooccurrence: Cooccurrence) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield (G_ij, C_ij) of all i < j in float32, so that values equal up to rounding share a rank."""
    for _, *matrices in _upper(encoder, decoder, cooccurrence):
        count = len(matrices[0])
        above = torch.ones(count, count, dtype=torch.bool).triu_(1)
        first, second = (
            torch.cat([matrix[:, :count][above], matrix[:, count:].reshape(-1)]).float() for matrix in matrices
        )
        yield first, second


def _cosine(products: np.ndarray) -> float:
    """Return <a, b> / (|a| |b|) from (|a|^2, <a, b>, |b|^2)."""
    return float(np.clip(products[1] / math.sqrt(products[0]) / math.sqrt(products[2]), -1, 1))


def _unit_ranks(values: np.ndarray) -> np.ndarray | None:
    """Return the ranks, centred and of unit norm; None where the values do not vary."""
    ranks = rankdata(values)
    ranks -= ranks.mean()
    size = np.linalg.norm(ranks)
    return ranks / size if size > 0 else None


def _permuted(table: np.ndarray, ranks: np.ndarray, upper: tuple[np.ndarray, ...], orders: np.ndarray) -> np.ndarray:
    """Return the correlations under each of P orders (P, n) of the words of ``table`` (n, n): (P,)."""
    places = orders[:, upper[0]] * len(table) + orders[:, upper[1]]
    return table.ravel()[places] @ ranks
