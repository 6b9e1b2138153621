"""Every p value and interval under its own null: at toy size that the table is right, at full size (slow) that the rates are."""

import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from scipy.stats import beta

from bows.bench import calibration as module
from bows.bench.calibration import markdown, shape_table, table
from bows.bench.nulls import NULLS, Null

PAGE = Path(__file__).parents[2] / "docs" / "pages" / "calibration.md"


def clopper_pearson(hits: int, draws: int, miss: float) -> tuple[float, float]:
    low = beta.ppf(miss / 2, hits, draws - hits + 1) if hits else 0.0
    return low, beta.ppf(1 - miss / 2, hits + 1, draws - hits) if hits < draws else 1.0


def test_rates_are_counted_with_their_binomial_interval():
    drawn = []

    def draw(generator, effect):
        p = float(generator.random())
        drawn.append((p, effect))
        return p / 10 if effect else p

    (row,) = table((Null("a test", "noise", "a tenth", draw, share=0.5),), 600).to_pylist()
    null = [p for p, effect in drawn if not effect]
    assert len(null) == row["draws"] == 300
    assert len(set(null)) == 300  # every draw has a seed of its own
    assert row["rate at 0.05"] == np.mean(np.array(null) <= 0.05)
    assert row["power"] == np.mean([p / 10 <= 0.05 for p, effect in drawn if effect])
    assert (row["low"], row["high"]) == pytest.approx(clopper_pearson(sum(p <= 0.05 for p in null), 300, 0.05))


@pytest.mark.parametrize("null", NULLS, ids=[null.name for null in NULLS])
def test_every_test_draws_p_values_and_finds_its_effect_more_often(null, monkeypatch):
    monkeypatch.setattr("bows.bench.nulls.PERMUTATIONS", 39)
    p = {effect: [null.draw(np.random.default_rng(seed), effect) for seed in range(3)] for effect in (False, True)}
    assert all(0 <= value <= 1 for values in p.values() for value in values)
    if not null.conservative and null.share == 1:
        assert np.mean(p[True]) < np.mean(p[False])


def test_the_shape_of_rings_and_open_sequences_at_toy_size():
    rows = {row["truth"]: row for row in shape_table(20).to_pylist()}
    assert all(sum(row[name] for name in ("none", "line", "arc", "ring")) == pytest.approx(1) for row in rows.values())
    assert rows["a ring of 12 words, in a cyclic set"]["ring"] >= 0.8
    assert rows["an open sequence of 12 words, in a cyclic set"]["arc"] >= 0.8
    line = rows["an open sequence of 12 words, in a linear set"]
    assert line["arc"] + line["line"] >= 0.8


def test_the_command_writes_its_tables(tmp_path, monkeypatch):
    monkeypatch.setenv("BOWS_OUTPUTS", str(tmp_path))
    monkeypatch.setattr(module, "DRAWS", 5)
    of_linear = {"model": "one", "text": "some", "words": 7, "not linear": 0.125}
    monkeypatch.setattr(module, "regime_table", lambda: pa.Table.from_pylist([of_linear]))  # it trains three models
    monkeypatch.setattr(module, "NULLS", NULLS[:2])
    monkeypatch.setattr(module, "PLANE", NULLS[1])  # that of ablations trains a model
    rows = module.calibration()
    assert [name for name, _, _ in rows][:2] == [null.name for null in NULLS[:2]]
    stored = pq.read_table(tmp_path / "reports" / "calibration.parquet")
    assert markdown(stored) in (tmp_path / "reports" / "calibration.md").read_text(encoding="utf-8")
    assert stored.column("draws").to_pylist() == [5, 5]
    assert "| one | some | 7 | 0.125 |" in (tmp_path / "reports" / "calibration.md").read_text(encoding="utf-8")
    assert rows[-2] == (f"{NULLS[1].name}: not a test of these words", rows[1][1], "of 5 draws")
    assert rows[-1] == ("one, some: not called linear", 0.125, "of 7 words")


def test_words_of_linear_models_that_get_another_regime(tmp_path, monkeypatch):
    """Stored words alone count; a lower share, or a gap above 0, moves the limits."""
    words = {
        "regime": ["linear", "mixed", "linear", "absent", None],
        "r2": [0.5, 0.5, 0.5, 0.01, None],
        "r2_linear": [0.5, 0.43, 0.46, 0.0, None],
        "gap_stratified": [0.1, 0.1, -0.03, 0.1, None],
    }
    pq.write_table(pa.table(words), tmp_path / "words.parquet")
    monkeypatch.setattr(module, "train_run", lambda outputs, *settings: (tmp_path, 0.0))
    row = module.regime_table().to_pylist()[0]
    assert row["words"] == 3
    assert row["not linear"] == pytest.approx(1 / 3)  # 0.43 is under 0.9 of 0.5
    assert row["with a gap above 0"] == pytest.approx(2 / 3)  # and one has a gap of -0.03
    assert row["with linear 0.85"] == 0
    assert row["with linear 0.95"] == pytest.approx(2 / 3)  # 0.43 and 0.46 are under 0.475


def test_the_docs_page_holds_the_table_of_these_tests():
    rows = [
        line.strip("| ").split(" | ") for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("|")
    ]
    stated = {row[0]: row for row in rows}
    for null in NULLS:
        name, of_null, rate, low, high, draws, effect, _ = stated[null.name]
        assert (name, of_null, effect) == (null.name, null.null, null.effect)
        assert int(draws) == int(module.DRAWS * null.share)
        assert clopper_pearson(round(float(rate) * int(draws)), int(draws), 0.05) == pytest.approx(
            (float(low), float(high)), abs=2e-3
        )
    assert re.search(r"\| a ring of 12 words, in a cyclic set \|", PAGE.read_text(encoding="utf-8"))


@pytest.mark.slow
@pytest.mark.parametrize("null", NULLS, ids=[null.name for null in NULLS])
def test_rates_hold_to_their_binomial_interval(null):
    (row,) = table((null,), module.DRAWS).to_pylist()
    hits = round(row["rate at 0.05"] * row["draws"])
    low, high = clopper_pearson(hits, row["draws"], 0.002)
    assert low <= 0.05, f"{null.name} is wrong in {hits} of {row['draws']} draws"
    assert null.conservative or high >= 0.04
