"""Packing metrics against loops over every pair of words, closed forms, and what must not matter."""

import math

import numpy as np
import pytest
import torch

from bows.analysis.packing import cosine_extremes, off_diagonal_norm, packing, self_terms


def random(*shape, seed=0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def by_loops(weights: np.ndarray) -> dict[str, float]:
    """The unit-direction metrics, pair by pair; no column may be zero."""
    latent, count = weights.shape
    cosine = np.empty((count, count))
    for i in range(count):
        for j in range(count):
            cosine[i, j] = math.fsum(weights[:, i] * weights[:, j]) / (
                math.hypot(*weights[:, i]) * math.hypot(*weights[:, j])
            )
    others = [[j for j in range(count) if j != i] for i in range(count)]
    largest = [max(abs(cosine[i, j]) for j in others[i]) for i in range(count)]
    lowest = [min(cosine[i, j] for j in others[i]) + 1e-9 for i in range(count)]
    in_pair = [any(cosine[i, j] <= min(lowest[i], lowest[j], -0.9) for j in others[i]) for i in range(count)]
    squares = math.fsum(cosine[i, j] ** 2 for i in range(count) for j in others[i])
    metrics = {
        "packing/interference_rms": math.sqrt(squares / (count * (count - 1))),
        "packing/coherence": max(largest),
        "packing/mean_max_cosine": sum(largest) / count,
        "packing/antipodal_fraction": sum(in_pair) / count,
    }
    if count > latent:
        metrics["packing/welch_ratio"] = max(largest) / math.sqrt((count - latent) / (latent * (count - 1)))
    return metrics


def off_diagonal_by_loops(gram: np.ndarray) -> float:
    return math.sqrt(sum(gram[i, j] ** 2 for i in range(len(gram)) for j in range(len(gram)) if i != j))


def nearly_antipodal() -> torch.Tensor:
    """Pairs under -0.9, a third word that is under -0.9 with a word that prefers another, and some bystanders."""
    angles = torch.tensor([0.0, 180.0, 165.0, 60.0, 250.0, 100.0], dtype=torch.float64).deg2rad()
    scale = torch.tensor([1.0, 0.3, 2.0, 0.7, 1.5, 1.0], dtype=torch.float64)
    return torch.stack([angles.cos(), angles.sin()]) * scale


@pytest.mark.parametrize(
    "weights",
    [random(3, 8), random(2, 12, seed=1), random(5, 5), random(6, 3), random(1, 4), nearly_antipodal()],
    ids=["3x8", "2x12", "square", "wide", "line", "antipodal"],
)
def test_matches_loops(weights):
    metrics = packing(weights)
    assert metrics.pop("packing/off_diagonal_norm") == pytest.approx(
        off_diagonal_by_loops((weights.T @ weights).numpy()), rel=1e-9
    )
    assert metrics == pytest.approx(by_loops(weights.numpy()), rel=1e-5)


def test_wrong_formulas_differ():
    weights = nearly_antipodal()
    metrics, unit = packing(weights), weights / weights.norm(dim=0)
    off = unit.T @ unit - torch.eye(6)
    assert metrics["packing/interference_rms"] != pytest.approx(off.abs().sum().item() / 30, rel=1e-2)
    assert metrics["packing/interference_rms"] != pytest.approx(off.norm().item() / 6, rel=1e-2)
    assert metrics["packing/coherence"] != pytest.approx(off.max().item(), rel=1e-2)  # without the absolute value
    assert metrics["packing/mean_max_cosine"] != pytest.approx(off.amax(1).mean().item(), rel=1e-2)
    not_mutual = (off.amin(1) < -0.9).double().mean().item()
    assert metrics["packing/antipodal_fraction"] == pytest.approx(4 / 6)
    assert not_mutual == pytest.approx(5 / 6)
    assert metrics["packing/off_diagonal_norm"] != pytest.approx((weights.T @ weights).norm().item(), rel=1e-2)


def test_untied_uses_the_effective_map():
    encoder, decoder = random(3, 7), random(7, 3, seed=5)
    effective = (decoder @ encoder).numpy()
    assert off_diagonal_norm(encoder, decoder) == pytest.approx(off_diagonal_by_loops(effective))
    np.testing.assert_allclose(self_terms(encoder, decoder), np.diag(effective))
    np.testing.assert_allclose(self_terms(encoder), (encoder.T @ encoder).diagonal())
    tied, untied = packing(encoder), packing(encoder, decoder)
    assert tied.pop("packing/off_diagonal_norm") != pytest.approx(untied.pop("packing/off_diagonal_norm"), rel=1e-2)
    assert tied == untied  # directions are the encoder's


def test_tied_is_untied_with_the_transpose():
    weights = random(3, 7)
    assert packing(weights, weights.T) == pytest.approx(packing(weights))


def test_a_decoder_of_another_shape_is_refused():
    with pytest.raises(ValueError, match="does not fit"):
        packing(random(3, 7), random(3, 7))


def test_orthonormal_columns_do_not_interfere():
    metrics = packing(torch.linalg.qr(random(6, 6))[0])
    assert metrics == pytest.approx(dict.fromkeys(metrics, 0.0), abs=1e-6)
    assert "packing/welch_ratio" not in metrics


def test_antipodal_pairs():
    weights = torch.cat([torch.eye(3), -2 * torch.eye(3)], dim=1)
    metrics = packing(weights)
    assert metrics["packing/antipodal_fraction"] == 1
    assert metrics["packing/coherence"] == metrics["packing/mean_max_cosine"] == 1
    assert metrics["packing/interference_rms"] == pytest.approx(math.sqrt(6 / 30))


def test_duplicates_share_their_opposite():
    weights = torch.tensor([[1.0, 1.0, -1.0, -1.0, 0.0], [0.0, 0.0, 0.0, 0.0, 1.0]])
    assert packing(weights)["packing/antipodal_fraction"] == pytest.approx(4 / 5)


def test_regular_simplex_reaches_the_welch_bound():
    angles = torch.arange(3) * 2 * torch.pi / 3
    assert packing(torch.stack([angles.cos(), angles.sin()]))["packing/welch_ratio"] == pytest.approx(1, abs=1e-6)


def test_zero_columns_are_left_out():
    weights = random(3, 8)
    padded = torch.cat([torch.zeros(3, 2, dtype=torch.float64), weights, torch.zeros(3, 1, dtype=torch.float64)], 1)
    assert packing(padded) == pytest.approx(packing(weights))


def test_what_is_not_defined_is_left_out():
    assert packing(torch.zeros(2, 3)) == {"packing/off_diagonal_norm": 0}
    assert packing(torch.tensor([[1.0, 0.0]])) == {"packing/off_diagonal_norm": 0}


def test_rotation_and_word_order_do_not_matter():
    weights = random(3, 8)
    turned = torch.linalg.qr(random(3, 3, seed=9))[0] @ weights
    assert packing(turned) == pytest.approx(packing(weights), rel=1e-5)
    assert packing(weights[:, torch.randperm(8)]) == pytest.approx(packing(weights), rel=1e-5)


def test_scaling_each_word_matters_only_to_the_off_diagonal_norm():
    weights = random(3, 8)
    plain, scaled = packing(weights), packing(weights * torch.linspace(0.1, 3, 8, dtype=torch.float64))
    assert plain.pop("packing/off_diagonal_norm") != pytest.approx(scaled.pop("packing/off_diagonal_norm"), rel=1e-2)
    assert scaled == pytest.approx(plain, rel=1e-5)
    assert off_diagonal_norm(2 * weights) == pytest.approx(4 * off_diagonal_norm(weights))


@pytest.mark.parametrize("block", [1, 2, 3, 5, 100])
def test_block_size_does_not_matter(block):
    unit = nearly_antipodal()
    unit = unit / unit.norm(dim=0)
    whole, blocked = cosine_extremes(unit), cosine_extremes(unit, block)
    for name in ("lowest", "partner", "largest"):
        np.testing.assert_allclose(getattr(blocked, name), getattr(whole, name), rtol=1e-12)
    assert blocked.squares == pytest.approx(whole.squares)


def test_columns_near_the_end_of_float32s_range_keep_their_directions():
    weights = random(3, 8).float()
    tiny = weights * torch.tensor([1e-38, 1, 1, 1, 1, 1, 1, 1])
    assert packing(tiny)["packing/coherence"] == pytest.approx(packing(weights)["packing/coherence"], rel=1e-4)


def test_under_autocast_the_numbers_stay():
    weights = random(16, 40).float()
    with torch.autocast("cpu", torch.bfloat16):
        inside = packing(weights)
    assert inside == packing(weights)


def test_millions_of_cosines_are_summed_without_losing_digits():
    # One float32 sum over all cells comes out 0.4 % too low at this size.
    encoder = torch.randn(20, 6000, generator=torch.Generator().manual_seed(0))
    unit = (encoder / encoder.norm(dim=0)).double()
    expected = ((unit @ unit.T).square().sum() - 6000) / (6000 * 5999)  # |U|^2 = |W W^T|^2, less the diagonal
    assert packing(encoder)["packing/interference_rms"] == pytest.approx(float(expected) ** 0.5, rel=1e-6)
