"""Ablations of embeddings whose plane is known: only what the plane holds is lost with it, and only that is kept."""

import pytest
import torch

from bows.analysis.plane_ablation import keep_plane, orthonormal, plane_ablation, remove_plane
from bows.errors import DataError

ITEMS, WIDTH = 200, 12


def made(seed: int = 0):
    """Random embeddings about a mean that is not zero, the basis of a tilted plane, and that of all the rest."""
    generator = torch.Generator().manual_seed(seed)
    basis = torch.linalg.qr(torch.randn(WIDTH, WIDTH, generator=generator, dtype=torch.float64))[0]
    embeddings = torch.randn(ITEMS, WIDTH, generator=generator, dtype=torch.float64) + 7
    return embeddings, basis[:, :2], basis[:, 2:]


def reader(embeddings: torch.Tensor, directions: torch.Tensor):
    """A task: which quadrant, about the mean, an item lies in along two directions; a guess of the mean itself is class 0."""
    mean = embeddings.mean(0)

    def classes(given: torch.Tensor) -> torch.Tensor:
        inside = (given.double() - mean) @ directions
        return 2 * (inside[:, 0] > 1e-9).long() + (inside[:, 1] > 1e-9).long()

    answers = classes(embeddings)
    return lambda given: float((classes(given) == answers).double().mean()), float((answers == 0).double().mean())


def test_a_plane_that_holds_everything():
    embeddings, plane, _ = made()
    accuracy, chance = reader(embeddings, plane)
    skew = torch.tensor([[1.0, 4.0], [0.2, 3.0]], dtype=torch.float64)  # a probe's directions need not be orthonormal
    found = plane_ablation(embeddings, 1e-4 * plane @ skew, accuracy, random_planes=30)
    assert found.base == found.keep == 1.0
    assert found.remove == pytest.approx(chance)
    assert 0.1 < chance < 0.4
    assert max(found.keep_random) < 0.9
    assert min(found.remove_random) > 0.5


def test_a_plane_that_holds_nothing():
    embeddings, plane, rest = made()
    accuracy, chance = reader(embeddings, rest[:, :2])
    found = plane_ablation(embeddings, plane, accuracy, random_planes=0)
    assert found.base == found.remove == 1.0
    assert found.keep == pytest.approx(chance)
    assert found.keep_random == []


def test_kept_and_removed_are_the_whole_and_the_mean_stays():
    embeddings, plane, rest = made()
    mean = embeddings.mean(0)
    kept, left = keep_plane(embeddings, plane), remove_plane(embeddings, plane)
    assert torch.allclose(kept + left, embeddings + mean)
    assert torch.allclose(kept.mean(0), mean)
    assert torch.allclose(left.mean(0), mean)
    assert torch.allclose((kept - mean) @ rest, torch.zeros(ITEMS, WIDTH - 2, dtype=torch.float64), atol=1e-9)
    assert torch.allclose((left - mean) @ plane, torch.zeros(ITEMS, 2, dtype=torch.float64), atol=1e-9)
    assert keep_plane(embeddings.float(), plane).dtype == torch.float32


def test_random_planes_are_of_the_same_size_and_drawn_by_the_seed():
    embeddings, _, rest = made()
    ranks = []

    def rank(given: torch.Tensor) -> float:
        ranks.append(int(torch.linalg.matrix_rank(given - given.mean(0), atol=1e-6)))
        return float(given.square().sum())

    first = plane_ablation(embeddings, rest[:, :3], rank, random_planes=4, seed=1)
    assert ranks == [WIDTH, 3, WIDTH - 3, *[3] * 4, *[WIDTH - 3] * 4]
    assert len(set(first.keep_random)) == 4
    assert plane_ablation(embeddings, rest[:, :3], rank, random_planes=4, seed=1) == first
    assert plane_ablation(embeddings, rest[:, :3], rank, random_planes=4, seed=2).keep_random != first.keep_random


def test_metrics_are_means_and_deviations_of_the_random_planes():
    embeddings, plane, _ = made()
    values = iter([0.9, 0.8, 0.3, 0.1, 0.2, 0.6, 0.7])
    metrics = plane_ablation(embeddings, plane, lambda given: next(values), random_planes=2).metrics("frequencies")
    assert metrics == pytest.approx({
        "ablation/accuracy_base": 0.9,
        "ablation/accuracy_keep_frequencies": 0.8,
        "ablation/accuracy_remove_frequencies": 0.3,
        "ablation/accuracy_keep_frequencies_random": 0.15,
        "ablation/accuracy_keep_frequencies_random_sd": 0.1 / 2**0.5,
        "ablation/accuracy_remove_frequencies_random": 0.65,
        "ablation/accuracy_remove_frequencies_random_sd": 0.1 / 2**0.5,
    })  # fmt: skip


def test_directions_that_span_no_plane():
    line = torch.randn(5, 1).expand(5, 2)
    with pytest.raises(DataError, match="the 2 directions span fewer than 2 dimensions"):
        orthonormal(line)
    with pytest.raises(DataError, match="2 directions fill an embedding of 2 dimensions; raise latent to 3 or more"):
        orthonormal(torch.eye(2))
