"""Interference energies against loops over windows and pairs of words."""

import numpy as np
import pytest
import torch

from bows.analysis import interference_energy as module
from bows.analysis.cooccurrence import Cooccurrence
from bows.analysis.interference_energy import couplings, interference_energy
from bows.errors import DataError

CONSTRUCTIVE, DESTRUCTIVE = "interference/constructive_energy", "interference/destructive_energy"
RATIO = "interference/energy_ratio"


def random(*shape, seed=0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def random_bags(windows: int = 30, words: int = 9, seed: int = 0) -> torch.Tensor:
    generator = np.random.default_rng(seed)
    return torch.from_numpy(generator.random((windows, words)) < generator.random(words)).float()


def counted(bags: torch.Tensor, **settings) -> Cooccurrence:
    return Cooccurrence(lambda: bags.split(7), bags.shape[1], **settings)


def by_loops(effective: np.ndarray, bags: torch.Tensor) -> dict[str, float]:
    """Window by window, pair by pair."""
    positive, negative, output = [], [], []
    for bag in bags.double().numpy():
        terms = [bag[i] * bag[j] * (effective[i, j] + effective[j, i]) / 2 for i in range(len(bag)) for j in range(i)]
        positive.append(2 * sum(term for term in terms if term > 0))
        negative.append(2 * sum(-term for term in terms if term < 0))
        output.append(np.square(effective @ bag).sum())
    share, symmetric = bags.double().numpy().mean(0), (effective + effective.T) / 2
    pairs = [share[i] * share[j] * symmetric[i, j] for i in range(len(share)) for j in range(i)]
    chance = sum(pair for pair in pairs if pair > 0) / sum(-pair for pair in pairs if pair < 0)
    return {
        CONSTRUCTIVE: float(np.mean(positive) / np.mean(output)),
        DESTRUCTIVE: float(np.mean(negative) / np.mean(output)),
        RATIO: float(np.mean(positive) / np.mean(negative) / chance),
    }


@pytest.mark.parametrize("rows", [1, 4, 256])
@pytest.mark.parametrize("most_bytes", [9 * 4 * 2, 2**20], ids=["stripes", "kept"])
def test_matches_loops(monkeypatch, rows, most_bytes):
    monkeypatch.setattr(module, "ROWS", rows)
    bags, encoder, decoder = random_bags(), random(3, 9), random(9, 3, seed=1)
    counts = counted(bags, most_bytes=most_bytes)
    tied = interference_energy(encoder, None, counts)
    assert tied == pytest.approx(by_loops((encoder.T @ encoder).numpy(), bags), rel=1e-9)
    untied = interference_energy(encoder, decoder, counts)
    assert untied == pytest.approx(by_loops((decoder @ encoder).numpy(), bags), rel=1e-9)
    assert interference_energy(encoder, encoder.T, counts) == pytest.approx(tied)
    assert interference_energy(encoder.float(), None, counts) == pytest.approx(tied, rel=1e-5)


def test_words_that_agree_or_oppose():
    bags = torch.ones(5, 2)
    assert interference_energy(torch.tensor([[1.0, 1.0]]), None, counted(bags)) == {CONSTRUCTIVE: 0.25, DESTRUCTIVE: 0}
    half = interference_energy(torch.tensor([[1.0, -0.5]]), None, counted(bags))
    # G_12 = -1/2, M f = W^T (1/2) = (1/2, -1/4); no constructive pair even by chance, so no ratio
    assert half == {CONSTRUCTIVE: 0, DESTRUCTIVE: pytest.approx(1 / (1 / 4 + 1 / 16))}
    never_together = torch.eye(2)
    assert interference_energy(torch.tensor([[1.0, -0.5]]), None, counted(never_together)) == {
        CONSTRUCTIVE: 0,
        DESTRUCTIVE: 0,
    }


def test_the_scale_of_encoder_against_decoder_does_not_matter():
    bags, encoder, decoder = random_bags(), random(3, 9), random(9, 3, seed=1)
    plain = interference_energy(encoder, decoder, counted(bags))
    assert interference_energy(5 * encoder, decoder / 5, counted(bags)) == pytest.approx(plain)


def test_invariances():
    bags, weights = random_bags(), random(3, 9)
    energy = interference_energy(weights, None, counted(bags))
    turned = torch.linalg.qr(random(3, 3, seed=5)).Q @ weights
    assert interference_energy(turned, None, counted(bags)) == pytest.approx(energy)
    order = torch.randperm(9, generator=torch.Generator().manual_seed(0))
    assert interference_energy(weights[:, order], None, counted(bags[:, order])) == pytest.approx(energy)
    scaled = interference_energy(2 * weights, None, counted(bags))
    assert {name: value * (1 if name == RATIO else 4) for name, value in scaled.items()} == pytest.approx(energy)
    padded = torch.cat([torch.zeros(3, 1, dtype=torch.float64), weights], 1)
    with_one = torch.cat([torch.ones(len(bags), 1), bags], 1)
    assert interference_energy(padded, None, counted(with_one)) == pytest.approx(energy)


def test_no_output_no_energies():
    assert interference_energy(torch.zeros(2, 9), None, counted(random_bags())) == {}
    assert interference_energy(random(2, 9), None, counted(torch.zeros(3, 9))) == {}


@pytest.mark.parametrize("untied", [False, True])
def test_couplings_are_rows_of_the_symmetric_map(untied):
    encoder, decoder = random(3, 9), random(9, 3, seed=1) if untied else None
    effective = ((encoder.T if decoder is None else decoder) @ encoder).numpy()
    expected = (effective + effective.T) / 2
    np.testing.assert_allclose(couplings(encoder, decoder, 2, 5), expected[2:5, 2:])


def test_what_does_not_fit_is_refused():
    with pytest.raises(DataError, match="of 8 words and the windows of 9"):
        interference_energy(random(3, 8), None, counted(random_bags()))
    with pytest.raises(ValueError, match="does not fit encoder"):
        interference_energy(random(3, 9), random(3, 9), counted(random_bags()))
    with pytest.raises(DataError, match="not numbers"):
        interference_energy(torch.full((3, 9), torch.nan), None, counted(random_bags()))


def test_under_autocast_the_numbers_stay():
    bags, weights = random_bags(), random(3, 9).float()
    with torch.autocast("cpu", torch.bfloat16):
        inside = interference_energy(weights, None, counted(bags))
    assert inside == interference_energy(weights, None, counted(bags))


def test_independent_words_have_a_ratio_of_one_whatever_their_energies():
    generator = torch.Generator().manual_seed(0)
    bags = (torch.rand(20_000, 9, generator=generator) < 0.3).float()
    energy = interference_energy(random(3, 9), None, counted(bags))
    assert energy[RATIO] == pytest.approx(1, abs=0.03)
    # The plain ratio is far from 1 on the same bags: it says nothing by itself.
    assert abs(energy[CONSTRUCTIVE] / energy[DESTRUCTIVE] - 1) > 0.2
