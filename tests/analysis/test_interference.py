"""Interference and error rates, against loops over windows and against the closed form of a projector."""

import numpy as np
import pytest
import torch

from bows.analysis.interference import InterferenceSums
from bows.analysis.packing import self_terms


def made(seed=0, words=9, latent=4, windows=60, tied=True):
    generator = torch.Generator().manual_seed(seed)
    bags = (torch.rand(windows, words, generator=generator) < 0.4).float()
    bags[:, 0], bags[:, 1] = 0, 1  # a word in no window, and one in every window
    encoder = torch.randn(latent, words, generator=generator) * 0.7
    decoder = None if tied else torch.randn(words, latent, generator=generator) * 0.7
    bias = torch.randn(words, generator=generator) * 0.8 - 1.2
    return bags, encoder, decoder, bias


def summed(bags, encoder, decoder, bias, threshold=0.5, batch=7):
    sums = InterferenceSums(bias, self_terms(encoder, decoder), threshold)
    rows = encoder.T if decoder is None else decoder
    for part in bags.split(batch):
        pre_activation = part @ encoder.T @ rows.T + bias
        sums.update(part, pre_activation, pre_activation.relu())
    return sums


def by_loops(bags, encoder, decoder, bias, threshold=0.5):
    """The definitions, one window and one word at a time."""
    bags, encoder, bias = bags.double().numpy(), encoder.double().numpy(), bias.double().numpy()
    m = (encoder.T if decoder is None else decoder.double().numpy()) @ encoder
    names = ("gap", "rescued", "filtered", "false_positive", "false_negative")
    collected = {name: [] for name in names}
    for i in range(bags.shape[1]):
        there, absent = [], []
        for f in bags:
            others = sum(m[i, j] * f[j] for j in range(len(f)) if j != i)
            a = bias[i] + m[i, i] * f[i] + others
            (there if f[i] else absent).append((others, a, max(a, 0.0)))
        if not there or not absent:
            continue
        collected["gap"].append(np.mean([o for o, _, _ in there]) - np.mean([o for o, _, _ in absent]))
        collected["rescued"].append(np.mean([a > 0 and bias[i] + m[i, i] <= 0 for _, a, _ in there]))
        collected["filtered"].append(np.mean([o > 0 and a <= 0 for o, a, _ in absent]))
        collected["false_positive"].append(np.mean([y > threshold for _, _, y in absent]))
        collected["false_negative"].append(np.mean([y <= threshold for _, _, y in there]))
    return {name: float(np.mean(values)) for name, values in collected.items()}, len(collected["gap"])


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("seed", range(3))
def test_all_metrics_follow_their_definitions(seed, tied):
    case = made(seed, tied=tied)
    expected, words = by_loops(*case, threshold=0.3)
    sums = summed(*case, threshold=0.3)
    metrics = sums.metrics() | sums.error_rates()
    assert metrics.pop("interference/words") == words
    assert metrics == pytest.approx(
        {
            "interference/gap": expected["gap"],
            "interference/rescued": expected["rescued"],
            "interference/filtered": expected["filtered"],
            "reconstruction/false_positive_rate": expected["false_positive"],
            "reconstruction/false_negative_rate": expected["false_negative"],
        },
        abs=1e-6,
    )
    # The cases are not trivial: each rate is away from 0 and 1.
    assert all(0.01 < expected[name] < 0.99 for name in expected if name != "gap")


def test_a_projector_of_low_rank_data_interferes_constructively():
    # Every window has all of its words or none of them: rank 1 around no mean. W^T W = P rebuilds f, so I_i = (1 - P_ii) f_i.
    words = 5
    bags = torch.tensor([[1.0] * words, [0.0] * words, [1.0] * words])
    encoder = torch.full((1, words), words**-0.5)
    sums = summed(bags, encoder, None, torch.zeros(words))
    np.testing.assert_allclose(sums.when_present(), 1 - 1 / words, atol=1e-6)
    np.testing.assert_allclose(sums.when_absent(), 0.0, atol=1e-6)
    np.testing.assert_allclose(sums.gap(), 1 - 1 / words, atol=1e-6)
    assert sums.metrics()["interference/rescued"] == 0  # nothing needs to be lifted: bias + self term is above 0


def test_context_rescues_a_word_that_cannot_lift_itself():
    encoder, bias = torch.tensor([[1.0, 1.0]]), torch.tensor([-1.5, -1.5])
    bags = torch.tensor([[1.0, 1.0], [1.0, 0.0], [0.0, 1.0], [0.0, 0.0]])
    sums = summed(bags, encoder, None, bias)
    # Together they reach 0.5 > 0, alone -0.5: half of each word's windows; without it the other's push of 1 is filtered.
    assert sums.rescued().tolist() == [0.5, 0.5]
    assert sums.filtered().tolist() == [0.5, 0.5]


def test_the_order_and_size_of_batches_do_not_matter():
    case = made(3)
    whole, parts = summed(*case, batch=60), summed(*case, batch=1)
    assert whole.metrics() == pytest.approx(parts.metrics(), abs=1e-7)


def test_words_seen_one_way_only_are_masked_and_left_out_of_means():
    sums = summed(*made(1))
    assert sums.when_present().mask.tolist()[:3] == [True, False, False]
    assert sums.when_absent().mask.tolist()[:3] == [False, True, False]
    assert sums.gap().mask.tolist()[:3] == [True, True, False]
    assert sums.metrics()["interference/words"] == 7


def test_no_word_that_varies_gives_no_metrics():
    sums = InterferenceSums(torch.zeros(2), torch.ones(2))
    assert sums.metrics() == {}
    bags = torch.tensor([[0.0, 1.0]])
    sums.update(bags, bags, bags)
    assert sums.metrics() == {}
    assert sums.error_rates() == {}


def test_shapes_that_do_not_fit_are_refused():
    sums = InterferenceSums(torch.zeros(3), torch.zeros(3))
    with pytest.raises(ValueError, match=r"\(batch, 3\)"):
        sums.update(torch.zeros(2, 3), torch.zeros(2, 4), torch.zeros(2, 3))


def test_rotating_the_latent_space_changes_nothing():
    bags, encoder, _, bias = made(2)
    rotation = torch.linalg.qr(torch.randn(4, 4, dtype=torch.float64))[0].float()
    turned = summed(bags, rotation @ encoder, None, bias)
    assert turned.metrics() == pytest.approx(summed(bags, encoder, None, bias).metrics(), abs=1e-5)
