"""How does structure fade as m grows?"""

from collections.abc import Mapping, Sequence

import numpy as np
from scipy.stats import spearmanr

from bows.paper.claims import Measured
from bows.paper.months import no_set
from bows.paper.runs import Run
from bows.paper.seeds import not_measured
from bows.paper.word_lists import MONTHS

NUMERALS = ("II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X")
LEAST_SIZES = 4
LEAST_NUMERALS = 6
ORTHOGONAL = 0.1  # the cosine below which regimes, too, take words for orthogonal


def measure(runs: Sequence[Run]) -> dict[str, Measured]:
    """The values of the claims on structure against m."""
    sizes = len({run.settings["latent"] for run in runs})
    if sizes < LEAST_SIZES:
        return dict.fromkeys(
            ("norm", "norm_free", "months_first"), not_measured(f"{sizes} latent sizes, {LEAST_SIZES} are needed")
        )
    return {
        "norm": _trend(runs, "packing/off_diagonal_norm"),
        "norm_free": _trend(runs, "packing/interference_rms"),
        "months_first": _months_first(runs),
    }


def _trend(runs: Sequence[Run], metric: str) -> Measured:
    pairs = sorted((run.settings["latent"], run.summary[metric]) for run in runs)
    sizes, values = zip(*pairs, strict=True)
    rank = float(spearmanr(sizes, values).statistic)
    ends = [np.mean([value for size, value in pairs if size == end]) for end in (pairs[0][0], pairs[-1][0])]
    return Measured(rank, f"{rank:.2f}: from {ends[0]:.3g} at m = {pairs[0][0]} to {ends[1]:.3g} at m = {pairs[-1][0]}")


def _months_first(runs: Sequence[Run]) -> Measured:
    levels: dict[str, dict[int, list[float]]] = {"months": {}, "numerals": {}}
    for run in runs:
        months, some = run.indices(MONTHS), numerals(run)
        if months is None:
            return not_measured(no_set(runs, MONTHS))
        if some is None:
            return not_measured(f"{no_set(runs, NUMERALS)}, {LEAST_NUMERALS} are needed")
        for name, indices in (("months", months), ("numerals", some)):
            levels[name].setdefault(run.settings["latent"], []).append(cosine_rms(run, indices))
    means = {name: {size: float(np.mean(of)) for size, of in sorted(sizes.items())} for name, sizes in levels.items()}
    first = {name: orthogonal_from(of) for name, of in means.items()}
    largest = max(means["months"])
    at_largest = f"at m = {largest} {means['months'][largest]:.2f} and {means['numerals'][largest]:.2f}"
    if first["months"] == first["numerals"] == np.inf:
        return not_measured(f"neither is orthogonal at any m; {at_largest}")
    text = {name: f"from m = {size:g}" if size < np.inf else "at no m" for name, size in first.items()}
    return Measured(
        0.0 if first["numerals"] == np.inf else first["months"] / first["numerals"],
        f"months {text['months']}, numerals {text['numerals']} ({len(numerals(runs[0]) or [])} of them); {at_largest}",
    )


def orthogonal_from(levels: Mapping[int, float]) -> float:
    """The smallest of rising latent sizes from which on all levels are below ORTHOGONAL; infinite where the last is not.

    >>> orthogonal_from({50: 0.4, 100: 0.09, 200: 0.12, 400: 0.05, 800: 0.01}), orthogonal_from({50: 0.2})
    (400, inf)
    """
    beginning = np.inf
    for size, level in reversed(list(levels.items())):
        if level >= ORTHOGONAL:
            break
        beginning = size
    return beginning


def numerals(run: Run) -> list[int] | None:
    """Indices of the Roman numerals that the vocabulary has; None where they are fewer than six."""
    known = set(run.vocabulary)
    return (
        run.indices([word for word in NUMERALS if word in known])
        if len(known.intersection(NUMERALS)) >= LEAST_NUMERALS
        else None
    )


def cosine_rms(run: Run, indices: Sequence[int]) -> float:
    """Root mean square of the cosines of different words of a set."""
    cosines = (run.unit[:, list(indices)].T @ run.unit[:, list(indices)]).double()
    return float(cosines[~np.eye(len(indices), dtype=bool)].square().mean().sqrt())
