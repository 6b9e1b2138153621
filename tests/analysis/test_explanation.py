"""A word's pre-activation taken apart, random contexts matched for frequency, and what a ReLU removes."""

import collections
import itertools
import math

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


def some_windows(count: int = 400, words: int = 60) -> tuple[list[np.ndarray], np.ndarray]:
    """Windows whose words go together in six topics, and each word's share of windows."""
    generator = np.random.default_rng(0)
    topic = generator.integers(6, size=(count, 1))
    share = np.linspace(0.05, 0.4, words) * np.where(np.arange(words) % 6 == topic, 2.4, 0.2)
    bags = generator.random((count, words)) < share
    return [np.flatnonzero(bag) for bag in bags], bags.mean(0)


def test_random_contexts_are_parts_of_windows_with_words_as_frequent():
    windows, frequency = some_windows()
    deciles = np.argsort(np.argsort(frequency, kind="stable")) // 6
    context = [int(np.flatnonzero(deciles == decile)[0]) for decile in (9, 9, 7)]
    context[1] = int(np.flatnonzero(deciles == 9)[1])
    drawn = random_contexts(windows, frequency, context, 300, np.random.default_rng(1))
    assert drawn.strata == 10
    bags = [set(window.tolist()) for window in windows]
    for row in drawn.words.tolist():
        assert sorted(deciles[row]) == [7, 9, 9]
        assert len(set(row)) == 3
        assert any(set(row) <= bag for bag in bags)
    # Three random words of a random window, if they are as frequent: each part of a window by one over its number of parts.
    parts: dict[tuple[int, ...], float] = {}
    for window in windows:
        for part in itertools.combinations(window.tolist(), 3):
            if sorted(deciles[list(part)]) == [7, 9, 9]:
                parts[tuple(sorted(part))] = parts.get(tuple(sorted(part)), 0) + 1 / math.comb(len(window), 3)
    share = {part: count / sum(parts.values()) for part, count in parts.items()}
    many = random_contexts(windows, frequency, context, 20_000, np.random.default_rng(2)).words
    found = collections.Counter(tuple(sorted(row)) for row in many.tolist())
    expected = {part: 20_000 * each for part, each in share.items() if 20_000 * each > 20}
    assert len(expected) > 50
    deviations = [(found[part] - each) / each**0.5 for part, each in expected.items()]
    assert np.mean(np.square(deviations)) == pytest.approx(1, abs=0.3)


def test_coarser_strata_where_few_windows_have_words_as_frequent():
    windows, frequency = some_windows()
    rare = np.argsort(frequency)[:4].tolist()  # four words of the lowest decile in one window are rare
    drawn = random_contexts(windows, frequency, rare, 50, np.random.default_rng(0))
    assert drawn.strata < 10
    assert drawn.words.shape == (50, 4)
    assert random_contexts(windows[:49], frequency, rare, 50, np.random.default_rng(0)) is None
    assert random_contexts(windows, frequency, range(50), 50, np.random.default_rng(0)) is None


def test_the_p_of_a_context_from_a_window_is_uniform():
    """Of 400 contexts at 5 % between 8 and 34 (99.9 % of binomial draws); words drawn one by one give far more."""
    windows, frequency = some_windows()
    effect = np.random.default_rng(1).standard_normal(6)[np.arange(60) % 6]  # words of a topic add alike
    deciles, generator = np.argsort(np.argsort(frequency, kind="stable")) // 6, np.random.default_rng(2)
    low = {"windows": 0, "words": 0}
    for _ in range(400):
        window = windows[generator.integers(len(windows))]
        if len(window) < 5:
            continue
        context = generator.choice(window, 5, replace=False).tolist()
        drawn = random_contexts(windows, frequency, context, 99, generator).words
        alone = np.array(
            [[generator.choice(np.flatnonzero(deciles == deciles[word])) for word in context] for _ in range(99)]
        )
        for name, others in (("windows", drawn), ("words", alone)):
            low[name] += (1 + np.count_nonzero(effect[others].sum(1) >= effect[context].sum() - 1e-9)) / 100 <= 0.05
    assert 8 <= low["windows"] <= 34
    assert low["words"] > 40


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
