"""The lines that a run ends with: what was found, where it is, and what to do next."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow.parquet as pq

from bows.config.schema import TrainConfig
from bows.console import four_digits
from bows.evaluation.inexpensive import MOST_WORDS
from bows.files import read_json

EXAMPLES, NEAREST = 3, 5


def closing_lines(settings: TrainConfig, folder: Path, warnings: Sequence[str] = ()) -> list[str]:
    """Return the lines of a completed run, from its folder and its settings."""
    summary: Mapping[str, float] = read_json(folder / "summary.json")
    lines = [f"warning: {warning}" for warning in warnings]
    if "reconstruction/r2" in summary:
        lines += [_principal(settings, summary), *_ordered_set(summary), _clusters(settings, summary)]
    lines += _examples(settings, folder)
    if (report := folder / "report.html").is_file():
        lines.append(f"report: {report}")
    return [*lines, f"next: {_next(settings, folder)}"]


def _principal(settings: TrainConfig, summary: Mapping[str, float]) -> str:
    r2, latent = summary["reconstruction/r2"], settings.model.get("latent", settings.latent)
    text = f"R² {r2:.3f} on held-out text"
    if (of_components := summary.get("baseline/r2_pca")) is not None:
        return f"{text}; {latent} principal components {of_components:.3f} ({r2 - of_components:+.3f})"
    return f"{text}; principal components are not measured ({_why_not(settings, 'they vary in fewer dimensions')})"


def _why_not(settings: TrainConfig, otherwise: str) -> str:
    if not settings.analysis.groups:
        return "analysis=none"
    if (settings.data.get("vocab_size") or 0) > MOST_WORDS:
        return f"with more than {MOST_WORDS:,} words by analysis=full only"
    return otherwise


def _ordered_set(summary: Mapping[str, float]) -> list[str]:
    """Return a line on the ordered set with the lowest p, of several the one in the best order."""
    sets = {name.split("/")[1] for name in summary if name.startswith("ring/") and name.endswith("/order_p")}
    if not sets:
        return []
    best = min(sets, key=lambda name: (summary[f"ring/{name}/order_p"], -summary.get(f"ring/{name}/order", 0.0)))
    order, p = summary.get(f"ring/{best}/order", math.nan), summary[f"ring/{best}/order_p"]
    of = f", of {len(sets)} sets" if len(sets) > 1 else ""
    return [f"best ordered set: {best}, order {order:.2f} (p {p:.2g}{of})"]


def _clusters(settings: TrainConfig, summary: Mapping[str, float]) -> str:
    if (z := summary.get("cluster/purity_z")) is None:
        return f"clusters: not measured ({_why_not(settings, 'fewer than two categories have ten words here')})"
    count = summary.get("cluster/categories", math.nan)
    return f"clusters: neighbours of one category, z {z:.1f} ({count:.0f} categories)"


def _examples(settings: TrainConfig, folder: Path) -> list[str]:
    """Return lines of words with their nearest: of `analysis.nearest_to` where they are in the vocabulary, else the most frequent."""
    table = pq.read_table(folder / "words.parquet")
    if "nearest" not in table.column_names:
        return []
    nearest = dict(zip(table["word"].to_pylist(), table["nearest"].to_pylist(), strict=True))
    common = (
        table.sort_by([("frequency", "descending")])["word"].to_pylist() if "frequency" in table.column_names else []
    )
    words = [word for word in dict.fromkeys([*settings.analysis.nearest_to, *common]) if nearest.get(word)]
    return [f"nearest to {word}: {', '.join(nearest[word][:NEAREST])}" for word in words[:EXAMPLES]]


def _next(settings: TrainConfig, folder: Path) -> str:
    if "vocab_size" not in settings.data:  # no text: a set of features, or pairs
        return f"python -m bows.report {folder}"
    if not {"cluster", "interference"} <= set(settings.analysis.groups):
        return f"python -m bows.analyze run={folder}   (every metric; scan=true searches for rings, lines and clusters)"
    return f"python -m bows.analyze run={folder} scan=true   (search for rings, lines and clusters)"


def one_line(folder: Path, settings: Sequence[str]) -> str:
    """Return the line of a completed job of a sweep: its folder, the settings that vary, its held-out loss and R²."""
    summary = read_json(folder / "summary.json")
    names = {"loss": "reconstruction/loss", "R²": "reconstruction/r2", "accuracy": "classification/accuracy"}
    values = [f"{label} {four_digits(summary[name])}" for label, name in names.items() if name in summary]
    return "  ".join([str(folder), *settings, *values])
