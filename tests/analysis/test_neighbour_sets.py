"""Candidate sets: neighbourhoods against a full sort, branches against SciPy's single linkage, and shapes they must find."""

import itertools

import numpy as np
import pytest
import torch
from scipy.cluster.hierarchy import linkage
from scipy.spatial.distance import squareform

from bows.analysis import neighbour_sets as module
from bows.analysis.neighbour_sets import LARGEST, SMALLEST, neighbour_sets, neighbourhoods


def random_unit(batch, latent, words, seed=0):
    unit = torch.randn(batch, latent, words, generator=torch.Generator().manual_seed(seed))
    return unit / unit.norm(dim=1, keepdim=True)


def circle(words):
    angles = torch.arange(words) * 2 * torch.pi / words
    return torch.stack([angles.cos(), angles.sin()])


def by_hand(unit):
    """All branches by SciPy's linkage of each connected part's distances, absent edges far away."""
    cosine = (unit.T.double() @ unit.double()).numpy()
    words = len(cosine)
    rank = np.empty((words, words), int)
    for word in range(words):
        others = sorted((other for other in range(words) if other != word), key=lambda other: -cosine[word, other])
        rank[word, word] = words
        rank[word, others] = range(1, words)
    found = set()
    for level in (2, 3, 4, 6, 8, 12):
        joined = (rank <= level) & (level >= rank.T) & (cosine > 0)
        distance = np.where(joined, 1 - cosine, 100.0)
        np.fill_diagonal(distance, 0)
        members = [[word] for word in range(words)]
        for left, right, height, _ in linkage(squareform(distance, checks=False), "single"):
            merged = members[int(left)] + members[int(right)]
            members.append(merged)
            if height < 100 and SMALLEST <= len(merged) <= LARGEST:
                found.add(tuple(sorted(merged)))
    return found


def as_set(by_size):
    return {tuple(row) for sets in by_size.values() for row in sets.tolist()}


@pytest.mark.parametrize(("latent", "words", "seed"), [(2, 12, 0), (3, 12, 1), (5, 60, 2), (3, 60, 3), (20, 40, 4)])
def test_branches_are_those_of_single_linkage(latent, words, seed):
    unit = random_unit(1, latent, words, seed)
    assert as_set(neighbour_sets(neighbourhoods(unit))) == by_hand(unit[0])


def test_neighbourhoods_match_a_full_sort_by_blocks_and_batches(monkeypatch):
    unit = random_unit(3, 4, 30)
    cosine = (unit.mT @ unit).numpy()
    for block, cells in ((1024, 10_000_000), (7, 500), (30, 2000)):
        monkeypatch.setattr(module, "BLOCK", block)
        monkeypatch.setattr(module, "CELLS", cells)
        near = neighbourhoods(unit, 5)
        for batch, word in itertools.product(range(3), range(30)):
            row = cosine[batch, word].copy()
            row[word] = -2
            expected = np.argsort(-row)[:5]
            np.testing.assert_array_equal(near.indices[30 * batch + word], expected + 30 * batch)
            np.testing.assert_allclose(near.cosines[30 * batch + word], row[expected], rtol=1e-5)


def test_a_batch_holds_what_each_vocabulary_holds():
    unit = random_unit(3, 3, 20)
    together = as_set(neighbour_sets(neighbourhoods(unit)))
    alone = set()
    for number in range(3):
        sets = as_set(neighbour_sets(neighbourhoods(unit[number : number + 1])))
        alone |= {tuple(word + 20 * number for word in row) for row in sets}
    assert together == alone


def test_a_ring_among_random_directions_is_a_candidate():
    unit = torch.zeros(32, 112)
    unit[:2, :12] = circle(12)
    unit[2:, 12:] = random_unit(1, 30, 100)[0]
    assert tuple(range(12)) in as_set(neighbour_sets(neighbourhoods(unit[None])))


def test_sets_keep_their_sizes_and_come_once_in_order():
    by_size = neighbour_sets(neighbourhoods(random_unit(1, 3, 200)))
    assert list(by_size) == sorted(by_size)
    assert min(by_size) >= SMALLEST
    assert max(by_size) <= LARGEST
    for size, sets in by_size.items():
        rows = sets.tolist()
        assert sets.shape[1] == size
        assert rows == sorted(rows)
        assert len({tuple(row) for row in rows}) == len(rows)
        assert all(row == sorted(set(row)) for row in rows)


def test_words_of_one_direction_hang_together():
    unit = torch.eye(10)[:, [0, 0, 0, 0, 1, 2, 3, 4, 5, 6]]
    assert (0, 1, 2, 3) in as_set(neighbour_sets(neighbourhoods(unit[None])))


def test_right_angles_and_opposites_join_nothing():
    assert neighbour_sets(neighbourhoods(torch.eye(8)[None])) == {}
    assert neighbour_sets(neighbourhoods(torch.cat([torch.eye(4), -torch.eye(4)], 1)[None])) == {}


def test_fewer_words_than_neighbours():
    near = neighbourhoods(random_unit(1, 2, 5))
    assert near.indices.shape == (5, 4)
    assert as_set(neighbour_sets(near)) <= {row for size in (4, 5) for row in itertools.combinations(range(5), size)}
