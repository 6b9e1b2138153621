"""Batches: seeded, shared out, and resumable at any of them."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from bows.data.corpus import Bags
from bows.data.sampler import WindowBatches
from bows.data.windows import Windows


def windows(count: int) -> Windows:
    """`count` windows of one row, row i holding word i % 5."""
    return Windows(Bags(np.arange(count + 1), (np.arange(count) % 5).astype(np.uint16)), 5, 1, 1)


def read(batches: WindowBatches) -> list[list[int]]:
    return [batch.numbers.tolist() for batch in batches]


def joined(parts) -> list[int]:
    return [number for part in parts for number in part]


def epoch(number: int, seed=1, count=50, **options) -> list[list[int]]:
    batches = WindowBatches(windows(count), 8, seed, **options)
    batches.set_epoch(number)
    return read(batches)


def test_seed_and_epoch_fix_the_order_and_nothing_else_does():
    torch.manual_seed(0)
    first = epoch(0)
    torch.manual_seed(1)
    before = torch.get_rng_state()
    assert epoch(0) == first
    assert torch.equal(torch.get_rng_state(), before)  # the global generator is left alone
    others = [epoch(0, seed=2), epoch(1), epoch(2), epoch(1, seed=2), epoch(0, seed=0), epoch(1, seed=0)]
    assert first not in others
    assert len({str(order) for order in others}) == len(others)


@pytest.mark.parametrize("seed", [0, 2**32 - 1])
def test_an_epoch_takes_each_window_once_in_another_order_than_theirs(seed):
    batches = epoch(3, seed=seed)
    flat = joined(batches)
    assert sorted(flat) == list(range(50))
    assert flat != sorted(flat)
    assert [len(batch) for batch in batches] == [8] * 6 + [2]


def test_without_shuffling_windows_come_in_order_every_epoch():
    assert epoch(0, shuffle=False) == epoch(4, shuffle=False)
    assert joined(epoch(0, shuffle=False)) == list(range(50))


def test_most_takes_evenly_spaced_windows_once():
    assert joined(epoch(0, shuffle=False, most=5)) == [0, 10, 20, 30, 40]
    assert sorted(joined(epoch(0, most=5))) == [0, 10, 20, 30, 40]


@given(st.integers(1, 40), st.integers(1, 12), st.integers(1, 5), st.booleans())
def test_ranks_partition_each_batch(count, batch_size, world, shuffle):
    whole = read(WindowBatches(windows(count), batch_size, 7, shuffle))
    shares = [read(WindowBatches(windows(count), batch_size, 7, shuffle, None, rank, world)) for rank in range(world)]
    assert {len(share) for share in shares} == {len(whole)}  # processes wait for each other at each batch
    for batch, *parts in zip(whole, *shares, strict=True):
        together = sorted(joined(parts))
        if len(batch) >= world or not shuffle:
            assert together == sorted(batch)
        else:
            # A mean over no windows is not a number: the rank takes one that another has.
            assert set(together) == set(batch)
            assert all(len(part) == 1 for part in parts)


@given(st.integers(1, 40), st.integers(1, 12), st.none() | st.integers(1, 40))
def test_length_is_the_number_of_batches(count, batch_size, most):
    batches = WindowBatches(windows(count), batch_size, 0, most=most)
    assert len(batches) == len(read(batches))


@pytest.mark.parametrize("done", [0, 1, 4, 6, 7])
def test_a_state_continues_with_exactly_the_batches_that_were_left(done):
    running = WindowBatches(windows(50), 8, seed=3)
    for number in (0, 1):
        running.set_epoch(number)
        whole = read(running) if number == 0 else []
    iterator = iter(running)
    whole = [next(iterator).numbers.tolist() for _ in range(done)]
    state = running.state_dict()
    left = [batch.numbers.tolist() for batch in iterator]

    resumed = WindowBatches(windows(50), 8, seed=3)
    resumed.load_state_dict(state)
    assert resumed.state_dict() == state  # a run may stop again before it reads a batch
    resumed.set_epoch(1)
    assert read(resumed) == left
    assert whole + left == epoch(1, seed=3)
    # Only the epoch that was broken off is cut short.
    resumed.set_epoch(2)
    assert resumed.state_dict() == {"epoch": 2, "batches": 0}
    assert read(resumed) == epoch(2, seed=3)


def test_a_state_of_one_epoch_does_not_cut_another():
    resumed = WindowBatches(windows(50), 8, seed=3)
    resumed.load_state_dict({"epoch": 1, "batches": 7})
    resumed.set_epoch(2)
    assert read(resumed) == epoch(2, seed=3)


def test_lightning_finds_set_epoch():
    from lightning_fabric.utilities.data import _set_sampler_epoch

    batches = WindowBatches(windows(50), 8, seed=1)
    _set_sampler_epoch(batches, 5)
    assert read(batches) == epoch(5)


def test_a_batch_makes_its_own_bags():
    batch = next(iter(WindowBatches(windows(9), 4, 0)))
    assert batch.bags().argmax(1).tolist() == [number % 5 for number in batch.numbers.tolist()]
    assert batch.bags().sum(1).tolist() == [1] * 4
