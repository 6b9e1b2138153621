"""Interference and error rates, against loops over windows and against the closed form of a projector."""

import numpy as np
import pytest
import torch

from bows.analysis.gated_map import gated_energy, gated_map
from bows.analysis.interference import InterferenceSums, strata_edges
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
    chosen = ("gap", "rescued", "filtered", "false_positive_rate", "false_negative_rate")
    metrics = {name: value for name, value in metrics.items() if name.rpartition("/")[2] in chosen}
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


def test_energies_on_absent_words_and_what_is_filtered_follow_their_definitions():
    bags, encoder, decoder, bias = made(4, tied=False)
    sums = summed(bags, encoder, decoder, bias)
    a = (bags @ encoder.T @ decoder.T + bias).double().numpy()
    f, b = bags.numpy(), bias.numpy()
    absent = f == 0
    metrics = sums.metrics()
    energy = (a[absent] ** 2).sum()
    assert metrics["interference/absent_energy"] == pytest.approx(energy / ((a - b) ** 2).sum(), rel=1e-5)
    removed = (a[absent & (a <= 0)] ** 2).sum()
    assert metrics["interference/filtered_energy"] == pytest.approx(removed / energy, rel=1e-5)
    pushed = absent & (a - b > 0)
    varying = (f.mean(0) > 0) & (f.mean(0) < 1)
    shares = [(a[pushed[:, i], i] <= 0).mean() for i in np.flatnonzero(varying) if pushed[:, i].any()]
    assert metrics["interference/filtered_given_pushed"] == pytest.approx(np.mean(shares), rel=1e-5)
    assert metrics["interference/filtered_given_pushed"] > metrics["interference/filtered"]


def test_without_a_relu_nothing_is_filtered():
    bags, encoder, _, bias = made()
    sums = InterferenceSums(bias, self_terms(encoder), relu=False)
    values = bags @ encoder.T @ encoder + bias
    sums.update(bags, values, values)
    assert not [name for name in sums.metrics() if "filtered" in name]
    assert "interference/gap" in sums.metrics()


def test_the_stratified_gap_matches_loops_and_removes_what_long_windows_add():
    generator = np.random.default_rng(0)
    # Words are independent given the length of their window; long windows have more of all.
    rate = np.where(np.arange(4000) % 2, 0.6, 0.1)[:, None]
    bags = torch.from_numpy(generator.random((4000, 9)) < rate).float()
    encoder, bias = torch.from_numpy(np.abs(generator.normal(size=(4, 9)))).float(), torch.zeros(9)
    edges = strata_edges(bags.sum(1))
    sums = InterferenceSums(bias, self_terms(encoder), edges=edges)
    values = bags @ encoder.T @ encoder
    for part, of_part in zip(bags.split(300), values.split(300), strict=True):
        sums.update(part, of_part, of_part.relu())
    map_ = (encoder.T @ encoder).double().numpy()
    f = bags.double().numpy()
    expected = []
    for i in range(9):
        others = f @ map_[i] - map_[i, i] * f[:, i]
        strata = np.searchsorted(edges.numpy(), f.sum(1) - f[:, i], side="right")
        terms = []
        for stratum in np.unique(strata):
            here = strata == stratum
            present, absent = others[here & (f[:, i] == 1)], others[here & (f[:, i] == 0)]
            if len(present) and len(absent):
                terms.append((len(present), present.mean() - absent.mean()))
        weights, differences = np.array(terms).T
        expected.append((weights * differences).sum() / weights.sum())
    np.testing.assert_allclose(sums.gap_stratified(), expected, atol=1e-4)
    # Long windows alone make a large gap, which is gone within strata.
    assert sums.metrics()["interference/gap"] > 5 * abs(sums.metrics()["interference/gap_stratified"])


def gated_case(deep: bool):
    """Weights U, L, D, a hidden bias, and bags; some units switch."""
    generator = torch.Generator().manual_seed(1)
    draw = lambda *shape: torch.randn(*shape, generator=generator)  # noqa: E731
    bags = (torch.rand(200, 8, generator=generator) < 0.4).float()
    units, decoder = draw(6, 8), draw(8, 3 if deep else 6)
    to_latent, hidden_bias = (draw(3, 6), draw(6)) if deep else (None, torch.zeros(6))

    def pre_activation(f):
        hidden = torch.relu(f @ units.T + hidden_bias)
        return (hidden if to_latent is None else hidden @ to_latent.T) @ decoder.T - 0.5

    return bags, units, to_latent, decoder, hidden_bias, pre_activation


@pytest.mark.parametrize("deep", [False, True])
def test_the_map_of_a_gated_encoder_is_that_of_leaving_a_word_out(deep):
    bags, units, to_latent, decoder, hidden_bias, pre_activation = gated_case(deep)
    active = (bags @ units.T + hidden_bias > 0).float()
    terms = gated_map(units, to_latent, decoder).self_terms(active)
    tested = 0
    for word in range(8):
        without = bags.clone()
        without[:, word] = 0
        same = ((without @ units.T + hidden_bias > 0).float() == active).all(1) & (bags[:, word] == 1)
        change = pre_activation(bags)[:, word] - pre_activation(without)[:, word]
        torch.testing.assert_close(terms[same, word], change[same], atol=1e-5, rtol=1e-5)
        tested += int(same.sum())
        # The map without gates is another one.
        mean = (decoder if to_latent is None else decoder @ to_latent)[word] @ units[:, word]
        assert (terms[same, word] - mean).abs().max() > 0.1
    assert tested > 50


def test_the_gap_of_a_gated_encoder_is_that_of_its_map_and_is_0_on_independent_words_without_gates():
    bags, units, to_latent, decoder, _, pre_activation = gated_case(deep=False)
    gated = gated_map(units, to_latent, decoder)
    active = (bags @ units.T > 0).float()
    plain, right = (InterferenceSums(torch.full((8,), -0.5), (decoder * units.T).sum(1)) for _ in range(2))
    values = pre_activation(bags)
    plain.update(bags, values, values.relu())
    right.update(bags, values, values.relu(), gated.self_terms(active))
    others = []
    for i in range(8):
        maps = torch.einsum("ig,bg,gj->bij", decoder, active, units)
        interference = (maps[:, i] * bags).sum(1) - maps[:, i, i] * bags[:, i]
        others.append(float(interference[bags[:, i] == 1].mean() - interference[bags[:, i] == 0].mean()))
    np.testing.assert_allclose(right.gap(), others, atol=1e-4)
    assert abs(right.metrics()["interference/gap"] - plain.metrics()["interference/gap"]) > 0.05


@pytest.mark.parametrize("deep", [False, True])
def test_energies_of_a_gated_encoder_match_loops(deep):
    bags, units, to_latent, decoder, hidden_bias, _ = gated_case(deep)
    active = (bags @ units.T + hidden_bias > 0).float()
    read = (decoder if to_latent is None else decoder @ to_latent).double()
    positive = negative = output = 0.0
    for bag, gates in zip(bags.double(), active.double(), strict=True):
        map_ = read @ torch.diag(gates) @ units.double()
        output += float((map_ @ bag).square().sum())
        for i in range(8):
            for j in range(i):
                term = float(bag[i] * bag[j] * (map_[i, j] + map_[j, i]))
                positive, negative = positive + max(term, 0.0), negative + max(-term, 0.0)
    found = gated_energy(gated_map(units, to_latent, decoder), [(bags[:90], active[:90]), (bags[90:], active[90:])])
    assert found["interference/constructive_energy"] == pytest.approx(positive / output, rel=1e-4)
    assert found["interference/destructive_energy"] == pytest.approx(negative / output, rel=1e-4)
