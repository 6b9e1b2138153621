"""Capacity metrics against loops over the whole Gram matrix, closed forms, and what must not matter."""

import math

import numpy as np
import pytest
import torch

from bows.analysis.capacity import capacity, dimensionality, effective_rank, participation_ratio, represented_fraction
from bows.errors import DataError


def encoder(latent=4, words=9, seed=0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    scale = torch.linspace(0.2, 2.0, words, dtype=torch.float64)
    return torch.randn(latent, words, generator=generator, dtype=torch.float64) * scale


def rotation(latent: int, seed=1) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.linalg.qr(torch.randn(latent, latent, generator=generator, dtype=torch.float64))[0]


def dimensionality_by_loops(weights: np.ndarray, words: slice = slice(None)) -> list[float]:
    columns = list(weights.T)
    shares = []
    for own in columns[words]:
        unit = own / math.sqrt(sum(x * x for x in own))
        shares.append(sum(x * x for x in own) / sum(float(unit @ other) ** 2 for other in columns))
    return shares


def test_dimensionality_matches_loops():
    weights = encoder()
    np.testing.assert_allclose(dimensionality(weights), dimensionality_by_loops(weights.numpy()), rtol=1e-12)


def test_dimensionality_is_not_the_share_with_unit_neighbours():
    weights = encoder()
    unit = weights / weights.norm(dim=0)
    wrong = 1 / (unit.T @ unit).square().sum(1)
    assert not np.allclose(dimensionality(weights), wrong, rtol=1e-2)


def test_dimensionalities_add_up_to_the_rank_for_a_tight_frame():
    angles = torch.arange(5, dtype=torch.float64) * 2 * torch.pi / 5
    weights = torch.stack([angles.cos(), angles.sin()])
    np.testing.assert_allclose(dimensionality(weights), np.full(5, 2 / 5), rtol=1e-12)


def test_capacity_matches_singular_values():
    weights = encoder()
    singular = np.linalg.svd(weights.numpy(), compute_uv=False)
    share = singular / singular.sum()
    metrics = capacity(weights)
    assert metrics["capacity/features_per_dimension"] == pytest.approx((singular**2).sum() / 4)
    assert metrics["capacity/dimensionality_mean"] == pytest.approx(np.mean(dimensionality_by_loops(weights.numpy())))
    assert metrics["capacity/participation_ratio"] == pytest.approx((singular**2).sum() ** 2 / (singular**4).sum())
    assert metrics["capacity/effective_rank"] == pytest.approx(np.exp(-(share * np.log(share)).sum()))
    # The plausible mistakes: the other one's spectrum.
    assert metrics["capacity/participation_ratio"] != pytest.approx(singular.sum() ** 2 / (singular**2).sum(), rel=1e-2)
    squared = singular**2 / (singular**2).sum()
    assert metrics["capacity/effective_rank"] != pytest.approx(np.exp(-(squared * np.log(squared)).sum()), rel=1e-2)


def test_represented_fraction_counts_norms_over_a_half():
    weights = torch.tensor([[0.5, 0.6, 0.0, -0.4], [0.0, 0.0, 0.0, -0.4]])
    assert represented_fraction(weights) == 0.5  # 0.5 is not over 0.5; the norm counts, neither its square nor a cell
    assert capacity(weights)["capacity/represented_fraction"] == 0.5


@pytest.mark.parametrize(("latent", "words"), [(6, 6), (8, 5), (1, 4), (3, 1)])
def test_no_more_words_than_dimensions_and_other_odd_shapes(latent, words):
    weights = encoder(latent, words)
    np.testing.assert_allclose(dimensionality(weights), dimensionality_by_loops(weights.numpy()), rtol=1e-9)
    metrics = capacity(weights)
    ladder = [1, metrics["capacity/participation_ratio"], metrics["capacity/effective_rank"], min(latent, words)]
    np.testing.assert_allclose(ladder, sorted(ladder), rtol=1e-9)


def test_orthonormal_columns_use_a_whole_dimension_each():
    metrics = capacity(rotation(6)[:, :4])
    assert metrics["capacity/dimensionality_mean"] == pytest.approx(1)
    assert metrics["capacity/features_per_dimension"] == pytest.approx(4 / 6)
    assert metrics["capacity/participation_ratio"] == pytest.approx(4)
    assert metrics["capacity/effective_rank"] == pytest.approx(4, abs=1e-6)


def test_zero_columns_are_counted_and_left_out():
    weights = encoder()
    padded = torch.cat([weights, torch.zeros(4, 2, dtype=torch.float64)], dim=1)
    plain, metrics = capacity(weights), capacity(padded)
    assert metrics.pop("capacity/zero_columns") == 2
    assert plain.pop("capacity/zero_columns") == 0
    assert metrics.pop("capacity/represented_fraction") == pytest.approx(
        plain.pop("capacity/represented_fraction") * 9 / 11
    )
    assert metrics == pytest.approx(plain)
    assert dimensionality(padded)[-2:].tolist() == [0, 0]


def test_all_zero_leaves_undefined_metrics_out():
    assert capacity(torch.zeros(2, 3)) == {
        "capacity/features_per_dimension": 0,
        "capacity/represented_fraction": 0,
        "capacity/zero_columns": 3,
    }
    assert participation_ratio(torch.zeros(2, 3)) is None
    assert effective_rank(torch.zeros(2, 3)) is None


def test_rotation_and_word_order_do_not_matter():
    weights = encoder()
    assert capacity(rotation(4) @ weights) == pytest.approx(capacity(weights))
    assert capacity(weights[:, torch.randperm(9)]) == pytest.approx(capacity(weights))


def test_scale_matters_only_where_it_must():
    weights = encoder()
    plain, scaled = capacity(weights), capacity(3 * weights)
    assert scaled["capacity/features_per_dimension"] == pytest.approx(9 * plain["capacity/features_per_dimension"])
    assert scaled["capacity/represented_fraction"] > plain["capacity/represented_fraction"]
    for name in ("dimensionality_mean", "participation_ratio", "effective_rank"):
        assert scaled[f"capacity/{name}"] == pytest.approx(plain[f"capacity/{name}"])


def test_columns_walked_in_several_blocks():
    weights = encoder(3, 2500)
    border = slice(1020, 1028)
    np.testing.assert_allclose(dimensionality(weights)[border], dimensionality_by_loops(weights.numpy(), border))


def test_tiny_float32_weights_keep_their_values():
    weights = encoder().float()
    tiny = capacity(weights * 1e-30)
    assert tiny["capacity/dimensionality_mean"] == pytest.approx(capacity(weights)["capacity/dimensionality_mean"])
    assert tiny["capacity/effective_rank"] == pytest.approx(capacity(weights)["capacity/effective_rank"])


def test_weights_that_are_not_numbers_are_refused():
    for bad in (math.nan, math.inf):
        weights = torch.eye(3)
        weights[1, 2] = bad
        with pytest.raises(DataError, match="not numbers"):
            capacity(weights)
    with pytest.raises(ValueError, match="matrix"):
        capacity(torch.ones(3))
