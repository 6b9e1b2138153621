"""Models side by side: gains by word and by group, and their interval over held-out text."""

import numpy as np
import pyarrow as pa
import pytest

from bows.analysis.comparison import compare_groups, compare_words, gain_interval


def tables(words=40, seed=0):
    generator = np.random.default_rng(seed)
    frequency = generator.random(words) * 0.5
    made = {}
    for name, level in (("relu", 0.5), ("pca", 0.3), ("linear", 0.4)):
        r2 = generator.normal(level, 0.2, words)
        mask = np.arange(words) == 3
        made[name] = pa.table(
            {
                "word": [f"w{number}" for number in range(words)],
                "frequency": frequency,
                "r2": pa.array(r2, mask=mask),
                "regime": pa.array(
                    [None if number == 3 else ("linear", "mixed")[number % 2] for number in range(words)]
                ),
            }
        )
    return made, frequency


def test_each_word_has_its_r2_under_every_model_and_the_gain_of_the_first():
    made, _ = tables()
    compared = {row["word"]: row for row in compare_words(made).to_pylist()}
    for number in (0, 17, 39):
        row = compared[f"w{number}"]
        r2 = {name: table.column("r2")[number].as_py() for name, table in made.items()}
        assert [row[f"r2 {name}"] for name in made] == list(r2.values())
        assert row["gain over pca"] == pytest.approx(r2["relu"] - r2["pca"])
        assert row["gain over linear"] == pytest.approx(r2["relu"] - r2["linear"])
    assert compared["w3"]["gain over pca"] is None


def test_words_come_by_falling_gain():
    made, _ = tables()
    gains = compare_words(made).column("gain over pca").drop_null().to_pylist()
    assert gains == sorted(gains, reverse=True)


@pytest.mark.parametrize("by", ["decile", "regime"])
def test_groups_pool_squared_errors(by):
    made, frequency = tables()
    words = compare_words(made)
    groups = compare_groups(words, by, list(made)).to_pylist()
    known = [number for number in range(40) if number != 3]  # deciles are of the words that have an R^2
    ranks = np.zeros(40, int)
    for place, part in enumerate(np.array_split(sorted(known, key=lambda number: frequency[number]), 10)):
        ranks[part] = place + 1
    for group in groups:
        here = [
            number
            for number in range(40)
            if number != 3 and (ranks[number] if by == "decile" else ("linear", "mixed")[number % 2]) == group[by]
        ]
        total = sum(frequency[number] * (1 - frequency[number]) for number in here)
        for name, table in made.items():
            error = sum(
                (1 - table.column("r2")[number].as_py()) * frequency[number] * (1 - frequency[number])
                for number in here
            )
            assert group[f"r2 {name}"] == pytest.approx(1 - error / total)
        assert group["gain over pca"] == pytest.approx(group["r2 relu"] - group["r2 pca"])
        better = [
            made["relu"].column("r2")[number].as_py() > made["pca"].column("r2")[number].as_py() for number in here
        ]
        assert group["gaining over pca"] == pytest.approx(np.mean(better))
        assert group["words"] == len(here)
    assert sum(group["words"] for group in groups) == 39


def test_models_of_other_words_are_refused():
    made, _ = tables()
    made["pca"] = made["pca"].set_column(0, "word", pa.array([f"v{number}" for number in range(40)]))
    with pytest.raises(ValueError, match="different words"):
        compare_words(made)
    with pytest.raises(ValueError, match="two models"):
        compare_words({"relu": tables()[0]["relu"]})


def test_an_interval_holds_the_gain_and_narrows_with_more_text():
    generator = np.random.default_rng(0)
    widths = []
    for count in (200, 3200):
        gain = generator.normal(0.2, 1.0, count)
        low, high = gain_interval(np.zeros(count), gain, float(count), 1, 2000, np.random.default_rng(1))
        assert low < gain.mean() < high
        # A block of one is the ordinary bootstrap: the standard error is sd / sqrt(count).
        assert high - low == pytest.approx(2 * 1.96 * gain.std() / count**0.5, rel=0.1)
        widths.append(high - low)
    assert widths[1] < 0.3 * widths[0]


def test_windows_that_repeat_do_not_narrow_the_interval_when_blocks_hold_them():
    gain = np.repeat(np.random.default_rng(0).normal(0, 1, 100), 20)
    width = {}
    for block in (1, 40):
        low, high = gain_interval(np.zeros(2000), gain, 2000.0, block, 2000, np.random.default_rng(1))
        width[block] = high - low
    assert width[40] > 3 * width[1]
