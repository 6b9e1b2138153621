"""Score categories of words (music, war, files) by purity of neighbourhoods and silhouette, each with a null."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import embedding_bag

from bows.analysis.directions import checked, directions, norms
from bows.analysis.neighbours import nearest
from bows.analysis.ordered_sets import resolve
from bows.analysis.permutation_null import against_null, frequency_deciles, permutations_within
from bows.errors import SettingError

CELLS = 4_000_000  # cells an intermediate array of one chunk of permutations may hold: some tens of MB


class CategoryLabels(NamedTuple):
    """The category of each word of a vocabulary."""

    labels: np.ndarray
    """(V,) int64: position in ``names``, -1 for no category."""
    names: list[str]
    """The categories with enough words in the vocabulary, in their order."""
    missing: dict[str, int]
    """For every category, whether measured or not, how many of its words are not in the vocabulary."""


def category_labels(
    categories: Mapping[str, Sequence[str]], vocabulary: Sequence[str], least: int = 10
) -> CategoryLabels:
    """Label the words of a vocabulary by category; words are looked up as by :func:`bows.analysis.ordered_sets.resolve`.

    Args:
        categories: the words of each.
        vocabulary: V words.
        least: a category with fewer words in the vocabulary is passed over.

    Raises:
        SettingError: a word of the vocabulary is found by two categories.

    >>> category_labels({"sea": ["ship", "port"], "sky": ["kite"]}, ["Ship", "kite", "port"], least=2)
    CategoryLabels(labels=array([ 0, -1,  0]), names=['sea'], missing={'sea': 0, 'sky': 0})
    """
    resolved = resolve([word for words in categories.values() for word in words], vocabulary)
    absent, found = set(resolved.missing), iter(resolved.indices)
    owner: dict[int, str] = {}
    missing, names, labels = {}, [], np.full(len(vocabulary), -1, dtype=np.int64)
    for name, words in categories.items():
        indices = {next(found) for word in words if word not in absent}
        for index in indices:
            if owner.setdefault(index, name) != name:
                raise SettingError(
                    f"analysis.categories: {vocabulary[index]!r} is in {owner[index]} and in {name}; leave it in one of them"
                )
        missing[name] = sum(word in absent for word in words)
        if len(indices) >= max(least, 1):
            labels[list(indices)] = len(names)
            names.append(name)
    return CategoryLabels(labels, names, missing)


def clusters(
    encoder: Tensor,
    labels: np.ndarray | Tensor,
    frequency: np.ndarray | Tensor,
    permutations: int,
    seed: int,
    neighbours: int = 10,
) -> dict[str, float]:
    """Compute how near words of one category are to each other, by the cosines of their directions u_i.

    Only the n labelled words with a column that is not zero enter, as words and as neighbours of words:

    - ``cluster/purity``: mean over words of the share of a word's ``neighbours`` nearest (highest cosine) labelled words
      that are of its own category, in [0, 1]. With n - 1 < ``neighbours``, all n - 1 others are its nearest.
    - ``cluster/silhouette``: mean over words of (b - a) / max(a, b), in [-1, 1], with distance 1 - cosine, a the mean
      distance to the other words of its category and b the lowest mean distance to the words of another; 0 for the only
      word of a category. Source: Rousseeuw 1987; the same as scikit-learn's ``silhouette_score(metric="cosine")``.
    - ``..._null``, ``..._z``, ``..._p``: both against labels permuted inside the deciles of the n words' frequencies, so
      that categories of frequent words do not score for that alone; see
      :func:`bows.analysis.permutation_null.against_null`. Source: Li et al. 2025.
    - ``cluster/words``, ``cluster/categories``: n, and how many categories those words have.

    Left out where not defined: purity if n < 2; the silhouette unless there are at least 2 categories and fewer than n.

    Args:
        encoder: (m, V).
        labels: (V,) int64, -1 for no category.
        frequency: (V,), how often each word occurs, in any unit.
        permutations: how many permutations the nulls rest on, 0 or more; 0 leaves the nulls out.
        seed: of the generator that draws them.
        neighbours: how many nearest words purity looks at, 1 or more.

    Raises:
        SettingError: permutations < 0 or neighbours < 1.
        ValueError: labels or frequencies that are not one a word.

    >>> encoder = torch.tensor([[1.0, 2.0, 0.0, 0.1], [0.0, 0.1, 1.0, 3.0]])
    >>> scores = clusters(encoder, np.array([0, 0, 1, 1]), np.ones(4), permutations=0, seed=0, neighbours=1)
    >>> scores["cluster/purity"], round(scores["cluster/silhouette"], 2)
    (1.0, 1.0)
    """
    if permutations < 0:
        raise SettingError(f"permutations={permutations}: the number of permutations must be 0 or more")
    if neighbours < 1:
        raise SettingError(f"neighbours={neighbours}: purity needs at least one neighbour a word")
    labelled = _labelled(encoder, labels)
    frequencies = torch.as_tensor(frequency).cpu().numpy()
    if frequencies.shape != (encoder.shape[1],):
        raise ValueError(f"frequencies {frequencies.shape} do not fit {encoder.shape[1]} words")
    words, classes = len(labelled.kept), len(np.unique(labelled.labels))
    metrics: dict[str, float] = {"cluster/words": float(words), "cluster/categories": float(classes)}
    if words < 2:
        return metrics
    drawn = permutations_within(
        frequency_deciles(frequencies[labelled.kept]), permutations, np.random.default_rng(seed)
    )
    metrics |= against_null("cluster/purity", *_purity(labelled, drawn, neighbours))
    if 2 <= classes < words:
        metrics |= against_null("cluster/silhouette", *_silhouette(labelled, drawn, classes))
    return metrics


def _purity(labelled: "_Labelled", drawn: np.ndarray, neighbours: int) -> tuple[float, np.ndarray]:
    """Return the purity, and that of the labels under each of P permutations (P, n): (P,)."""
    near = nearest(labelled.columns, neighbours).indices.cpu().numpy()
    null = [_hits(near, labelled.labels[part]).mean((1, 2)) for part in _chunks(drawn, near.size)]
    return float(_hits(near, labelled.labels[None]).mean()), np.concatenate([np.empty(0), *null])


def _silhouette(labelled: "_Labelled", drawn: np.ndarray, classes: int) -> tuple[float, np.ndarray]:
    """Return the mean silhouette, and that of the labels under each of P permutations (P, n): (P,)."""
    distance = _distances(labelled.columns)
    null = [
        _silhouettes(distance, labelled.labels[part]).double().mean(1).cpu().numpy()
        for part in _chunks(drawn, len(labelled.kept) * classes)
    ]
    observed = _silhouettes(distance.double(), labelled.labels[None]).mean().item()
    return observed, np.concatenate([np.empty(0), *null])


class _Labelled(NamedTuple):
    """The words that are scored."""

    columns: Tensor
    """(m, n), none of them zero."""
    labels: np.ndarray
    """(n,) their categories."""
    kept: np.ndarray
    """(n,) which words of the vocabulary they are."""


def _labelled(encoder: Tensor, labels: np.ndarray | Tensor) -> _Labelled:
    encoder, values = checked(encoder), torch.as_tensor(labels).cpu().numpy()
    if values.shape != (encoder.shape[1],):
        raise ValueError(f"labels {values.shape} do not fit {encoder.shape[1]} words")
    kept = np.flatnonzero((values >= 0) & (norms(encoder) > 0).cpu().numpy())
    return _Labelled(encoder[:, torch.from_numpy(kept).to(encoder.device)], values[kept], kept)


def _chunks(drawn: np.ndarray, cells: int) -> list[np.ndarray]:
    """Split permutations (P, n) into chunks, each small enough for ``cells`` cells per permutation."""
    size = max(CELLS // max(cells, 1), 1)
    return [drawn[start : start + size] for start in range(0, len(drawn), size)]


def _hits(near: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return which neighbours (n, k) have the word's own category, under each of P labellings (P, n): (P, n, k) bool."""
    return labels[:, near] == labels[:, :, None]


