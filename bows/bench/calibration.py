"""Measure how often each p value and interval is wrong at 0.05 where there is no effect, and how often it finds a stated one."""

import os
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from scipy.stats import binomtest

from bows.analysis.regime import REGIMES
from bows.analysis.ring import SHAPES, ring
from bows.bench.commands import Row, train_run
from bows.bench.nulls import NULLS, PERMUTATIONS, PLANE, Null, ordered
from bows.config.paths import default_outputs
from bows.files import write_whole
from bows.setting_types import Thresholds

LEVEL = 0.05
DRAWS = 200
SEED = 0


def calibration() -> list[Row]:
    """Measure error rate and power of p values, and the names of known shapes and regimes; writes reports/calibration.{md,parquet}."""
    tests, shapes, regimes = table(NULLS, DRAWS), shape_table(DRAWS), regime_table()
    folder = Path(os.environ.get("BOWS_OUTPUTS") or default_outputs()) / "reports"
    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(tests, folder / "calibration.parquet")
    write_whole(folder / "calibration.md", "\n".join(f"{markdown(each)}\n" for each in (tests, shapes, regimes)))
    rows: list[Row] = []
    for row in tests.to_pylist():
        text = f"[{row['low']:.3f}, {row['high']:.3f}] of {row['draws']} draws; power {row['power']:.2f}"
        rows.append((row["test"], row["rate at 0.05"], text))
    rows += [(f"{row['truth']}: called {shape}", row[shape], "") for row in shapes.to_pylist() for shape in SHAPES]
    (plane,) = table((PLANE,), DRAWS).to_pylist()
    rows.append((f"{PLANE.name}: not a test of these words", plane["rate at 0.05"], f"of {plane['draws']} draws"))
    return rows + [
        (f"{row['model']}, {row['text']}: not called linear", row["not linear"], f"of {row['words']} words")
        for row in regimes.to_pylist()
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


def regime_table() -> pa.Table:
    """Return how often stored words of linear models, which are linear in truth, get another regime, by the thresholds and by others.

    The docs page and the docstring of regimes() state this table. Trains principal components and model=linear on the default documents,
    and principal components on shuffled text, in a temporary folder.
    """
    usual, rows = Thresholds(), []
    for model, text, settings in (
        ("principal components", "as it is", ("model=pca",)),
        ("`model=linear`", "as it is", ("model=linear",)),
        ("principal components", "`data.shuffle=within_word`", ("model=pca", "data.shuffle=within_word")),
    ):
        with tempfile.TemporaryDirectory() as outputs:
            groups = "analysis.groups=[read_out,interference,packing,regime]"
            folder, _ = train_run(outputs, *settings, groups, "logger=none", "analysis.figures=false")
            columns = ("regime", "r2", "r2_linear", "gap_stratified")
            words = pq.read_table(folder / "words.parquet", columns=list(columns)).to_pydict()
        stored = np.isin(np.array(words["regime"], object), [name for name in REGIMES if name != "absent"])
        r2, r2_linear, gap = (np.array(words[name], float)[stored] for name in columns[1:])

        def not_linear(share: float, least: float, found: tuple = (r2, r2_linear, gap)) -> float:
            return float(np.mean((found[1] < share * found[0]) | (found[2] <= least)))

        row = {
            "model": model,
            "text": text,
            "words": int(stored.sum()),
            "not linear": not_linear(usual.linear, usual.gap),
        }
        row |= {"with a gap above 0": not_linear(usual.linear, 0.0)}
        rows.append(row | {f"with linear {share}": not_linear(share, usual.gap) for share in (0.85, 0.95)})
    return pa.Table.from_pylist(rows)


def markdown(rows: pa.Table) -> str:
    """Return a table in Markdown, numbers with three decimals."""
    cells = [
        [f"{cell:.3f}" if isinstance(cell, float) else str(cell) for cell in row.values()] for row in rows.to_pylist()
    ]
    lines = [rows.column_names, ["---"] * rows.num_columns, *cells]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
