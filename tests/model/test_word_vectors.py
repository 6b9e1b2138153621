"""Factors of PMI and of word2vec's quadratic target, against dense computations by numpy from the bags themselves."""

import numpy as np
import pytest
import torch

from bows.model.word_vectors import PositivePMI, QuadraticTarget

WORDS = 12


@pytest.fixture(scope="module")
def bags() -> np.ndarray:
    """Words near each other on a ring occur together; the last word occurs in no bag."""
    random = np.random.default_rng(0)
    angle = 2 * np.pi * (random.random((500, 1)) - np.arange(WORDS) / WORDS)
    bags = random.random((500, WORDS)) < np.linspace(0.2, 0.8, WORDS) * (1 + np.cos(angle)) / 2
    bags[:, -1] = False
    return bags.astype(np.float32)


def dense(bags: np.ndarray, association) -> np.ndarray:
    """M by a loop over pairs of words, from the shares of bags that hold each word and both."""
    expected = np.zeros((WORDS, WORDS))
    for i in range(WORDS):
        for j in range(WORDS):
            first, second = bags[:, i].astype(bool), bags[:, j].astype(bool)
            independent = first.mean() * second.mean()
            if i != j and independent > 0:
                expected[i, j] = association((first & second).mean(), independent)
    return expected


def pmi(negative_samples: float):
    def association(joint: float, independent: float) -> float:
        return max(0.0, np.log(joint / independent / negative_samples)) if joint else 0.0

    return association


def mstar(joint: float, independent: float) -> float:
    return (joint - independent) / (0.5 * (joint + independent))


CASES = {
    "pmi": (lambda m: PositivePMI(WORDS, m), pmi(1.0)),
    "shifted_pmi": (lambda m: PositivePMI(WORDS, m, negative_samples=1.2), pmi(1.2)),
    "mstar": (lambda m: QuadraticTarget(WORDS, m), mstar),
}


def fitted(name: str, bags: np.ndarray, latent: int):
    model = CASES[name][0](latent)
    model.fit(iter(torch.from_numpy(bags).split(64)))
    return model


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("latent", [2, WORDS])
def test_the_gram_matrix_is_the_best_positive_approximation_of_the_associations_up_to_scale(bags, name, latent):
    values, vectors = np.linalg.eigh(dense(bags, CASES[name][1]))
    values, vectors = values[::-1][:latent].clip(0), vectors[:, ::-1][:, :latent]
    expected = vectors * values @ vectors.T
    gram = fitted(name, bags, latent).weight.detach().double().numpy()
    gram = gram.T @ gram
    np.testing.assert_allclose(gram / np.linalg.norm(gram), expected / np.linalg.norm(expected), atol=1e-6)


@pytest.mark.parametrize("name", CASES)
def test_scale_and_bias_have_the_lowest_squared_error(bags, name):
    model, data = fitted(name, bags, 3), torch.from_numpy(bags)
    weight, bias = model.weight.detach().clone(), model.bias.detach().clone()

    def loss(scale: float, shift: float) -> float:
        with torch.no_grad():
            model.weight.copy_(weight * scale)
            model.bias.copy_(bias + shift)
            return model.loss(model(data), data).item()

    best = loss(1.0, 0.0)
    # The bias of another scale is fitted anew.
    for scale in (0.9, 1.1):
        residual = data.mean(0) - (data @ (weight.T * scale) @ (weight * scale)).mean(0) - bias
        assert loss(scale, residual) > best
    assert loss(1.0, 0.01) > best
    assert loss(1.0, -0.01) > best


@pytest.mark.parametrize("name", CASES)
def test_a_word_that_is_in_no_bag_has_no_direction(bags, name):
    model = fitted(name, bags, 4)
    assert torch.allclose(model.weight[:, -1], torch.zeros(4), atol=1e-7)
    assert model.bias[-1].item() == pytest.approx(0, abs=1e-7)
