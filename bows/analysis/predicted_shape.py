"""Predict the shape of an ordered set of words from their co-occurrence alone, before any training."""

import numpy as np
import torch

from bows.analysis.ring import ring


def fourier_amplitudes(block: np.ndarray) -> np.ndarray:
    """Return the eigenvalues of the circulant mean of a symmetric block, by frequency: (n // 2 + 1,), frequency 0 first.

    Each entry of the circulant mean is the mean of the entries as far apart around the ring. Entries on the diagonal, in which a word is
    compared with itself, are not known from pairs: all are replaced by one number, with which the smallest amplitude is 0. It is the least
    with which the circulant mean is a Gram matrix. Frequencies between 0 and n/2 each have two eigenvectors, a plane of cosine and sine.

    Source: Karkada et al. 2026 (Fourier modes of translation-symmetric co-occurrence).

    >>> steps = 2 * np.pi * np.arange(5) / 5
    >>> fourier_amplitudes(np.cos(steps[:, None] - steps)).round(3).tolist()
    [0.0, 2.5, 0.0]
    """
    count = len(block)
    apart = (np.arange(count) - np.arange(count)[:, None]) % count
    means = np.bincount(apart.ravel(), weights=block.ravel()) / count
    means[0] = 0.0
    amplitudes = np.fft.rfft((means + means[-np.arange(count)]) / 2).real
    return amplitudes - amplitudes.min()


def predicted_planarity(block: np.ndarray) -> float | None:
    """Return the share of variance, around the mean, that the circulant mean of a block has in its best plane: in (0, 1].

    The two largest of the amplitudes of :func:`fourier_amplitudes` over frequencies from 1, each counted as often as it has eigenvectors,
    over the sum of all. To compare with ``ring/<set>/planarity``. None where all amplitudes are equal.
    """
    amplitudes = np.sort(_around_mean(block))
    return float(amplitudes[-2:].sum() / amplitudes.sum()) if amplitudes.sum() > 0 else None


def first_frequency_share(block: np.ndarray) -> float | None:
    """Return the share of variance around the mean at frequency 1, one turn around the ring: in [0, 1].

    Equal to :func:`predicted_planarity` where frequency 1 has the largest amplitude; lower where the best plane is another. None as there.
    """
    amplitudes = _around_mean(block)
    return float(amplitudes[:2].sum() / amplitudes.sum()) if amplitudes.sum() > 0 else None


def _around_mean(block: np.ndarray) -> np.ndarray:
    """Return the amplitudes of the frequencies from 1, each as often as it has eigenvectors: (n - 1,), frequency 1 first."""
    return fourier_amplitudes(block)[1:].repeat(2)[: len(block) - 1]


def predicted_order(block: np.ndarray, permutations: int = 1000, seed: int = 0) -> dict[str, float]:
    """Return the scores of :func:`bows.analysis.ring.ring` of the directions whose Gram matrix is the block, without its circulant mean.

    The diagonal is replaced by one number, the least with which the block is a Gram matrix. Order is thus predicted, not assumed.

    Args:
        block: (n, n), symmetric: associations of n words in their known order, such as M* or a covariance.
        permutations: random orders for each p value.
        seed: of these.
    """
    gram = block.astype(np.float64)
    np.fill_diagonal(gram, 0.0)
    values, vectors = np.linalg.eigh(gram)
    columns = np.sqrt(values - values[0])[:, None] * vectors.T
    return ring(torch.from_numpy(columns), None, range(len(block)), permutations, seed)


def predicted_shape(block: np.ndarray, permutations: int = 1000, seed: int = 0) -> dict[str, float]:
    """Return the metrics ``prediction/<set>/...`` of a block of associations of n >= 3 words in their known order.

    - ``first_frequency``: see :func:`first_frequency_share`; ``planarity``: see :func:`predicted_planarity`. Both assume the known order.
    - ``order``, ``order_p``: see :func:`predicted_order`, which does not.

    Left out where not defined: where the circulant mean has equal amplitudes, or the directions no plane.

    Args:
        block: (n, n), symmetric.
        permutations: Random orders for the p value; 0 for none.
        seed: Of these.
    """
    order = predicted_order(block, permutations, seed)
    found = {
        "first_frequency": first_frequency_share(block),
        "planarity": predicted_planarity(block),
        **{name: order.get(name) for name in ("order", "order_p")},
    }
    return {name: value for name, value in found.items() if value is not None}
