"""Frequency deciles, permutations inside groups, and scores against a null, by definition."""

import statistics

import numpy as np
import pytest

from bows.analysis.permutation_null import against_null, frequency_deciles, permutations_within


@pytest.mark.parametrize(("words", "count"), [(100, 10), (103, 10), (7, 10), (23, 4), (1, 1)])
def test_groups_are_equal_in_size_and_ordered_by_frequency(words, count):
    frequency = np.random.default_rng(words).permutation(words) / words
    groups = frequency_deciles(frequency, count)
    sizes = np.bincount(groups, minlength=count)
    assert len(groups) == words
    assert sizes.sum() == words
    assert sizes.max() - sizes.min() <= 1
    for low in range(count):
        for high in range(low + 1, count):
            if sizes[low] and sizes[high]:
                assert frequency[groups == low].max() < frequency[groups == high].min()


def test_ten_groups_unless_told():
    assert frequency_deciles(np.arange(10)[::-1]).tolist() == [9, 8, 7, 6, 5, 4, 3, 2, 1, 0]


def test_ties_go_by_index():
    assert frequency_deciles(np.array([1.0, 0.0, 1.0, 1.0, 0.0, 1.0]), 3).tolist() == [1, 0, 1, 2, 0, 2]


def test_no_words_no_groups():
    assert frequency_deciles(np.empty(0)).tolist() == []


@pytest.mark.parametrize(("frequency", "count"), [(np.ones(3), 0), (np.ones((3, 2)), 2)])
def test_what_cannot_be_grouped_is_refused(frequency, count):
    with pytest.raises(ValueError, match="one group or more"):
        frequency_deciles(frequency, count)


def test_each_position_stays_in_its_group_and_each_row_is_a_permutation():
    groups = np.array([3, 0, 3, 0, -1, 3, 0, 3])
    drawn = permutations_within(groups, 50, np.random.default_rng(1))
    assert drawn.shape == (50, 8)
    assert (groups[drawn] == groups).all()
    assert (np.sort(drawn, axis=1) == np.arange(8)).all()


def test_every_order_inside_a_group_is_as_likely():
    drawn = permutations_within(np.array([0, 1, 0, 1, 0]), 6000, np.random.default_rng(2))
    orders, counts = np.unique(drawn[:, [0, 2, 4]], axis=0, return_counts=True)
    assert len(orders) == 6
    assert np.abs(counts - 1000).max() < 5 * np.sqrt(1000)
    # Groups are permuted independently: all 12 joint orders come up.
    assert len(np.unique(drawn, axis=0)) == 12


def test_a_seed_gives_the_same_permutations():
    groups = np.arange(20) % 3
    first, again, other = (permutations_within(groups, 5, np.random.default_rng(seed)) for seed in (7, 7, 8))
    assert (first == again).all()
    assert (first != other).any()


def test_score_against_a_null():
    null = [0.1, 0.5, 0.3, 0.7]
    scores = against_null("x", 0.5, np.array(null))
    assert scores == pytest.approx({"x": 0.5, "x_null": 0.4, "x_p": 3 / 5, "x_z": (0.5 - 0.4) / statistics.stdev(null)})


def test_p_is_never_zero_and_rounding_counts_as_equal():
    assert against_null("x", 1.0, np.zeros(9))["x_p"] == 0.1
    assert against_null("x", 1.0, np.array([1 - 1e-8, 0, 0]))["x_p"] == 0.5


def test_what_is_not_defined_is_left_out():
    assert against_null("x", 1.0, np.empty(0)) == {"x": 1.0}
    assert set(against_null("x", 1.0, np.array([0.5]))) == {"x", "x_null", "x_p"}
    assert set(against_null("x", 1.0, np.array([0.5, 0.5, 0.5 + 1e-9]))) == {"x", "x_null", "x_p"}
