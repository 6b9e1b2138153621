"""A word's pre-activation taken apart, random contexts matched for frequency, and what a ReLU removes."""

import numpy as np
import pytest
import torch

from bows.analysis.explanation import PreActivations, contributions, histogram, random_contexts, removed_by_relu


@pytest.mark.parametrize("tied", [True, False])
def test_parts_add_up_to_the_pre_activation(tied):
    torch.manual_seed(0)
    encoder, bias = torch.randn(4, 10), torch.randn(10)
    decoder = None if tied else torch.randn(10, 4)
    word, context = 3, [7, 0, 9]
    bag = torch.zeros(10)
    bag[[word, *context]] = 1
    rows = encoder.T if tied else decoder
    parts = contributions(encoder, decoder, bias, word, context)
    assert parts.bias + parts.itself + sum(parts.context) == pytest.approx(
        float((rows @ (encoder @ bag) + bias)[word]), abs=1e-5
    )
    assert parts.itself == pytest.approx(float(rows[word] @ encoder[:, word]), abs=1e-6)
    assert parts.context[0] == pytest.approx(float(rows[word] @ encoder[:, 7]), abs=1e-6)


def test_random_contexts_are_of_like_frequency_and_leave_out_the_word_and_its_context():
    generator = np.random.default_rng(0)
    frequency = generator.permutation(200) / 200
    deciles = np.argsort(np.argsort(frequency)) // 20
    word, context = 5, [10, 20, 30]
    drawn = random_contexts(frequency, context, word, 500, np.random.default_rng(1))
    assert drawn.shape == (500, 3)
    assert (deciles[drawn] == deciles[context]).all()
    assert not np.isin(drawn, [word, *context]).any()
    # Over many draws every word of a decile but those left out comes up.
    choice = set(np.flatnonzero(deciles == deciles[10])) - {word, *context}
    assert set(drawn[:, 0]) == choice


def test_no_word_comes_twice_in_a_random_context():
    drawn = random_contexts(np.arange(100) / 100, [50, 51, 52, 53, 54], 0, 300, np.random.default_rng(0))
    assert all(len(set(row)) == 5 for row in drawn.tolist())
    assert set(drawn.ravel()) == {55, 56, 57, 58, 59}


def test_a_tiny_vocabulary_still_gives_contexts():
    drawn = random_contexts(np.arange(4) / 4, [1, 2], 0, 50, np.random.default_rng(0))
    assert set(drawn.ravel()) == {3}
    drawn = random_contexts(np.arange(3) / 3, [1, 2], 0, 50, np.random.default_rng(0))
    assert set(drawn.ravel()) <= {1, 2}


def test_a_histogram_counts_every_value_once_with_an_edge_at_zero():
    generator = np.random.default_rng(0)
    values = PreActivations(generator.normal(1, 2, 300), generator.normal(-1, 1, 5000))
    edges, present, absent = histogram(values)
    assert present.sum() == 300
    assert absent.sum() == 5000
    assert np.abs(edges).min() < 1e-12
    middle = np.argmin(np.abs(edges))
    assert absent[middle:].sum() == (values.without_word >= 0).sum()
    assert 58 <= len(edges) - 1 <= 62


@pytest.mark.parametrize("value", [0.0, -3.0, 2.0])
def test_a_histogram_of_one_value_holds_it(value):
    edges, present, absent = histogram(PreActivations(np.array([value]), np.array([value])))
    assert present.sum() == absent.sum() == 1
    assert (np.diff(edges) > 0).all()


def test_what_the_relu_removes():
    without = np.array([-0.5, -0.2, 0.0, 0.3, -1.0, -2.0])
    # Over the bias of -0.9: -0.5, -0.2, 0 and 0.3 are pushed, and 0.3 gets through.
    assert removed_by_relu(PreActivations(np.array([5.0]), without), bias=-0.9) == (4, 3)
