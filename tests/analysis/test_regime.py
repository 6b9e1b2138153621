"""The rule of the regimes, at its edges, and the shares that are counted from it."""

from itertools import pairwise

import numpy as np
import pytest
import torch

from bows.analysis.packing import WordGeometry, word_geometry
from bows.analysis.regime import REGIMES, Thresholds, regime_shares, regimes, regimes_by_decile

USUAL = Thresholds()


def label(r2=0.5, linear=0.1, gap=-1.0, lowest=-0.5, mutual=False, largest=0.5, thresholds=USUAL):
    geometry = WordGeometry(np.ma.array([lowest]), np.array([7 if mutual else -1]), np.ma.array([largest]))
    return regimes([r2], [linear], [gap], geometry, thresholds)[0]


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        ({"r2": 0.0499}, "absent"),
        ({"r2": -3.0, "linear": 1.0, "gap": 1.0, "mutual": True, "lowest": -1.0}, "absent"),
        ({"r2": 0.05}, "mixed"),
        ({"linear": 0.45, "gap": 0.01}, "linear"),
        ({"linear": 0.4499, "gap": 0.01}, "mixed"),
        ({"linear": 0.9, "gap": -0.06}, "mixed"),
        ({"linear": 0.9, "gap": -0.0599}, "linear"),
        ({"linear": 0.9, "gap": 1.0, "mutual": True, "lowest": -0.99}, "linear"),
        ({"mutual": True, "lowest": -0.9001, "largest": 0.95}, "antipodal"),
        ({"mutual": True, "lowest": -0.9}, "mixed"),
        ({"mutual": False, "lowest": -0.99}, "mixed"),
        ({"largest": 0.0999}, "orthogonal"),
        ({"largest": 0.1}, "mixed"),
    ],
)
def test_the_first_rule_that_fits_decides(case, expected):
    assert label(**case) == expected


def test_thresholds_are_settings():
    assert label(r2=0.3, thresholds=Thresholds(absent=0.4)) == "absent"
    assert label(linear=0.3, gap=1.0, thresholds=Thresholds(linear=0.5)) == "linear"
    assert label(linear=0.9, gap=0.2, thresholds=Thresholds(gap=0.3)) == "mixed"
    assert label(mutual=True, lowest=-0.6, thresholds=Thresholds(antipodal=-0.5)) == "antipodal"
    assert label(largest=0.3, thresholds=Thresholds(orthogonal=0.4)) == "orthogonal"
    assert "absent: R² < 0.4" in str(Thresholds(absent=0.4))


def test_a_word_without_r2_has_no_regime_and_is_counted():
    geometry = WordGeometry(np.ma.zeros(3), np.full(3, -1), np.ma.ones(3))
    r2 = np.ma.masked_array([0.9, 0.0, 0.9], mask=[False, True, False])
    labels = regimes(r2, [0.1, 0.1, 0.1], [1.0, 1.0, 1.0], geometry, USUAL)
    assert labels.mask.tolist() == [False, True, False]
    shares = regime_shares(labels)
    assert shares["regime/words"] == 2
    assert shares["regime/undefined"] == 1
    assert shares["regime/mixed"] == 1.0


def test_shares_add_up_to_one():
    labels = np.ma.masked_array(np.random.default_rng(0).choice(REGIMES, 50), mask=np.arange(50) % 7 == 0)
    shares = regime_shares(labels)
    assert sum(shares[f"regime/{name}"] for name in REGIMES) == pytest.approx(1.0)
    for name in REGIMES:
        assert shares[f"regime/{name}"] == np.mean([each == name for each in labels.compressed()])


def test_all_undefined_gives_counts_only():
    assert regime_shares(np.ma.masked_all(3, dtype="U9")) == {"regime/words": 0.0, "regime/undefined": 3.0}


def test_deciles_hold_equally_many_words_from_rare_to_frequent():
    generator = np.random.default_rng(1)
    labels = np.ma.masked_array(generator.choice(REGIMES, 110), mask=np.arange(110) < 10)
    frequency = generator.permutation(110) / 110
    table = regimes_by_decile(labels, frequency).to_pylist()
    assert [row["decile"] for row in table] == list(range(1, 11))
    assert [row["words"] for row in table] == [10] * 10
    assert all(row["highest_frequency"] < after["lowest_frequency"] for row, after in pairwise(table))
    known = np.flatnonzero(~labels.mask)
    rarest = known[np.argsort(frequency[known])[:10]]
    for name in REGIMES:
        assert table[0][name] == sum(labels[index] == name for index in rarest)


def test_geometry_of_words_finds_mutual_pairs_and_skips_zero_columns():
    encoder = torch.tensor([[1.0, -2.0, 0.0, 0.3, 0.0], [0.0, 0.0, 1.0, 1.0, 0.0]])
    near = word_geometry(encoder)
    assert near.antipode.tolist()[:2] == [1, 0]
    assert near.antipode[3] == -1  # its lowest cosine is with word 1, whose own is with word 0
    assert near.largest_cosine.mask.tolist() == [False] * 4 + [True]
    unit = encoder[:, :4].double() / encoder[:, :4].double().norm(dim=0)
    cosines = (unit.T @ unit).fill_diagonal_(0)
    np.testing.assert_allclose(near.largest_cosine[:4], cosines.abs().max(1).values, atol=1e-6)
    np.testing.assert_allclose(near.lowest_cosine[:4], cosines.min(1).values.clamp(max=0), atol=1e-6)
