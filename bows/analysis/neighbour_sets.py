"""Find small sets of words connected by nearest neighbours, whatever their shape: candidates for rings, lines and clusters.

Single linkage in a graph of mutual nearest neighbours follows a chain of words as readily as it fills a ball, so a ring, a line and a
cluster are all connected sets of it, at some level of the tree and for some number of neighbours.
"""

from typing import NamedTuple

import numpy as np
import torch
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import minimum_spanning_tree
from torch import Tensor

from bows.analysis.directions import BLOCK

SMALLEST, LARGEST = 4, 24  # words in a set: three words are always a ring, and 24 the largest set worth reading
LEVELS = (2, 3, 4, 6, 8, 12)  # numbers of neighbours: a ring asks for two, a ball for many
CELLS = 10_000_000  # cosines held at a time: 40 MB in float32


class Neighbourhoods(NamedTuple):
    """The nearest words of each of N words, nearest first."""

    indices: np.ndarray
    """(N, K) int64: words by cosine, never the word itself."""
    cosines: np.ndarray
    """(N, K): their cosines with the word, in [-1, 1]."""


def neighbourhoods(unit: Tensor, count: int = LARGEST) -> Neighbourhoods:
    """Return the ``count`` nearest words, by cosine, of every word of B vocabularies of V words, within its own vocabulary.

    Word v of vocabulary b has the number b V + v, so that all of them can be searched as one graph without edges between vocabularies.

    Args:
        unit: (B, m, V) unit directions.
        count: K, brought down to V - 1 where there are no more. The default reaches past any set: the nearest word outside a set of n
            words is among the first n neighbours.

    >>> neighbourhoods(torch.tensor([[[1.0, 0.8, 0.0], [0.0, 0.6, 1.0]]]), 1).indices.tolist()
    [[1], [0], [1]]
    """
    batch, _, words = unit.shape
    count = min(count, words - 1)
    indices = np.empty((batch, words, count), np.int64)
    cosines = np.empty((batch, words, count), np.float32)
    width = min(words, BLOCK)
    step = max(1, CELLS // (width * words))
    with torch.autocast(unit.device.type, enabled=False):
        for first in range(0, batch, step):
            part = unit[first : first + step]
            offset = words * torch.arange(first, first + len(part)).view(-1, 1, 1)
            for start in range(0, words, width):
                product = part[:, :, start : start + width].mT @ part
                own = torch.arange(product.shape[1])
                product[:, own, own + start] = -torch.inf
                top = product.topk(count, dim=2)
                place = (slice(first, first + step), slice(start, start + width))
                indices[place] = (top.indices.cpu() + offset).numpy()
                cosines[place] = top.values.clamp(-1, 1).cpu().numpy()
    return Neighbourhoods(indices.reshape(-1, count), cosines.reshape(-1, count))


def neighbour_sets(near: Neighbourhoods) -> dict[int, np.ndarray]:
    """Return every set of 4 to 24 words that is a branch of a single-linkage tree on mutual nearest neighbours.

    For each k in 2, 3, 4, 6, 8, 12: two words are joined if each is among the other's k nearest and their cosine is positive. The
    minimum spanning tree of that graph by 1 - cosine, its edges taken shortest first, merges words into ever larger sets; each set
    met on the way is a candidate, once, however many k find it.

    Returns:
        size n -> (sets, n) int64, words in index order, sets in lexicographic order; sizes in increasing order.
    """
    found: set[tuple[int, ...]] = set()
    first, second, cosine, level = _mutual_edges(near)
    words = len(near.indices)
    for neighbours in LEVELS:
        chosen = level <= neighbours
        # Plus 1: a stored distance of 0, between two words of one direction, would be no edge to SciPy.
        graph = csr_matrix((2 - cosine[chosen], (first[chosen], second[chosen])), shape=(words, words))
        tree = minimum_spanning_tree(graph).tocoo()
        shortest = np.argsort(tree.data, kind="stable")
        found |= _branches(zip(tree.row[shortest].tolist(), tree.col[shortest].tolist(), strict=True), words)
    by_size: dict[int, list[tuple[int, ...]]] = {size: [] for size in range(SMALLEST, LARGEST + 1)}
    for members in sorted(found):
        by_size[len(members)].append(members)
    return {size: np.array(sets, dtype=np.int64) for size, sets in by_size.items() if sets}


def _mutual_edges(near: Neighbourhoods) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return pairs (first < second) of mutual neighbours with a positive cosine, and the least k at which they are mutual."""
    words, count = near.indices.shape[0], min(near.indices.shape[1], max(LEVELS))
    first = np.repeat(np.arange(words), count)
    second = near.indices[:, :count].ravel()
    rank = np.tile(np.arange(1, count + 1), words)
    key = first * words + second
    order = np.argsort(key)
    back = second * words + first
    place = np.minimum(np.searchsorted(key, back, sorter=order), len(key) - 1)
    match = order[place]
    cosine = near.cosines[:, :count].ravel().astype(np.float64)
    kept = (key[match] == back) & (first < second) & (cosine > 0)
    level = np.maximum(rank, rank[match])
    return first[kept], second[kept], cosine[kept], level[kept]


def _branches(edges, words: int) -> set[tuple[int, ...]]:
    """Return the sets of SMALLEST to LARGEST words that arise when the edges of a tree are merged in order."""
    group: list[list[int] | None] = [[word] for word in range(words)]  # None: in a set that has grown too large
    found = set()
    for first, second in edges:
        left, right = group[first], group[second]
        merged = None
        if left is not None and right is not None and len(left) + len(right) <= LARGEST:
            merged = left + right
            if len(merged) >= SMALLEST:
                found.add(tuple(sorted(merged)))
        for word in (left or []) + (right or []):
            group[word] = merged
    return found
