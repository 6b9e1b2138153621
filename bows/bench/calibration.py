"""Measure how often each p value and interval is wrong at 0.05 where there is no effect, and how often it finds a stated one."""

import os
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from scipy.stats import binomtest

from bows.analysis.ring import SHAPES, ring
from bows.bench.commands import Row
from bows.bench.nulls import NULLS, PERMUTATIONS, Null, ordered
from bows.config.paths import default_outputs
from bows.files import write_whole

LEVEL = 0.05
DRAWS = 200
SEED = 0


def calibration() -> list[Row]:
    """Measure error rate at 0.05 and power of every p value and interval under its own null; writes reports/calibration.{md,parquet}."""
    tests, shapes = table(NULLS, DRAWS), shape_table(DRAWS)
    folder = Path(os.environ.get("BOWS_OUTPUTS") or default_outputs()) / "reports"
    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(tests, folder / "calibration.parquet")
    write_whole(folder / "calibration.md", f"{markdown(tests)}\n\n{markdown(shapes)}\n")
    rows: list[Row] = []
    for row in tests.to_pylist():
        text = f"[{row['low']:.3f}, {row['high']:.3f}] of {row['draws']} draws; power {row['power']:.2f}"
        rows.append((row["test"], row["rate at 0.05"], text))
    return rows + [
        (f"{row['truth']}: called {shape}", row[shape], "") for row in shapes.to_pylist() for shape in SHAPES
    ]


def table(nulls: tuple[Null, ...], draws: int) -> pa.Table:
    """Return one row per test: its null, the rate of p <= 0.05 with its 95 % binomial interval, an effect, and the power there.

    Draw k of a test has the seed (SEED, k), without and with the effect; the power is that of the first quarter of the draws.
    """
    rows = []
    for null in nulls:
        count = max(int(draws * null.share), 1)
        found = [
            [null.draw(np.random.default_rng([SEED, number]), effect) <= LEVEL for number in range(draws)]
            for effect, draws in ((False, count), (True, -(-count // 4)))
        ]
        low, high = binomtest(sum(found[0]), count).proportion_ci()
        row = {"test": null.name, "null": null.null, "rate at 0.05": float(np.mean(found[0])), "low": low, "high": high}
        rows.append({**row, "draws": count, "effect": null.effect, "power": float(np.mean(found[1]))})
    return pa.Table.from_pylist(rows)


def shape_table(draws: int) -> pa.Table:
    """Return how often ``ring/<set>/shape`` calls sets of a known shape by each name: a row per truth, a share per name."""
    rows = []
    for count in (7, 12):
        for of_line, linear in ((False, False), (True, False), (True, True)):
            found = Counter()
            for number in range(draws):
                columns = ordered(np.random.default_rng([SEED, number]), count, of_line)
                scores = ring(columns, None, range(count), PERMUTATIONS, number, linear)
                found[SHAPES[int(scores["shape"])]] += 1
            kind = "an open sequence" if of_line else "a ring"
            row: dict[str, object] = {"truth": f"{kind} of {count} words, in a {'linear' if linear else 'cyclic'} set"}
            rows.append(row | {name: found[name] / draws for name in SHAPES})
    return pa.Table.from_pylist(rows)


def markdown(rows: pa.Table) -> str:
    """Return a table in Markdown, numbers with three decimals."""
    cells = [
        [f"{cell:.3f}" if isinstance(cell, float) else str(cell) for cell in row.values()] for row in rows.to_pylist()
    ]
    lines = [rows.column_names, ["---"] * rows.num_columns, *cells]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
