"""A plane removed from the latent, or kept alone: a hand-made plane that some words live in, and loops over windows."""

import numpy as np
import pytest
import torch

from bows.analysis.latent_ablation import AblationSums, PlaneErrors, Readout, pooled_r2
from bows.analysis.set_planes import random_planes, set_plane

SET = [0, 1, 2, 3, 4]
WORDS = 12
GROUPS = {"set": np.array(SET), "companions": np.array([5, 6, 7]), "other": np.array([8, 9, 10, 11])}


def bags_of(count: int = 150, seed: int = 0) -> torch.Tensor:
    return (torch.rand(count, WORDS, generator=torch.Generator().manual_seed(seed)) < 0.35).float()


def living_in_a_plane() -> torch.Tensor:
    """(6, 12): the first five words on a ring in the first two dimensions, all others in the last four."""
    encoder = torch.randn(6, WORDS, generator=torch.Generator().manual_seed(5)) * 0.5
    angles = torch.arange(5) * 2 * torch.pi / 5 + 0.3
    encoder[:2, :5] = torch.stack([angles.cos(), angles.sin()])
    encoder[2:, :5] = 0
    encoder[:2, 5:] = 0
    return encoder


def generic(seed: int = 2):
    """Untied: encoder (6, 12), readout, plane and centre in no special place."""
    generator = torch.Generator().manual_seed(seed)
    encoder, weight = (
        torch.randn(6, WORDS, generator=generator) * 0.6,
        torch.randn(WORDS, 6, generator=generator) * 0.6,
    )
    bias = torch.randn(WORDS, generator=generator) * 0.4
    plane = random_planes(6, 1, generator)[0]
    return encoder, Readout(weight, bias, torch.relu), plane, torch.randn(6, generator=generator)


def summed(bags, encoder, readout, plane, centre=None, batch=1000) -> AblationSums:
    sums = AblationSums(encoder, readout, plane, 0.5, centre)
    for part in bags.split(batch):
        latent = part @ encoder.T
        sums.update(part, latent, latent @ readout.weight.T + readout.bias)
    return sums


def test_what_lives_in_the_plane_goes_with_it_and_all_else_stays_to_the_last_bit():
    encoder, bags = living_in_a_plane(), bags_of()
    readout = Readout(encoder.T.contiguous(), torch.full((WORDS,), 0.1), torch.relu)
    sums = summed(bags, encoder, readout, set_plane(encoder, SET))
    whole, removed, kept = (sums.rebuilt[name].squared_error for name in ("", "_removed", "_kept"))
    assert torch.equal(removed[5:], whole[5:])
    assert kept[:5].numpy() == pytest.approx(whole[:5].numpy(), rel=1e-6)
    # Of a word that is gone only its bias is left: 0.1 in every window.
    gone = (bags - 0.1).square().sum(0).numpy()
    assert removed[:5].numpy() == pytest.approx(gone[:5], rel=1e-5)
    assert kept[5:].numpy() == pytest.approx(gone[5:], rel=1e-5)
    metrics = sums.metrics(GROUPS)
    for group in ("companions", "other"):
        assert metrics[f"{group}/drop"] == 0
        assert metrics[f"{group}/gap"] == metrics[f"{group}/gap_removed"]
        assert metrics[f"{group}/false_negative_rate"] == metrics[f"{group}/false_negative_rate_removed"] < 1
    assert metrics["set/drop"] > 0.1
    assert metrics["set/gap_removed"] == pytest.approx(0, abs=1e-6)  # nothing is added to them any more
    assert metrics["set/false_negative_rate_removed"] == 1
    assert metrics["set/false_positive_rate_removed"] == 0
    assert metrics["companions/false_negative_rate_kept"] == 1


@pytest.mark.parametrize("with_centre", [False, True])
def test_the_numbers_are_those_of_decoding_the_changed_latent(with_centre):
    encoder, readout, plane, centre = generic()
    bags = bags_of()
    sums = summed(bags, encoder, readout, plane, centre if with_centre else None)
    f, w, d, b = (each.double().numpy() for each in (bags, encoder, readout.weight, readout.bias))
    middle = centre.double().numpy() if with_centre else np.zeros(6)
    projector = (plane @ plane.T).numpy()
    rest = np.eye(6) - projector
    metrics = sums.metrics(GROUPS)
    total = ((f - f.mean(0)) ** 2).sum(0)
    for name, latent, of_word in (
        ("", f @ w.T, w),
        ("_removed", (f @ w.T - middle) @ rest + middle @ rest + middle @ projector, rest @ w),
        ("_kept", middle + (f @ w.T - middle) @ projector, projector @ w),
    ):
        values = latent @ d.T + b
        rebuilt = np.maximum(values, 0)
        # What the other words add: all but the bias and what is left of the word's own direction.
        added = values - b - f * (d * of_word.T).sum(1)
        for group, words in GROUPS.items():
            error = ((f - rebuilt) ** 2).sum(0)[words].sum()
            assert metrics[f"{group}/r2{name}"] == pytest.approx(1 - error / total[words].sum(), abs=1e-5)
            missed = [(rebuilt[f[:, word] == 1, word] <= 0.5).mean() for word in words]
            named = [(rebuilt[f[:, word] == 0, word] > 0.5).mean() for word in words]
            assert metrics[f"{group}/false_negative_rate{name}"] == pytest.approx(np.mean(missed))
            assert metrics[f"{group}/false_positive_rate{name}"] == pytest.approx(np.mean(named))
            if name != "_kept":
                gaps = [added[f[:, word] == 1, word].mean() - added[f[:, word] == 0, word].mean() for word in words]
                assert metrics[f"{group}/gap{name}"] == pytest.approx(np.mean(gaps), abs=1e-5)
    for group in GROUPS:
        assert metrics[f"{group}/drop"] == metrics[f"{group}/r2"] - metrics[f"{group}/r2_removed"]


@pytest.mark.parametrize("batch", [1, 7, 64])
def test_many_planes_streamed_are_one_batch_and_one_plane_at_a_time(batch):
    encoder, readout, _, centre = generic()
    planes = random_planes(6, 5, torch.Generator().manual_seed(0))
    bags = bags_of()
    streamed = PlaneErrors(planes, readout, centre)
    for part in bags.split(batch):
        latent = part @ encoder.T
        streamed.update(part, latent, latent @ readout.weight.T + readout.bias)
    for place, plane in enumerate(planes):
        alone = summed(bags, encoder, readout, plane, centre)
        assert streamed.removed[place].numpy() == pytest.approx(
            alone.rebuilt["_removed"].squared_error.numpy(), rel=1e-5
        )
        assert streamed.kept[place].numpy() == pytest.approx(alone.rebuilt["_kept"].squared_error.numpy(), rel=1e-5)
    whole, parts = (summed(bags, encoder, readout, planes[0], batch=size).metrics(GROUPS) for size in (1000, batch))
    assert parts == pytest.approx(whole, abs=1e-6)


def test_words_that_never_vary_have_no_r2():
    assert pooled_r2(np.ones((2, 3)), np.array([0.0, 0.0, 2.0]), np.array([0, 1])) is None
    assert pooled_r2(np.ones((1, 3)), np.array([0.0, 0.0, 4.0]), np.array([1, 2])).tolist() == [0.5]
    encoder, readout, plane, _ = generic()
    bags = bags_of()
    bags[:, :5] = 0
    metrics = summed(bags, encoder, readout, plane).metrics(GROUPS)
    assert {name.partition("/")[0] for name in metrics} == {"companions", "other"}