def _distances(columns: Tensor) -> Tensor:
    """Return 1 - cosine between all columns: (n, n), the diagonal 0."""
    unit = directions(columns).unit
    with torch.autocast(unit.device.type, enabled=False):
        return (1 - unit.T @ unit).clamp_min(0).fill_diagonal_(0)


def _silhouettes(distance: Tensor, labels: np.ndarray) -> Tensor:
    """Return the silhouette of each of n words under each of P labellings (P, n) with the same category sizes: (P, n)."""
    _, own, counts = np.unique(labels, return_inverse=True, return_counts=True)
    own = own.reshape(labels.shape)
    # Rows of the distances, added up category by category, give the summed distance of each word to each category: (P, C, n).
    # A product with one-hot labels gives the same, at C times the work.
    members = torch.from_numpy(np.argsort(own, axis=1, kind="stable")).to(distance.device)
    sizes = counts // len(labels)
    first = torch.from_numpy(np.cumsum(sizes) - sizes + np.arange(len(labels))[:, None] * labels.shape[1])
    sums = embedding_bag(members.flatten(), distance, first.flatten().to(distance.device), mode="sum")
    sums = sums.view(len(labels), len(sizes), -1)
    category, size = torch.from_numpy(own).to(distance.device)[:, None], torch.from_numpy(sizes).to(distance)
    others = (size[category] - 1).clamp_min(1)
    within = sums.gather(1, category) / others
    between = (sums / size[:, None]).scatter_(1, category, torch.inf).amin(1, keepdim=True)
    score = (between - within) / torch.maximum(within, between)
    # The only word of a category scores 0 by definition, one at distance 0 from two categories as scikit-learn has it.
    return torch.where(size[category] > 1, score, 0.0).nan_to_num(0.0)[:, 0]
