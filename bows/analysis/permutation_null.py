"""Permutation nulls for metrics of labelled words: labels permuted among words of like frequency."""

import numpy as np

ROUNDING = 1e-6  # a score from float32 products is known to about this: closer scores count as equal


def frequency_deciles(frequency: np.ndarray, count: int = 10) -> np.ndarray:
    """Return groups of about equally frequent words: (n,) int64, 0 the rarest, ``count`` - 1 the most frequent.

    The word of rank r (from 0, by rising frequency; equal frequencies in index order) is in group floor(r count / n), so
    that group sizes differ by at most one.

    Args:
        frequency: (n,), any unit.
        count: how many groups, 1 or more; with fewer words than that, each has a group of its own.

    Raises:
        ValueError: count < 1, or frequencies that are not a vector.

    >>> frequency_deciles(np.array([0.5, 0.1, 0.3, 0.2]), count=2).tolist()
    [1, 0, 1, 0]
    """
    frequency = np.asarray(frequency)
    if count < 1 or frequency.ndim != 1:
        raise ValueError(f"groups={count} of frequencies {frequency.shape}: one group or more, of a vector")
    groups = np.empty(len(frequency), dtype=np.int64)
    groups[np.argsort(frequency, kind="stable")] = np.arange(len(frequency)) * count // max(len(frequency), 1)
    return groups


def permutations_within(groups: np.ndarray, permutations: int, generator: np.random.Generator) -> np.ndarray:
    """Return random permutations that keep every position in its group: (P, n) int64 positions.

    ``labels[result]`` (P, n) holds P times the labels, each permuted uniformly among the words of a group.

    Args:
        groups: (n,), the group of each position; any integers.
        permutations: P, 0 or more.
        generator: what draws them.

    >>> drawn = permutations_within(np.array([0, 1, 0]), 4, np.random.default_rng(0))
    >>> drawn[:, 1].tolist(), sorted(drawn[0, [0, 2]].tolist())
    ([1, 1, 1, 1], [0, 2])
    """
    groups = np.asarray(groups)
    result = np.empty((permutations, len(groups)), dtype=np.int64)
    for group in np.unique(groups):
        members = np.flatnonzero(groups == group)
        result[:, members] = generator.permuted(np.tile(members, (permutations, 1)), axis=1)
    return result


def against_null(name: str, observed: float, null: np.ndarray) -> dict[str, float]:
    """Compare a score with its permutation null.

    - ``<name>``: the score observed.
    - ``<name>_null``: mean of the null.
    - ``<name>_z``: (observed - mean) / sd, sd the standard deviation of the null (P - 1 in the denominator).
    - ``<name>_p``: (1 + number of null scores of at least the one observed) / (1 + P), in (0, 1].

    Left out where not defined: all but the first if P = 0; the z score if P = 1 or the null does not vary. Scores within
    1e-6 of each other count as equal.

    Args:
        name: The metric name of the score.
        observed: the score.
        null: (P,), the same score under P permutations.

    >>> against_null("a", 2.0, np.array([0.0, 1.0, 2.0]))
    {'a': 2.0, 'a_null': 1.0, 'a_p': 0.5, 'a_z': 1.0}
    """
    scores = {name: float(observed)}
    if len(null):
        scores[f"{name}_null"] = float(null.mean())
        scores[f"{name}_p"] = float(1 + np.count_nonzero(null >= observed - ROUNDING)) / (1 + len(null))
    if len(null) > 1 and (deviation := null.std(ddof=1)) > ROUNDING:
        scores[f"{name}_z"] = float((observed - null.mean()) / deviation)
    return scores
