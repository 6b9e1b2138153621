"""Which words does a linear read-out of the latent reconstruct?"""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from bows.paper.claims import Measured
from bows.paper.runs import NotMeasured, Run, first
from bows.paper.seeds import mean_of, try_measure, with_interval
from bows.paper.word_lists import MONTHS

LOWEST = -0.2  # values of R² below it are drawn there


def measure(runs: Sequence[Run]) -> dict[str, Measured]:
    """Measure the claims on linear superposition."""
    first(runs)
    return {"months": try_measure(_months, runs), **_split(runs)}


def _months(runs: Sequence[Run]) -> Measured:
    months = runs[0].indices(MONTHS)
    linear, whole = (
        [float(np.mean(np.array(run.words[name], float)[months])) for run in runs] for name in ("r2_linear", "r2")
    )
    pooled = [run.summary["baseline/r2_pca"] for run in runs if "baseline/r2_pca" in run.summary]
    components = f"; all words by principal components {with_interval(pooled)}" if pooled else ""
    return mean_of(linear, f"months by the model {with_interval(whole)}{components}")


def _split(runs: Sequence[Run]) -> dict[str, Measured]:
    shares, ratios, counts = [], [], []
    for run in runs:
        regime, frequency = np.array(run.words["regime"]), np.array(run.words["frequency"], float)
        linear, mixed = regime == "linear", regime == "mixed"
        if not linear.any() or linear.all():
            raise NotMeasured(f"{linear.sum()} of {len(linear)} words are linear: no split")
        counts.append(f"{linear.sum():,} / {mixed.sum():,}")
        shares.append(float(linear.sum() / (linear | mixed).sum()))
        ratios.append(float(np.median(frequency[linear]) / np.median(frequency[~linear])))
    text = f"linear / mixed words: {'; '.join(counts)}; share {with_interval(shares)}"
    return {"split": Measured(float(np.mean(shares)), text), "frequent": mean_of(ratios, "1")}


def split(runs: Sequence[Run]) -> pa.Table:
    """Return each word's R² by the linear read-out and by the model, of the first seed; below -0.2 as -0.2. The months are named."""
    return scatter(first(runs), "r2_linear", "r2", MONTHS)


def scatter(run: Run, x: str, y: str, named: Sequence[str], regimes: Sequence[str] | None = None) -> pa.Table:
    """Return two columns of R² in words.parquet, values below -0.2 as -0.2, for :func:`bows.figures.words_scatter.words_scatter`.

    regimes: of the words; None for all words.

    Raises:
        NotMeasured: no word has both values.
    """
    columns = zip(*(run.words[name] for name in ("word", x, y, "regime")), strict=True)
    rows = [row for row in columns if None not in row[1:3] and (regimes is None or row[3] in regimes)]
    if not rows:
        raise NotMeasured("no word is reconstructed")
    words, across, up, kinds = map(list, zip(*rows, strict=True))
    return pa.table(
        {
            "word": words,
            "x": np.maximum(across, LOWEST),
            "y": np.maximum(up, LOWEST),
            "kind": kinds,
            "named": [word in named for word in words],
        }
    )
