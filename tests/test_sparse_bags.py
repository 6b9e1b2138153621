"""Bags as lists of words against plain sets."""

import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st

from bows.sparse_bags import SparseBags

WORDS = 9


@given(st.lists(st.lists(st.integers(0, WORDS - 1), max_size=12), min_size=1, max_size=6), st.sampled_from("HIq"))
@example([[3, 3, 3, 3] * 80, [], [8, 0, 8]], "H")  # more repeats than eight bits count
def test_both_readings_are_the_sets_of_distinct_words(bags, dtype):
    columns = np.array([word for bag in bags for word in bag], dtype)
    sparse = SparseBags.of(columns, np.cumsum([0, *map(len, bags)]), WORDS)
    sets = [sorted(set(bag)) for bag in bags]
    holders = [[number for number, bag in enumerate(bags) if word in bag] for word in range(WORDS)]

    assert all(
        array.dtype == torch.int32 for array in (sparse.columns, sparse.offsets, sparse.bags, sparse.word_offsets)
    )
    assert [part.tolist() for part in np.split(sparse.columns.numpy(), sparse.offsets[1:-1])] == sets
    assert [part.tolist() for part in np.split(sparse.bags.numpy(), sparse.word_offsets[1:-1])] == holders
    filled = sum(map(len, sets))
    assert sparse.offsets[-1] == sparse.word_offsets[-1] == filled
    assert (len(sparse), sparse.words) == (len(bags), WORDS)
    assert sparse.density == pytest.approx(filled / (len(bags) * WORDS))
    expected = [[float(word in bag) for word in range(WORDS)] for bag in bags]
    assert sparse.dense().tolist() == expected
    assert sparse.dense().dtype == torch.float32
    assert sparse.positions().tolist() == np.flatnonzero(expected).tolist()
    assert sparse.by_rows().toarray().tolist() == expected
    values = torch.arange(2.0 * WORDS).view(WORDS, 2)
    assert sparse.sum_words(values).tolist() == [
        [sum(values[word, k].item() for word in bag) for k in (0, 1)] for bag in sets
    ]
    values = torch.arange(3.0 * len(bags)).view(len(bags), 3)
    summed = [[sum(values[bag, k].item() for bag in holding) for k in range(3)] for holding in holders]
    assert sparse.sum_bags(values).tolist() == summed
