"""Models of one size on the same held-out windows, side by side: `python -m bows.analyze run=... against=[pca,...]`."""

import csv
import logging
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import torch

from bows.analysis.comparison import compare_groups, compare_words, gain_interval
from bows.analysis.regime import Thresholds
from bows.console import four_digits
from bows.data.datamodule import BagsDataModule
from bows.evaluation.evaluate import Measurement
from bows.figures.comparison import comparison_by_decile, gain_by_word
from bows.figures.style import save
from bows.model.autoencoder import Autoencoder
from bows.model.pca import PrincipalComponents
from bows.runs.folder import RunFolder
from bows.runs.reload import load_autoencoder

log = logging.getLogger(__name__)

RESAMPLES = 2000
# Blocks of consecutive windows that the held-out text is cut into for the interval of a gain.
BLOCKS = 50


def other_autoencoder(
    other: RunFolder | None, autoencoder: Autoencoder, training: BagsDataModule, device: torch.device
) -> Autoencoder:
    """Another run's autoencoder; for None as many principal components of the training windows as it has latents."""
    if other is not None:
        return load_autoencoder(other, "against")
    components = PrincipalComponents(autoencoder.features, autoencoder.latent).to(device)
    components.fit(training.windows("train").batches(training.evaluation_batch_size, device))
    return components.eval()


def distinct(names: list[str]) -> list[str]:
    """The names, numbered where one comes twice.

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
def window_errors(autoencoder: Autoencoder, data: BagsDataModule, device: torch.device) -> np.ndarray:
    """(windows,) float64: the squared error of each held-out window."""
    autoencoder = autoencoder.to(device).eval()
    errors = [
        (autoencoder(bags).reconstruction - bags).square().sum(1).double().cpu()
        for bags in data.windows("validation").batches(data.evaluation_batch_size, device)
    ]
    return torch.cat(errors).numpy()


def write_comparison(
    measured: Mapping[str, Measurement],
    errors: Mapping[str, np.ndarray],
    window: int,
    thresholds: Thresholds,
    seed: int,
    folder: Path,
    figures: bool = True,
) -> dict[str, pa.Table]:
    """Write comparison.csv (metric by model), comparison_words.parquet, comparison_deciles.csv, comparison_regimes.csv and figures.

    Returns the tables by name; `gains` has the gain in pooled R^2 over each other model, with a 95 % interval.
    """
    names = list(measured)
    first = names[0]
    words = compare_words({name: measurement.words for name, measurement in measured.items()})
    deciles, regimes = compare_groups(words, "decile", names), compare_groups(words, "regime", names)
    frequency = words.column("frequency").to_numpy()
    total = float((frequency * (1 - frequency)).sum()) * len(errors[first])
    generator = np.random.default_rng(seed)
    block = max(window, len(errors[first]) // BLOCKS)
    gains = []
    for name in names[1:]:
        low, high = gain_interval(errors[first], errors[name], total, block, RESAMPLES, generator)
        gain = float((errors[name] - errors[first]).sum() / total)
        own = words.column(f"gain over {name}").drop_null().to_numpy()
        gains.append(
            {
                "over": name,
                "gain": gain,
                "low": low,
                "high": high,
                "words": len(own),
                "gaining": float((own > 0).mean()),
            }
        )
    folder.mkdir(parents=True, exist_ok=True)
    _write_metrics(folder / "comparison.csv", measured)
    pq.write_table(words, folder / "comparison_words.parquet")
    tables = {"words": words, "deciles": deciles, "regimes": regimes, "gains": pa.Table.from_pylist(gains)}
    for name in ("deciles", "regimes", "gains"):
        pyarrow.csv.write_csv(tables[name], folder / f"comparison_{name}.csv")
    if figures:
        columns = {"decile": deciles.column("decile").to_pylist()}
        columns |= {name: deciles.column(f"r2 {name}").to_pylist() for name in names}
        save(
            comparison_by_decile(columns, "What each model rebuilds of the held-out windows"),
            folder / "figures" / "comparison_deciles",
        )
        for number, name in enumerate(names[1:], 1):
            figure = gain_by_word(
                frequency,
                _floats(words, f"r2 {first}"),
                _floats(words, f"r2 {name}"),
                words.column("word").to_pylist(),
                first,
                name,
                words.column("regime").to_pylist(),
                str(thresholds),
            )
            save(figure, folder / "figures" / f"gain_by_word_{number}")
    return tables


def print_comparison(measured: Mapping[str, Measurement], tables: Mapping[str, pa.Table]) -> None:
    """Metrics side by side, the gain over each other model, and the words that gain and lose most, on standard output."""
    names = list(measured)
    shown = [
        name
        for name in measured[names[0]].metrics
        if name.startswith(("reconstruction/", "interference/", "alignment/", "packing/", "regime/", "capacity/"))
        and all(name in measurement.metrics for measurement in measured.values())
    ]
    width = max(len(name) for name in shown)
    columns = [max(len(name), 10) for name in names]
    print(" " * width, *(f"{name:>{size}}" for name, size in zip(names, columns, strict=True)), sep="  ")
    for metric in sorted(shown):
        values = [four_digits(measured[name].metrics[metric]) for name in names]
        print(
            f"{metric:<{width}}", *(f"{value:>{size}}" for value, size in zip(values, columns, strict=True)), sep="  "
        )
    for row in tables["gains"].to_pylist():
        print(
            f"\n{names[0]} over {row['over']}: R² {row['gain']:+.4f} [{row['low']:+.4f}, {row['high']:+.4f}] (95 % over held-out text); "
            f"{row['gaining']:.0%} of {row['words']:,} words gain"
        )
        column = f"gain over {row['over']}"
        ranked = tables["words"].sort_by([(column, "descending")]).to_pylist()
        ranked = [each for each in ranked if each[column] is not None]
        print("  gain most:", ", ".join(f"{each['word']} {each[column]:+.2f}" for each in ranked[:8]))
        print("  lose most:", ", ".join(f"{each['word']} {each[column]:+.2f}" for each in ranked[-8:][::-1]))
    for by in ("deciles", "regimes"):
        print()
        _print_table(tables[by])


def _print_table(table: pa.Table) -> None:
    rows = [
        [value if isinstance(value, (str, int)) else four_digits(value) for value in row.values()]
        for row in table.to_pylist()
    ]
    heads = table.column_names
    widths = [max(len(str(cell)) for cell in column) for column in zip(heads, *rows, strict=True)]
    for row in [heads, *rows]:
        print("  ".join(f"{cell!s:>{size}}" for cell, size in zip(row, widths, strict=True)))


def _write_metrics(path: Path, measured: Mapping[str, Measurement]) -> None:
    names = sorted({name for measurement in measured.values() for name in measurement.metrics})
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["metric", *measured])
        for name in names:
            writer.writerow([name, *(measurement.metrics.get(name, "") for measurement in measured.values())])


def _floats(table: pa.Table, name: str) -> np.ndarray:
    """A column with NaN for null."""
    return np.array([np.nan if value is None else value for value in table.column(name).to_pylist()], dtype=float)
