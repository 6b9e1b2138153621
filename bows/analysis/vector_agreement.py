"""Compare two sets of vectors of the same words with word frequency controlled: how much of one geometry does the other have?

Words are cut into strata of consecutive frequency ranks, at most 300 words each. Everything is computed within strata, so that what
frequency alone explains does not count: cosines between words of unlike frequency never enter.

- ``rsa``: Pearson's correlation of the ranks of the cosines of all pairs within a stratum, the ranks centred per stratum and pooled over
  strata: a partial rank correlation, in [-1, 1]. Source: Kriegeskorte et al. 2008.
- ``cka``: debiased linear centred kernel alignment of the unit directions within strata: sum of A o B over the root of (sum of A o A times
  sum of B o B), A and B the U-centred cosine matrices of each stratum; 0 in the mean for unrelated vectors. U-centred inner products are
  the unbiased HSIC (Song et al. 2012) but for a constant. Sources: Székely & Rizzo 2014; Kornblith et al. 2019.
- ``neighbours``: mean share of a word's 10 nearest of its stratum, by cosine, that the two have in common, in [0, 1].
- ``eigenspace_<k>``: g(k) = |U_k^T V_k|_F^2 / k in [0, 1], U_k and V_k the top k left singular vectors (words x k) of the unit directions
  minus the mean of their stratum; 1 where they span the same space.
"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import torch
from scipy.linalg import subspace_angles
from scipy.stats import rankdata

from bows.analysis.permutation_null import against_null, frequency_deciles, permutations_within
from bows.analysis.ring import ring_coordinates

STRATUM = 300  # words
NEAREST = 10
EIGENSPACES = (5, 20, 50, 100)
FEWEST = 20  # words: ten in a half
Z = 1.959964  # of a two-sided 95 % interval

Kernels = dict[str, list[np.ndarray]]
"""Name -> a matrix (n, n) per stratum."""


def strata_of(frequency: np.ndarray) -> np.ndarray:
    """Return the stratum of each word, of consecutive frequency ranks: (V,) int64.

    >>> strata_of(np.array([0.1, 0.4, 0.2])).tolist()
    [0, 0, 0]
    """
    return frequency_deciles(frequency, -(-len(frequency) // STRATUM))


def agreement(
    first: np.ndarray, second: np.ndarray, frequency: np.ndarray, permutations: int, halves: int, seed: int
) -> dict[str, dict[str, float]]:
    """Compute every measure of this module with its null and interval.

    The null permutes the words of one within strata. The 95 % interval is the value ± 1.96 standard errors from the delete-half jackknife:
    the standard deviation of the measure over random halves of the words of every stratum. (A bootstrap repeats words, whose copies are
    alike in both, and so raises each of these measures.) Source: Shao & Wu 1989.

    Args:
        first: (V, m), no row zero.
        second: (V, m'), the same words.
        frequency: (V,), any unit.
        permutations: Of the null; 0 for none.
        halves: Of the jackknife; fewer than two for no intervals.
        seed: Of both.

    Returns:
        Measure -> ``value``, ``low``, ``high``, ``null`` (its mean), ``z``, ``p`` (one-sided).
    """
    generator, strata = np.random.default_rng(seed), strata_of(frequency)
    first, second = _unit(first), _unit(second)
    sizes = [k for k in EIGENSPACES if k <= min(first.shape[1], second.shape[1], len(first) // 4)]
    found = measures(first, second, strata, sizes)
    null = {name: np.zeros(permutations) for name in found}
    kernels = kernels_of(first, strata), kernels_of(second, strata)
    spaces = [_space(each, strata, max(sizes, default=0)) for each in (first, second)]
    for place, order in enumerate(permutations_within(strata, permutations, generator)):
        for name, value in _correlations(kernels[0], _permuted(kernels[1], strata, order)).items():
            null[name][place] = value
        for k in sizes:
            null[f"eigenspace_{k}"][place] = _overlap(spaces[0][:, :k], spaces[1][order, :k])
    over: dict[str, list[float]] = {name: [] for name in found}
    for chosen in _halves(strata, halves, generator):
        for name, value in measures(first[chosen], second[chosen], strata[chosen], sizes).items():
            over[name].append(value)
    result = {}
    for name, value in found.items():
        scored = against_null("value", value, null[name])
        result[name] = {key.removeprefix("value_"): each for key, each in scored.items()}
        if len(over[name]) > 1:
            error = float(np.std(over[name], ddof=1))
            result[name] |= {"low": value - Z * error, "high": value + Z * error}
    return result


def measures(first: np.ndarray, second: np.ndarray, strata: np.ndarray, sizes: Sequence[int]) -> dict[str, float]:
    """Compute ``rsa``, ``cka``, ``neighbours`` and ``eigenspace_<k>``, k in `sizes`, of unit vectors (V, m) and (V, m')."""
    found = _correlations(kernels_of(first, strata), kernels_of(second, strata))
    spaces = [_space(each, strata, max(sizes, default=0)) for each in (first, second)]
    for k in sizes:
        found[f"eigenspace_{k}"] = _overlap(spaces[0][:, :k], spaces[1][:, :k])
    return found


def kernels_of(unit: np.ndarray, strata: np.ndarray) -> Kernels:
    """Return the matrices, of each stratum, whose correlation with those of another model each measure is."""
    found: Kernels = {"rsa": [], "cka": [], "neighbours": []}
    for members in _members(strata):
        cosines = unit[members] @ unit[members].T
        upper = np.triu_indices(len(members), 1)
        ranks = np.zeros_like(cosines)
        ranks[upper] = rankdata(cosines[upper].astype(np.float32))
        ranks[upper] -= ranks[upper].mean()
        found["rsa"].append(ranks + ranks.T)
        found["cka"].append(u_centred(cosines))
        np.fill_diagonal(cosines, -np.inf)
        nearest, count = np.zeros_like(cosines), min(NEAREST, len(members) - 1)
        np.put_along_axis(nearest, np.argpartition(-cosines, count - 1, axis=1)[:, :count], 1.0, axis=1)
        found["neighbours"].append(nearest)
    return found


def u_centred(kernel: np.ndarray) -> np.ndarray:
    """Return the U-centred kernel (n, n), n > 3: rows and columns sum to 0 without the diagonal, which is 0 (Székely & Rizzo 2014).

    >>> sums = u_centred(np.arange(16.0).reshape(4, 4) * np.arange(16.0).reshape(4, 4).T).sum(0)
    >>> bool(np.abs(sums).max() < 1e-9)
    True
    """
    count, kernel = len(kernel), kernel.copy()
    np.fill_diagonal(kernel, 0.0)
    sums = kernel.sum(0)
    kernel -= (sums[:, None] + sums) / (count - 2) - sums.sum() / ((count - 1) * (count - 2))
    np.fill_diagonal(kernel, 0.0)
    return kernel


def set_agreement(first: np.ndarray, second: np.ndarray, permutations: int, seed: int) -> dict[str, float]:
    """Compare the best planes of an ordered set of n words in two models.

    Returns ``angle``, the largest principal angle in degrees, in [0, 90], between the spans in R^n of the words' two coordinates in each
    plane (0 where the words lie alike up to a linear map), and its ``p``: (1 + number of random orders of the words of one with an angle
    at most as large) / (1 + permutations). Empty where one has no plane. Source of the angle: Björck & Golub 1973.

    Args:
        first: (n, m) directions of the words in their order.
        second: (n, m').
        permutations: Random orders; 0 for no p.
        seed: Of these.
    """
    places = range(len(first))
    planes = [ring_coordinates(torch.from_numpy(np.ascontiguousarray(each.T)), places) for each in (first, second)]
    if planes[0] is None or planes[1] is None:
        return {}
    angle = _angle(planes[0], planes[1])
    if not permutations:
        return {"angle": angle}
    generator = np.random.default_rng(seed)
    drawn = [_angle(planes[0], planes[1][generator.permutation(len(first))]) for _ in range(permutations)]
    return {"angle": angle, "p": (1 + sum(each <= angle + 1e-9 for each in drawn)) / (1 + permutations)}


def _angle(first: np.ndarray, second: np.ndarray) -> float:
    return float(np.degrees(subspace_angles(first, second).max()))


def _unit(vectors: np.ndarray) -> np.ndarray:
    vectors = vectors.astype(np.float64)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def _members(strata: np.ndarray) -> list[np.ndarray]:
    return [np.flatnonzero(strata == each) for each in np.unique(strata)]


def _space(unit: np.ndarray, strata: np.ndarray, count: int) -> np.ndarray:
    """Return the top left singular vectors (V, k), the largest first, of the directions minus the mean of their stratum."""
    centred = unit.copy()
    for members in _members(strata):
        centred[members] -= centred[members].mean(0)
    values, vectors = np.linalg.eigh(centred.T @ centred)
    top = slice(None, -count - 1, -1)
    return centred @ vectors[:, top] / np.sqrt(values[top].clip(1e-12))


def _overlap(left: np.ndarray, right: np.ndarray) -> float:
    return float(np.square(left.T @ right).sum() / left.shape[1])


def _correlations(
    first: Mapping[str, Sequence[np.ndarray]], second: Mapping[str, Sequence[np.ndarray]]
) -> dict[str, float]:
    """Return, by name, sum of A o B over the root of (sum of A o A times sum of B o B), over all strata; 0 where one does not vary."""
    found = {}
    for name, matrices in first.items():
        products = np.zeros(3)
        for one, other in zip(matrices, second[name], strict=True):
            products += np.vdot(one, one), np.vdot(one, other), np.vdot(other, other)
        size = np.sqrt(products[0] * products[2])
        found[name] = float(products[1] / size) if size > 0 else 0.0
    return found


def _permuted(kernels: Kernels, strata: np.ndarray, order: np.ndarray) -> Kernels:
    """Return the kernels with words in another order, which keeps each in its stratum."""
    place = np.zeros(len(strata), np.int64)
    members = _members(strata)
    for each in members:
        place[each] = np.arange(len(each))
    orders = [place[order[each]] for each in members]
    return {
        name: [matrix[np.ix_(new, new)] for matrix, new in zip(matrices, orders, strict=True)]
        for name, matrices in kernels.items()
    }


def _halves(strata: np.ndarray, count: int, generator: np.random.Generator) -> Iterator[np.ndarray]:
    """Yield random halves of the words of every stratum, as word indices."""
    for _ in range(count):
        yield np.sort(np.concatenate([generator.permutation(each)[: len(each) // 2] for each in _members(strata)]))
