"""Compare the geometry G of the words' directions with the covariance C of the data."""

import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence

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

MANTEL_WORDS = (100, 300)  # words of a block of the permutation tests, fewest and most
MANTEL_CELLS = 100_000  # cells of all blocks together, for small vocabularies: the time of a permutation grows faster than its cells
ROUNDING = 1e-12  # what float64 sums leave, as a share, of a matrix that centring takes away
TIED = 1e-9  # correlations closer than this count as equal
CHUNK = 50  # permutations at a time: 50 x 44,850 pairs are 18 MB

Blocks = Iterable[tuple[int, Tensor, Tensor]]
"""Of two symmetric V x V matrices: the first row's index, and rows of both from the first row's own column on, in float64."""


def alignment(
    encoder: Tensor,
    decoder: Tensor | None,
    cooccurrence: Cooccurrence,
    permutations: int,
    seed: int,
    half: Cooccurrence | None = None,
) -> dict[str, float]:
    """Compute the alignment metrics: G = W^T W, or the symmetric part of M = D E, against the covariance C of the bags.

    - ``alignment/covariance_cosine``: sum over i != j of G_ij C_ij over the root of (sum of G_ij^2 times sum of C_ij^2), in
      [-1, 1].
    - ``alignment/cka``: debiased linear centred kernel alignment, HSIC(G, C) / sqrt(HSIC(G, G) HSIC(C, C)), in [-1, 1], with
      HSIC(K, L) = (sum K_ij L_ij + sum K_ij sum L_ij / ((V-1) (V-2)) - 2 / (V-2) sum_i K_i. L_i.) / (V (V-3)), all sums over i != j, K_i.
      the row sums: the unbiased estimator without the diagonal, 0 in the mean for unrelated matrices. (With the diagonal, which both have,
      shuffled text gives 0.24.) Source: Song et al. 2012; Kornblith et al. 2019.
    - ``alignment/rsa``: Spearman's correlation of G_ij and C_ij over all pairs i < j, in [-1, 1]; see
      :func:`bows.analysis.rank_correlation.spearman`. Source: Kriegeskorte et al. 2008, representational similarity analysis.
    - ``alignment/rsa_p``: Mantel's test, one-sided (greater): (1 + number of permutations of C's words whose correlation is at least the
      one observed) / (1 + permutations), in (0, 1]. It rests on all words (``alignment/rsa_words``), cut into blocks of 100 to 300, the
      words of every B-th frequency rank: the statistic is the mean over the B blocks of the correlation within them, and words are permuted
      within blocks, so that no draw of words enters. Source: Mantel 1967.
    - ``alignment/rsa_p_within_deciles``: the same where words are permuted only inside the deciles of frequency among those of their block:
      a null that keeps what frequency alone explains.
    - ``alignment/rsa_ceiling``, ``alignment/cka_ceiling``: RSA and CKA of C on one half of the held-out windows with C on the other: its
      reliability r. A geometry equal to the true covariance reaches about sqrt(2 r / (1 + r)) (Spearman 1910; Brown 1910).
    - ``alignment/pca_distance``: |M - P| / sqrt(m) (Frobenius), 0 or more: P the projector on the top m principal directions of C, which a
      linear autoencoder's optimum equals; M itself, not its symmetric part. Source: the paper (Prieto et al. 2026).

    Words with a zero column and words that never or always occur stay: their rows of G or C are zeros, which is defined. No metric depends
    on rotations of the latent space or the order of the words (the p values' draws do); scaling W changes the distance alone.

    Left out where not defined: cosine, CKA and RSA where G or C (off the diagonal, centred, in ranks) does not vary; CKA of fewer than four
    words; the ceilings without `half`; the p values and ``rsa_words`` with RSA, or if permutations = 0; the distance where C has fewer than
    m dimensions, and for m >= V, where P would be the identity whatever the data.

    Args:
        encoder: (m, V).
        decoder: (V, m), or None for a tied model.
        cooccurrence: of the held-out windows.
        permutations: how many permutations each p value rests on, 0 or more.
        seed: of the permutations and the start of the search for principal directions.
        half: of one half of the held-out windows; None for no ceilings.

    Raises:
        SettingError: permutations < 0.
        DataError: the weights are not of the windows' words, infinite or not numbers.
    """
    if permutations < 0:
        raise SettingError(f"permutations={permutations} of the alignment's p values: give 0 (none) or more")
    encoder, decoder = fitting(encoder, decoder, cooccurrence.words)
    metrics = similarities(lambda: _upper(encoder, decoder, cooccurrence), cooccurrence.words)
    if "alignment/rsa" in metrics and permutations:
        metrics |= mantel(encoder, decoder, cooccurrence, permutations, seed)
    ceiling = {} if half is None else similarities(lambda: _halves(cooccurrence, half), cooccurrence.words)
    ceiling.pop("alignment/covariance_cosine", None)
    metrics |= {f"{name}_ceiling": value for name, value in ceiling.items()}
    distance = pca_distance(encoder, decoder, cooccurrence, seed)
    return metrics if distance is None else {**metrics, "alignment/pca_distance": distance}


