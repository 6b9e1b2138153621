"""Windows against a slow union of sets, and at their edges."""

import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st

from bows.data.corpus import Bags
from bows.data.windows import Windows, spread
from bows.errors import SettingError


def bags_of(rows: list[set[int]], dtype=np.uint16) -> Bags:
    indptr = np.array([0, *np.cumsum([len(row) for row in rows])], np.int64)
    return Bags(indptr, np.array([word for row in rows for word in sorted(row)], dtype))


def unions(rows: list[set[int]], window: int, stride: int) -> list[set[int]]:
    """Every window that fits, as the union of its rows' words."""
    found, start = [], 0
    while start + window <= len(rows):
        found.append(set().union(*rows[start : start + window]))
        start += stride
    return found


def words_in(bags: torch.Tensor) -> list[set[int]]:
    assert set(bags.unique().tolist()) <= {0.0, 1.0}
    return [set(row.nonzero().flatten().tolist()) for row in bags]


@st.composite
def cases(draw):
    words = draw(st.integers(1, 12))
    rows = draw(st.lists(st.sets(st.integers(0, words - 1)), min_size=1, max_size=12))
    return rows, words, draw(st.integers(1, len(rows))), draw(st.integers(1, 5))


@given(cases(), st.sampled_from([np.uint16, np.uint32]), st.randoms())
@example(([set(), set()], 3, 1, 1), np.uint16, None)
@example(([set(), {2}, set()], 3, 3, 4), np.uint32, None)
def test_a_window_is_the_union_of_its_rows(case, dtype, random):
    rows, words, window, stride = case
    windows = Windows(bags_of(rows, dtype), words, window, stride)
    expected = unions(rows, window, stride)
    assert len(windows) == len(expected)
    numbers = list(range(len(expected))) * 2
    if random:
        random.shuffle(numbers)
    bags = windows.multi_hot(torch.tensor(numbers))
    assert bags.shape == (len(numbers), words)
    assert bags.dtype == torch.float32
    assert words_in(bags) == [expected[number] for number in numbers]


@given(cases(), st.sampled_from([np.uint16, np.uint32]), st.randoms())
@example(([set(), set(), {1}], 3, 1, 1), np.uint16, None)
def test_sparse_bags_are_the_same_bags(case, dtype, random):
    rows, words, window, stride = case
    windows = Windows(bags_of(rows, dtype), words, window, stride)
    expected = unions(rows, window, stride)
    numbers = list(range(len(expected))) * 2
    if random:
        random.shuffle(numbers)
    sparse = windows.sparse(torch.tensor(numbers))
    assert sparse.words == words
    assert words_in(sparse.dense()) == [expected[number] for number in numbers]
    filled = (
        [len(expected[number * len(expected) // 2]) for number in range(2)] if len(expected) > 2 else map(len, expected)
    )
    assert windows.density(2) == pytest.approx(np.mean(list(filled)) / words)
    frequency = [(sum(word in bag for bag in expected) + 0.5) / (len(expected) + 1) for word in range(words)]
    assert windows.frequency().tolist() == pytest.approx(frequency)


@pytest.mark.parametrize(("dtype", "words"), [(np.uint16, 65_536), (np.uint32, 65_600)])
def test_indices_above_32767_keep_their_place(dtype, words):
    rows = [{0, 32_767}, {32_768, words - 1}, {40_000}]
    windows = Windows(bags_of(rows, dtype), words, 2, 1)
    assert words_in(windows.multi_hot(torch.tensor([1, 0]))) == [
        {32_768, words - 1, 40_000},
        {0, 32_767, 32_768, words - 1},
    ]
    assert words_in(windows.sparse(torch.tensor([0])).dense()) == [{0, 32_767, 32_768, words - 1}]


def test_a_batch_may_be_empty_and_of_another_type():
    windows = Windows(bags_of([{1}, {0}]), 2, 1, 1)
    assert windows.multi_hot(torch.tensor([], dtype=torch.int64)).shape == (0, 2)
    assert windows.multi_hot(torch.tensor([1]), dtype=torch.bool).tolist() == [[True, False]]


@given(cases(), st.integers(1, 7), st.none() | st.integers(1, 15))
def test_batches_go_through_the_windows_in_order(case, batch_size, most):
    rows, words, window, stride = case
    windows = Windows(bags_of(rows), words, window, stride)
    parts = list(windows.batches(batch_size, most=most))
    assert all(len(part) == batch_size for part in parts[:-1])
    expected = unions(rows, window, stride)
    if most is None or most >= len(expected):
        assert words_in(torch.cat(parts)) == expected
    else:
        assert words_in(torch.cat(parts)) == [expected[k * len(expected) // most] for k in range(most)]


@given(st.integers(1, 300), st.none() | st.integers(1, 300))
def test_spread_is_even_and_begins_at_the_first(count, most):
    numbers = spread(count, most).tolist()
    if most is None or most >= count:
        assert numbers == list(range(count))
        return
    gaps = np.diff([*numbers, count])  # the first again, one round on
    assert len(numbers) == most
    assert numbers[0] == 0
    assert gaps.min() >= count // most
    assert gaps.max() <= -(-count // most)


def test_a_window_longer_than_the_split_names_setting_split_and_range():
    bags = bags_of([{0}, {0}, {0}])
    assert len(Windows(bags, 1, 3, 1)) == 1
    with pytest.raises(SettingError, match=r"^data\.window=4 .*validation split.* 3 rows; allowed: 1 to 3$"):
        Windows(bags, 1, 4, 1, "validation")
