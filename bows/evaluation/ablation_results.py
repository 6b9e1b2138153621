"""Write, draw and print the ablation of a set's plane."""

from pathlib import Path

import pyarrow.parquet as pq

from bows.evaluation.ablate import LEVEL, Ablation
from bows.figures.ablation import GROUPS, latent_ablation
from bows.figures.style import file_stem, save
from bows.files import write_json


def write_ablation(ablation: Ablation, folder: Path) -> None:
    """Write ablation.parquet, ablation_null.parquet and summary.json."""
    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(ablation.words, folder / "ablation.parquet")
    pq.write_table(ablation.null, folder / "ablation_null.parquet")
    write_json(folder / "summary.json", ablation.summary())


def draw_ablation(ablation: Ablation, folder: Path) -> None:
    """Draw figures/plane_<set>.*."""
    figure = latent_ablation(ablation.name, ablation.metrics, ablation.null.to_pydict())
    save(figure, folder / "figures" / f"plane_{file_stem(ablation.name)}")


def print_ablation(ablation: Ablation) -> None:
    """Print the ablation as a table, and whether the companions use the plane."""
    metrics = ablation.metrics
    print(
        f"plane of {ablation.name}: removed from the latent (h - P h) and kept alone (P h); {ablation.windows:,} held-out windows"
    )
    if absent := int(metrics["absent_words"]):
        print(f"words of the set that are in no held-out window: {absent}")
    print(f"companions, by phi over training windows: {', '.join(ablation.companions)}")
    columns = {
        "R² as is": "r2",
        "removed": "r2_removed",
        "kept": "r2_kept",
        "gap as is": "gap",
        "removed ": "gap_removed",
        "missed as is": "false_negative_rate",
        "removed  ": "false_negative_rate_removed",
        "kept ": "false_negative_rate_kept",
    }
    print(f"  {'':<10}", *(f"{head.strip():>12}" for head in columns))
    for group in GROUPS:
        values = [metrics.get(f"{group}/{key}") for key in columns.values()]
        print(
            f"  {group:<10}", *(f"{'not defined' if value is None else format(value, '.4f'):>12}" for value in values)
        )
    for variant, removed in (("", "the plane"), ("_mean_kept", "all of the plane but the mean")):
        if f"companions_used{variant}" not in metrics:
            continue
        key = f"companions/drop{variant}"
        nulls = "; ".join(
            f"{label} {metrics[f'{key}_{null}_null']:+.4f}, p {metrics[f'{key}_{null}_p']:.2g}"
            for null, label in (("random_plane", "random planes"), ("random_set", "planes of random sets"))
        )
        verdict = "holds" if metrics[f"companions_used{variant}"] else "does not hold"
        print(f"companions' R² drops by {metrics[key]:+.4f} without {removed} ({nulls})")
        print(f"  companions use the plane beyond chance (both p < {LEVEL:g}): {verdict}")
