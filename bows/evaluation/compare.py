"""Compare models of one size on the same held-out windows: `python -m bows.analyze run=... against=[pca,...]`."""

import csv
import logging
from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import torch
from torch import Tensor

from bows.analysis.comparison import compare_groups, compare_words, gain_interval
from bows.analysis.ordered_sets import whole_sets
from bows.analysis.regime import Thresholds
from bows.config.schema import Analysis
from bows.console import four_digits
from bows.evaluation.context import LoadedRun
from bows.evaluation.evaluate import Evaluation, evaluate
from bows.figures.comparison import comparison_by_decile, gain_by_word
from bows.figures.style import save
from bows.model.autoencoder import Autoencoder, weights
from bows.model.pca import PrincipalComponents, RectifiedPrincipalComponents
from bows.model.word_vectors import PositivePMI, QuadraticTarget
from bows.runs.folder import RunFolder
from bows.runs.reload import load_autoencoder

log = logging.getLogger(__name__)

RESAMPLES = 2000
# Number of blocks of consecutive windows that the held-out text is cut into for the interval of a gain.
BLOCKS = 50
CLOSED_FORMS = {
    "pca": PrincipalComponents,
    "pca_relu": RectifiedPrincipalComponents,
    "pmi": PositivePMI,
    "mstar": QuadraticTarget,
}


@dataclass
class Comparison:
    """Models of one size on the same held-out windows; the first of them is the run that is compared."""

    evaluations: dict[str, Evaluation]
    """By the models' names."""
    words: pa.Table
    """R^2 of every word under each model."""
    deciles: pa.Table
    regimes: pa.Table
    gains: pa.Table
    """Gain in pooled R^2 over each other model, with a 95 % interval."""
    thresholds: Thresholds
    """Of the regimes."""
    encoders: dict[str, Tensor]
    """(m, V) each, on the CPU."""


def compare(loaded: LoadedRun, others: Sequence[RunFolder | str], analysis: Analysis) -> Comparison:
    """Evaluate the run and others of its size (runs or names of CLOSED_FORMS) on the same held-out windows."""
    names = distinct([loaded.run.label, *(other if isinstance(other, str) else other.label for other in others)])
    sets = whole_sets(analysis.ordered_sets, loaded.vocabulary)
    # The baselines are models of this comparison, or the same for each of them.
    analysis = copy(analysis)
    analysis.groups = [group for group in analysis.groups if group != "baseline"]
    evaluations, errors, encoders = {}, {}, {}
    for name, other in zip(names, [loaded.run, *others], strict=True):
        model = loaded.autoencoder if other is loaded.run else other_autoencoder(other, loaded)
        log.info("evaluating %s", name)
        evaluations[name] = evaluate(
            model, loaded.data, sets, analysis, loaded.seed, loaded.device, training=loaded.training
        )
        errors[name] = window_errors(model, loaded)
        encoders[name] = weights(model)[0].detach().cpu()
    words = compare_words({name: evaluation.words for name, evaluation in evaluations.items()})
    return Comparison(
        evaluations,
        words,
        compare_groups(words, "decile", names),
        compare_groups(words, "regime", names),
        gains_table(words, errors, loaded.data.window, loaded.seed),
        analysis.regimes,
        encoders,
    )


def other_autoencoder(other: RunFolder | str, loaded: LoadedRun) -> Autoencoder:
    """Return another run's autoencoder, or a closed form of all training windows with as many latent dimensions."""
    if isinstance(other, RunFolder):
        return load_autoencoder(other, "against")
    components = CLOSED_FORMS[other](loaded.autoencoder.features, loaded.autoencoder.latent).to(loaded.device)
    components.fit(loaded.training_bags())
    return components.eval()


def distinct(names: list[str]) -> list[str]:
    """Return the names, numbered where one comes twice.

    >>> distinct(["tied", "pca", "tied"])
    ['tied', 'pca', 'tied (2)']
    """
    seen: dict[str, int] = {}
    result = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        result.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return result


@torch.no_grad()
def window_errors(autoencoder: Autoencoder, loaded: LoadedRun) -> np.ndarray:
    """Return the squared error of each held-out window: (windows,) float64."""
    autoencoder = autoencoder.to(loaded.device).eval()
    errors = [(autoencoder(bags).reconstruction - bags).square().sum(1).double().cpu() for bags in loaded.held_out()]
    return torch.cat(errors).numpy()


