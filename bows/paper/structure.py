"""How does the structure weaken as m grows?"""

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
from scipy.stats import spearmanr

from bows.paper.claims import Measured
from bows.paper.runs import NotMeasured, Run, by_setting, first
from bows.paper.seeds import mean_row, not_measured, try_measure
from bows.paper.word_lists import MONTHS

NUMERALS = ("II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X")
LEAST_SIZES = 4
LEAST_NUMERALS = 6
ORTHOGONAL = 0.1  # cosines below it count as orthogonal, as for the regimes
NORM, COSINES = "off-diagonal norm", "cosines, root mean square"
WORDS = ("all words", "months", "Roman numerals")


def measure(runs: Sequence[Run]) -> dict[str, Measured]:
    """Measure the claims on structure against m."""
    sizes = len({run.settings["latent"] for run in runs})
    if sizes < LEAST_SIZES:
        few = not_measured(f"{sizes} latent sizes, {LEAST_SIZES} are needed" if runs else "no completed run")
        return dict.fromkeys(("norm", "norm_free", "months_first"), few)
    return {
        "norm": _trend(
            {size: _mean(own, "packing/off_diagonal_norm") for size, own in by_setting(runs, "latent")}, "0"
        ),
        "norm_free": _trend(
            {size: _mean(own, "packing/interference_rms") * size**0.5 for size, own in by_setting(runs, "latent")},
            "random directions 1 at every m",
        ),
        "months_first": try_measure(_months_first, runs),
    }


def _mean(runs: Sequence[Run], metric: str) -> float:
    return float(np.mean([run.summary[metric] for run in runs]))


def _trend(values: Mapping[int, float], baseline: str) -> Measured:
    rank = float(spearmanr(list(values), list(values.values())).statistic)
    least, most = min(values), max(values)
    return Measured(
        rank, f"{rank:.2f}: from {values[least]:.3g} at m = {least} to {values[most]:.3g} at m = {most}", baseline
    )


def _months_first(runs: Sequence[Run]) -> Measured:
    levels = {
        words: {
            size: float(np.mean([cosine_rms(run, of(run)) for run in own])) for size, own in by_setting(runs, "latent")
        }
        for words, of in (("months", _months), ("numerals", numerals))
    }
    beginning = {words: orthogonal_from(of) for words, of in levels.items()}
    largest = max(levels["months"])
    at_largest = f"at m = {largest} {levels['months'][largest]:.2f} and {levels['numerals'][largest]:.2f}"
    if beginning["months"] == beginning["numerals"] == np.inf:
        raise NotMeasured(f"neither is orthogonal at any m; {at_largest}")
    text = {words: f"from m = {size:g}" if size < np.inf else "at no m" for words, size in beginning.items()}
    return Measured(
        0.0 if beginning["numerals"] == np.inf else beginning["months"] / beginning["numerals"],
        f"months {text['months']}, numerals {text['numerals']} ({len(numerals(runs[0]))} of them); {at_largest}",
        f"random directions: from m = {ORTHOGONAL**-2:.0f}",
    )


def orthogonal_from(levels: Mapping[int, float]) -> float:
    """Return the smallest of rising latent sizes from which on all levels are below ORTHOGONAL; infinite where the last is not.

    >>> orthogonal_from({50: 0.4, 100: 0.09, 200: 0.12, 400: 0.05, 800: 0.01}), orthogonal_from({50: 0.2})
    (400, inf)
    """
    beginning = np.inf
    for size, level in reversed(list(levels.items())):
        if level >= ORTHOGONAL:
            break
        beginning = size
    return beginning


def _months(run: Run) -> Sequence[str]:
    return MONTHS if run.indices(MONTHS) else ()


def numerals(run: Run) -> list[str]:
    """Return the Roman numerals that the vocabulary has. Raises NotMeasured where they are fewer than six."""
    if len(known := run.known(NUMERALS)) < LEAST_NUMERALS:
        raise NotMeasured(
            f"{len(known)} of the {len(NUMERALS)} words are in this corpus's vocabulary, {LEAST_NUMERALS} are needed"
        )
    return known


def cosine_rms(run: Run, words: Sequence[str]) -> float:
    """Return the root mean square of the cosines of different words of a set."""
    directions = run.directions(words)
    return float((directions.T @ directions)[~np.eye(len(words), dtype=bool)].square().mean().sqrt())


def against_size(runs: Sequence[Run]) -> pa.Table:
    """Return means over seeds with their intervals: the off-diagonal norm of all words, and cosines of all words, months and numerals."""
    first(runs)
    rows = []
    for size, own in by_setting(runs, "latent"):
        values = {
            (NORM, WORDS[0]): [run.summary["packing/off_diagonal_norm"] for run in own],
            (COSINES, WORDS[0]): [run.summary["packing/interference_rms"] for run in own],
        }
        for name, of in ((WORDS[1], _months), (WORDS[2], numerals)):
            try:
                values[COSINES, name] = [cosine_rms(run, of(run)) for run in own]
            except NotMeasured:  # the words of one set may be missing
                continue
        rows += [mean_row(of, latent=size, metric=metric, words=words) for (metric, words), of in values.items()]
    return pa.Table.from_pylist(rows)
