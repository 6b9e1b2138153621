"""Counts against loops over windows, in every way of counting them."""

from itertools import pairwise

import numpy as np
import pytest
import torch

from bows import sparse_bags
from bows.analysis import cooccurrence as module
from bows.analysis.cooccurrence import Cooccurrence
from bows.errors import DataError, SettingError


def random_bags(windows: int, words: int, seed: int = 0) -> torch.Tensor:
    """Common and rare words in no order of frequency, one in every window, one in none."""
    generator = np.random.default_rng(seed)
    bags = generator.random((windows, words)) < generator.permutation(np.geomspace(0.02, 0.8, words))
    bags[:, 1], bags[:, 2] = True, False
    return torch.from_numpy(bags).float()


def streamed(bags: torch.Tensor, size: int = 7, form=lambda part: part):
    return lambda: map(form, bags.split(size))


def as_lists(bags: torch.Tensor) -> sparse_bags.SparseBags:
    rows, words = np.nonzero(bags.numpy())
    return sparse_bags.SparseBags.of(words, np.searchsorted(rows, np.arange(len(bags) + 1)), bags.shape[1])


FORMS = pytest.mark.parametrize("form", [torch.clone, as_lists], ids=["dense", "lists"])


def by_loops(bags: torch.Tensor) -> np.ndarray:
    sets = [set(np.flatnonzero(row)) for row in bags.numpy()]
    words = bags.shape[1]
    return np.array([[sum(i in bag and j in bag for bag in sets) for j in range(words)] for i in range(words)])


def whole(blocks) -> np.ndarray:
    """Blocks put together, each where it says it starts."""
    found = dict(blocks)
    starts = sorted(found)
    assert starts[0] == 0
    assert all(start + len(found[start]) == after for start, after in pairwise(starts))
    return torch.cat([found[start] for start in starts]).numpy()


@pytest.fixture(params=["all common", "all rare", "both"])
def common(request, monkeypatch):
    monkeypatch.setattr(module, "COMMON", {"all common": -1, "all rare": 2, "both": 0.2}[request.param])


@pytest.fixture(params=[1, 100, 10**6], ids=["many chunks", "some chunks", "one chunk"])
def nonzeros(request, monkeypatch):
    monkeypatch.setattr(sparse_bags, "NONZEROS", request.param)


@pytest.mark.usefixtures("common", "nonzeros")
@pytest.mark.parametrize("most_rows", [1, 5, 13], ids=["row by row", "stripes", "kept"])
@pytest.mark.parametrize("size", [1, 4, 1024])
@FORMS
def test_matches_loops(monkeypatch, most_rows, size, form):
    monkeypatch.setattr(module, "BLOCK", 3)
    bags = random_bags(40, 13)
    counts = Cooccurrence(streamed(bags, form=form), 13, most_bytes=most_rows * 13 * 4)
    assert counts.keeps_all == (most_rows == 13)
    blocks = list(counts.blocks(size))
    assert max(len(block) for _, block in blocks) == min(size, most_rows)
    np.testing.assert_array_equal(whole(blocks), by_loops(bags))
    chosen = [5, 1, 12, 2]
    np.testing.assert_array_equal(counts.among(chosen), by_loops(bags)[np.ix_(chosen, chosen)])


