"""Discover rings, lines and clusters among all words of a finished run: `python -m bows.analyze run=... scan=true`."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import torch

from bows.analysis.ring import ring_coordinates
from bows.analysis.set_shapes import KINDS
from bows.analysis.shape_search import scan
from bows.evaluation.context import LoadedRun
from bows.figures.found_shapes import found_shapes
from bows.figures.style import save

# Found sets of each kind that are printed and drawn; found_sets.parquet has all.
PRINTED = 8
DRAWN = 4


def discover_shapes(loaded: LoadedRun, false_discovery_rate: float) -> pa.Table:
    """Return the sets of words that :func:`bows.analysis.shape_search.scan` finds in the run's directions."""
    present = torch.zeros(loaded.autoencoder.features, dtype=torch.float64)
    for bags in loaded.held_out():
        present += bags.sum(0).double().cpu()
    frequency = (present / len(loaded.data.windows("validation"))).numpy()
    return scan(
        loaded.autoencoder.encoder_weight.detach().float().cpu(),
        loaded.vocabulary,
        frequency,
        seed=loaded.seed,
        q_threshold=false_discovery_rate,
    )


def write_shapes(found: pa.Table, folder: Path) -> None:
    """Write found_sets.parquet."""
    pq.write_table(found, folder / "found_sets.parquet")


def draw_shapes(found: pa.Table, loaded: LoadedRun, false_discovery_rate: float, folder: Path) -> None:
    """Draw the best sets of each kind: figures/found_sets.*."""
    encoder = loaded.autoencoder.encoder_weight.detach().float().cpu()
    place = {word: index for index, word in enumerate(loaded.vocabulary)}
    best = [row for rows in by_kind(found).values() for row in rows[:DRAWN]]
    drawn = [(row, ring_coordinates(encoder, [place[word] for word in row["words"]])) for row in best]
    drawn = [(row, points) for row, points in drawn if points is not None]
    figure = found_shapes([row for row, _ in drawn], [points for _, points in drawn], q_threshold=false_discovery_rate)
    save(figure, folder / "figures" / "found_sets")


def print_shapes(found: pa.Table, false_discovery_rate: float) -> None:
    """Print how many sets of each kind were found, and the best of them."""
    kinds = by_kind(found)
    counts = ", ".join(f"{len(rows)} {kind}s" for kind, rows in kinds.items())
    print(f"{found.num_rows} found at a false discovery rate under {false_discovery_rate:g}: {counts}")
    for kind, rows in kinds.items():
        for row in rows[:PRINTED]:
            print(f"  {kind:<8} score {row['score']:.3f}  p {row['p']:.2g}  q {row['q']:.2g}  {' '.join(row['words'])}")
        if len(rows) > PRINTED:
            print(f"  {'':<8} and {len(rows) - PRINTED} more in found_sets.parquet")


def by_kind(found: pa.Table) -> dict[str, list[dict]]:
    """Return the rows of each kind, best first."""
    return {kind: [row for row in found.to_pylist() if row["kind"] == kind] for kind in KINDS}