def gains_table(words: pa.Table, errors: Mapping[str, np.ndarray], window: int, seed: int) -> pa.Table:
    """Return one row per other model: over, gain in pooled R^2, low and high (95 %), words, gaining (share of the words that gain).

    Args:
        words: from :func:`bows.analysis.comparison.compare_words`.
        errors: (windows,) squared errors by model, the compared run first.
        window: rows of a window; windows closer than that share rows.
        seed: of the resamples.
    """
    first, *names = errors
    frequency = words.column("frequency").to_numpy()
    total = float((frequency * (1 - frequency)).sum()) * len(errors[first])
    block = max(window, len(errors[first]) // BLOCKS)
    generator = np.random.default_rng(seed)
    rows = []
    for name in names if total else ():  # without words of which R^2 is defined there are no gains
        low, high = gain_interval(errors[first], errors[name], total, block, RESAMPLES, generator)
        gain = float((errors[name] - errors[first]).sum() / total)
        own = words.column(f"gain over {name}").drop_null().to_numpy()
        gaining = float((own > 0).mean())
        rows.append({"over": name, "gain": gain, "low": low, "high": high, "words": len(own), "gaining": gaining})
    return pa.Table.from_pylist(rows)


def write_comparison(comparison: Comparison, folder: Path) -> None:
    """Write comparison.csv (metric by model), comparison_words.parquet, and deciles, regimes and gains as comparison_*.csv."""
    folder.mkdir(parents=True, exist_ok=True)
    _write_metrics(folder / "comparison.csv", comparison.evaluations)
    pq.write_table(comparison.words, folder / "comparison_words.parquet")
    for name in ("deciles", "regimes", "gains"):
        pyarrow.csv.write_csv(getattr(comparison, name), folder / f"comparison_{name}.csv")


def draw_comparison(comparison: Comparison, folder: Path) -> None:
    """Draw R^2 by frequency decile, and for each other model the gain by word."""
    first, *names = comparison.evaluations
    words, deciles = comparison.words, comparison.deciles
    if not len(deciles):
        return  # R^2 is defined of no word
    columns = {"decile": deciles.column("decile").to_pylist()}
    columns |= {name: deciles.column(f"r2 {name}").to_pylist() for name in comparison.evaluations}
    figure = comparison_by_decile(columns, "R² on held-out windows by word frequency")
    save(figure, folder / "figures" / "comparison_deciles")
    for number, name in enumerate(names, 1):
        needed = ["word", "frequency", f"r2 {first}", f"r2 {name}", "regime"]
        figure = gain_by_word(words.select(needed).to_pydict(), first, name, str(comparison.thresholds))
        save(figure, folder / "figures" / f"gain_by_word_{number}")


def print_comparison(comparison: Comparison) -> None:
    """Print the metrics side by side, the gain over each other model, and the words that gain and lose most."""
    evaluations = comparison.evaluations
    names = list(evaluations)
    shown = [
        name
        for name in evaluations[names[0]].metrics
        if name.startswith(("reconstruction/", "interference/", "alignment/", "packing/", "regime/", "capacity/"))
        and all(name in evaluation.metrics for evaluation in evaluations.values())
    ]
    width = max(len(name) for name in shown)
    columns = [max(len(name), 10) for name in names]
    print(" " * width, *(f"{name:>{size}}" for name, size in zip(names, columns, strict=True)), sep="  ")
    for metric in sorted(shown):
        values = [four_digits(evaluations[name].metrics[metric]) for name in names]
        print(
            f"{metric:<{width}}", *(f"{value:>{size}}" for value, size in zip(values, columns, strict=True)), sep="  "
        )
    for row in comparison.gains.to_pylist():
        print(
            f"\n{names[0]} over {row['over']}: R² {row['gain']:+.4f} [{row['low']:+.4f}, {row['high']:+.4f}] (95 % over held-out text); "
            f"{row['gaining']:.0%} of {row['words']:,} words gain"
        )
        column = f"gain over {row['over']}"
        ranked = comparison.words.sort_by([(column, "descending")]).to_pylist()
        ranked = [each for each in ranked if each[column] is not None]
        print("  gain most:", ", ".join(f"{each['word']} {each[column]:+.2f}" for each in ranked[:8]))
        print("  lose most:", ", ".join(f"{each['word']} {each[column]:+.2f}" for each in ranked[-8:][::-1]))
    if not len(comparison.deciles):
        print("\nR² is defined of no word: each is in all of the held-out windows, or in none; give more text")
    for table in (comparison.deciles, comparison.regimes):
        print()
        _print_table(table)
    print(f"regimes: {comparison.thresholds}")


def _print_table(table: pa.Table) -> None:
    rows = [
        [value if isinstance(value, (str, int)) else four_digits(value) for value in row.values()]
        for row in table.to_pylist()
    ]
    heads = table.column_names
    widths = [max(len(str(cell)) for cell in column) for column in zip(heads, *rows, strict=True)]
    for row in [heads, *rows]:
        print("  ".join(f"{cell!s:>{size}}" for cell, size in zip(row, widths, strict=True)))


def _write_metrics(path: Path, evaluations: Mapping[str, Evaluation]) -> None:
    names = sorted({name for evaluation in evaluations.values() for name in evaluation.metrics})
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["metric", *evaluations])
        for name in names:
            writer.writerow([name, *(evaluation.metrics.get(name, "") for evaluation in evaluations.values())])