@pytest.mark.parametrize("most_rows", [5, 13])
@FORMS
def test_covariance_is_numpys(most_rows, form):
    bags = random_bags(40, 13)
    counts = Cooccurrence(streamed(bags, form=form), 13, most_bytes=most_rows * 13 * 4)
    expected = np.cov(bags.double().numpy().T, bias=True)
    covariance = whole(counts.covariance_blocks(3))
    assert covariance.dtype == np.float64
    np.testing.assert_allclose(covariance, expected, atol=1e-15)
    np.testing.assert_array_equal(covariance[[1, 2]], 0)  # words that are always or never there
    matrix = torch.randn(13, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    np.testing.assert_allclose(counts.covariance_times(matrix), expected @ matrix.numpy(), atol=1e-12)
    assert counts.covariance_times(matrix.float()).dtype == torch.float32


def test_windows_and_words_are_counted():
    bags = random_bags(40, 13)
    counts = Cooccurrence(streamed(bags), 13)
    assert counts.windows == 40
    np.testing.assert_array_equal(counts.present, bags.numpy().sum(0))
    assert counts.present.dtype == torch.float64
    assert counts.dtype == next(iter(counts.blocks()))[1].dtype == torch.float32


def test_counts_beyond_what_float32_holds_are_float64(monkeypatch):
    monkeypatch.setattr(module, "EXACT", 39)
    bags = random_bags(40, 13)
    counts = Cooccurrence(streamed(bags), 13, most_bytes=13 * 13 * 4)
    assert not counts.keeps_all  # twice the bytes
    blocks = list(counts.blocks())
    assert {block.dtype for _, block in blocks} == {torch.float64}
    np.testing.assert_array_equal(whole(blocks), by_loops(bags))


def test_kept_counts_take_two_passes_and_stripes_one_each():
    passes = []

    def batches():
        passes.append(1)
        return [random_bags(40, 13)]

    kept = Cooccurrence(batches, 13)
    for _ in range(3):
        list(kept.blocks(4))
    assert len(passes) == 2
    passes.clear()
    striped = Cooccurrence(batches, 13, most_bytes=5 * 13 * 4)
    list(striped.blocks(2))
    assert len(passes) == 1 + 3


def test_under_autocast_counts_stay_exact():
    bags = torch.ones(300, 5)  # bfloat16 has no 299
    bags[0] = 0
    with torch.autocast("cpu", torch.bfloat16):
        counts = Cooccurrence(streamed(bags), 5)
        assert whole(counts.blocks()).tolist() == [[299.0] * 5] * 5
        assert counts.present.tolist() == [299.0] * 5
        few = Cooccurrence(streamed(bags, 300), 5, most_bytes=20)
        assert few.among([0, 1]).tolist() == [[299.0] * 2] * 2


def test_what_cannot_be_counted_is_refused():
    with pytest.raises(DataError, match="no window"):
        Cooccurrence(list, 3)
    with pytest.raises(DataError, match="do not fit 3 words"):
        Cooccurrence(lambda: [torch.zeros(2, 4)], 3)
    with pytest.raises(SettingError, match=r"most_bytes=11 .* 12 or more"):
        Cooccurrence(lambda: [torch.zeros(2, 3)], 3, most_bytes=11)


def test_few_nearly_empty_bags_are_multiplied_instead_of_their_counts(monkeypatch):
    bags = (torch.rand(50, 40, generator=torch.Generator().manual_seed(0)) < 0.05).float()
    filled, matrix = int(bags.sum()), torch.randn(40, 3, generator=torch.Generator().manual_seed(1))
    expected = np.cov(bags.double().numpy().T, bias=True) @ matrix.double().numpy()
    counted = []
    monkeypatch.setattr(Cooccurrence, "_all", lambda counts: counted.append(1) or torch.zeros(40, 40))
    for most_bytes, rate, kept in ((1 << 20, 1600 // filled, True), (1 << 20, 1600 // filled + 1, False)):
        monkeypatch.setattr(module, "LEAST_CELLS", rate)
        found = Cooccurrence(streamed(bags, form=as_lists), 40, most_bytes).covariance_times(matrix)
        assert bool(counted) != kept
        if kept:
            np.testing.assert_allclose(found.numpy(), expected, atol=1e-6)
    # Bags take no more than a quarter of the memory that the counts may take.
    monkeypatch.setattr(module, "LEAST_CELLS", 1)
    assert Cooccurrence(streamed(bags, form=as_lists), 40, 32 * filled)._held
    assert not Cooccurrence(streamed(bags, form=as_lists), 40, 32 * filled - 1)._held
    assert not Cooccurrence(streamed(bags), 40)._held