def similarities(blocks: Callable[[], Blocks], words: int) -> dict[str, float]:
    """Compute ``alignment/covariance_cosine``, ``alignment/cka`` and ``alignment/rsa`` of two matrices; see :func:`alignment`.

    Args:
        blocks: each call streams the same two matrices anew; called once or twice, as :func:`spearman` needs them.
        words: V.
    """
    sums = _Sums(words)
    first_walk = sums.passing(blocks())
    walks = iter([first_walk, blocks()])
    rank_correlation = spearman(lambda: _pairs(next(walks)), words * (words - 1) // 2)
    deque(first_walk, maxlen=0)  # what is left of it where there are too few pairs for ranks
    products, rows, metrics = sums.products, sums.rows, {}
    if products[0] > 0 and products[2] > 0:
        metrics["alignment/covariance_cosine"] = _cosine(products)
    if words > 3:
        totals = rows.sum(1)
        hsic = products + np.array(
            [
                ((totals[i] * totals[j]) / (words - 1) - 2 * torch.dot(rows[i], rows[j])).item() / (words - 2)
                for i, j in _Sums.PAIRS
            ]
        )
        if hsic[0] > ROUNDING * products[0] and hsic[2] > ROUNDING * products[2]:
            metrics["alignment/cka"] = _cosine(hsic)
    return metrics if rank_correlation is None else {**metrics, "alignment/rsa": rank_correlation}


class _Sums:
    """Sums over i != j of K K, K L and L L, and the row sums of K and of L without the diagonal, of streamed symmetric K and L."""

    PAIRS = ((0, 0), (0, 1), (1, 1))

    def __init__(self, words: int):
        self.products = np.zeros(3)
        self.rows = torch.zeros(2, words, dtype=torch.float64)

    def passing(self, blocks: Blocks) -> Iterator[tuple[int, Tensor, Tensor]]:
        """Yield the blocks while summing them."""
        for start, *matrices in blocks:
            count = len(matrices[0])
            for which, (i, j) in enumerate(self.PAIRS):
                by_column = torch.linalg.vecdot(matrices[i], matrices[j], dim=0)
                self.products[which] += by_column[:count].sum().item() + 2 * by_column[count:].sum().item()
                self.products[which] -= torch.dot(matrices[i].diagonal(), matrices[j].diagonal()).item()
            for which, matrix in enumerate(matrices):
                self.rows[which, start : start + count] += matrix.sum(1) - matrix.diagonal()
                self.rows[which, start + count :] += matrix[:, count:].sum(0)
            yield start, matrices[0], matrices[1]


def mantel(
    encoder: Tensor, decoder: Tensor | None, cooccurrence: Cooccurrence, permutations: int, seed: int
) -> dict[str, float]:
    """Compute ``alignment/rsa_p``, ``.../rsa_p_within_deciles`` and ``.../rsa_words``; see :func:`alignment`."""
    generator, names = np.random.default_rng(seed), ("rsa_p", "rsa_p_within_deciles")
    blocks = blocks_of_ranks(cooccurrence.present.numpy())
    observed, null, words = [], {name: np.zeros(permutations) for name in names}, 0
    for chosen, covariance in zip(blocks, _covariances(cooccurrence, blocks), strict=True):
        some, share = torch.from_numpy(chosen), cooccurrence.present.numpy()[chosen]
        geometry = couplings(encoder[:, some], None if decoder is None else decoder[some], 0, len(chosen)).numpy()
        upper = np.triu_indices(len(chosen), 1)
        ranks = [_unit_ranks(matrix[upper].astype(np.float32)) for matrix in (geometry, covariance)]
        if ranks[0] is None or ranks[1] is None:
            continue
        words += len(chosen)
        table = np.zeros_like(covariance)
        table[upper] = ranks[1]
        table += table.T
        observed.append(float(ranks[0] @ ranks[1]))
        for name, groups in zip(names, (np.zeros(len(chosen), int), frequency_deciles(share)), strict=True):
            orders = permutations_within(groups, permutations, generator)
            for start in range(0, permutations, CHUNK):
                part = slice(start, start + CHUNK)
                null[name][part] += _permuted(table, ranks[0], upper, orders[part])
    if not observed:
        return {}
    at_least = {name: np.count_nonzero(sums >= sum(observed) - TIED * len(observed)) for name, sums in null.items()}
    p = {f"alignment/{name}": float(1 + count) / (1 + permutations) for name, count in at_least.items()}
    return {"alignment/rsa_words": float(words), **p}


def blocks_of_ranks(frequency: np.ndarray) -> list[np.ndarray]:
    """Return blocks of word indices: block b of B has the words of the frequency ranks b, b + B, b + 2 B, ..., in index order.

    >>> [block.tolist() for block in blocks_of_ranks(np.array([3, 1, 2]))]
    [[0, 1, 2]]
    """
    size = int(np.clip(MANTEL_CELLS // max(len(frequency), 1), *MANTEL_WORDS))
    count, order = -(-len(frequency) // size), np.argsort(frequency, kind="stable")
    return [np.sort(order[start::count]) for start in range(count)]


def _covariances(cooccurrence: Cooccurrence, blocks: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Return the covariance within each block of words (n,): (n, n) each, by one walk over the counts."""
    share = (cooccurrence.present / cooccurrence.windows).numpy()
    found = [-np.outer(share[block], share[block]) for block in blocks]
    for start, counts in cooccurrence.blocks():
        for block, covariance in zip(blocks, found, strict=True):
            low, high = np.searchsorted(block, [start, start + len(counts)])
            here = counts[torch.from_numpy(block[low:high] - start)][:, torch.from_numpy(block)]
            covariance[low:high] += here.double().numpy() / cooccurrence.windows
    return found


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


def _upper(encoder: Tensor, decoder: Tensor | None, cooccurrence: Cooccurrence) -> Blocks:
    """Yield G and C: each pair once except in the diagonal squares."""
    for start, covariance in cooccurrence.covariance_blocks(ROWS):
        geometry = couplings(encoder, decoder, start, start + len(covariance))
        yield start, geometry.double(), covariance[:, start:]


def _halves(whole: Cooccurrence, half: Cooccurrence) -> Blocks:
    """Yield C on one half of the windows and on the other, whose counts are those of the whole less those of the half."""
    windows, present = whole.windows - half.windows, whole.present - half.present
    for (start, of_whole), (_, of_half) in zip(whole.blocks(ROWS), half.blocks(ROWS), strict=True):
        one, other = of_half[:, start:].double(), of_whole[:, start:].double() - of_half[:, start:]
        pair = []
        for counts, single, count in ((one, half.present, half.windows), (other, present, windows)):
            share = single / count
            pair.append(counts.div_(count).addr_(share[start : start + len(counts)], share[start:], alpha=-1))
        yield start, pair[0], pair[1]


def _pairs(blocks: Blocks) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield the entries i < j of two matrices in float32, so that values equal up to rounding share a rank."""
    for _, *matrices in blocks:
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
