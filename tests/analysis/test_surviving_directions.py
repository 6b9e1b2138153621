"""The prediction from the covariance alone: principal components without decay, and small linear autoencoders trained with it."""

import math

import numpy as np
import pytest
import torch

from bows.analysis.surviving_directions import Decay, Spectrum, predicted_weights, retention
from bows.model.optimizers import make_optimizer
from bows.model.tied import Tied
from bows.setting_types import OptimizerSettings

WORDS, BATCH = 40, 32


@pytest.fixture(scope="module")
def bags() -> np.ndarray:
    """(20,000, 40): five topics of eight words, from frequent to rare, that are in a bag together or not."""
    generator = np.random.default_rng(0)
    topics = generator.random((20_000, 5)) < np.array([0.5, 0.4, 0.3, 0.2, 0.1])
    chance = 0.02 + 0.6 * np.repeat(topics, 8, axis=1)
    return (generator.random((20_000, WORDS)) < chance).astype(np.float32)


@pytest.fixture(scope="module")
def spectrum(bags) -> Spectrum:
    covariance = np.cov(bags.T.astype(float), bias=True)
    values, vectors = np.linalg.eigh(covariance)
    rows = vectors[:, ::-1].T
    return Spectrum(values[::-1].copy(), rows, rows @ bags.mean(0), float(values.sum()), WORDS)


def trained(bags: np.ndarray, latent: int, decay: float, steps: int = 3000) -> np.ndarray:
    """(m, V): weights of a linear autoencoder by bows' own model and optimizer, cosine schedule."""
    torch.manual_seed(1)
    model = Tied(WORDS, latent, output_activation="identity")
    settings = OptimizerSettings(
        name="adamw", lr=0.01, weight_decay=decay, decay_bias=False, betas=(0.9, 0.999), eps=1e-8, schedule="cosine",
        warmup_steps=0, clip_norm=None, allow_negative_decay=False,
    )  # fmt: skip
    optimizer, data = make_optimizer(model.parameters(), settings), torch.from_numpy(bags)
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = 0.005 * (1 + math.cos(math.pi * step / steps))
        batch = data[torch.randint(len(data), (BATCH,))]
        optimizer.zero_grad()
        model.losses(model(batch), batch).mean().backward()
        optimizer.step()
    return model.weight.detach().double().numpy()


def test_without_decay_the_prediction_is_principal_components(bags, spectrum):
    for rates in (math.inf, 1e9):
        weights = predicted_weights(spectrum, 7, Decay(0.0, BATCH, rates))
        values, vectors = np.linalg.eigh(np.cov(bags.T.astype(float), bias=True))
        top = vectors[:, np.argsort(values)[-7:]]
        assert weights.T @ weights == pytest.approx(top @ top.T, abs=1e-9)


def test_words_of_the_spectrum_are_columns_of_the_whole_prediction(spectrum):
    some = Spectrum(spectrum.values, spectrum.columns[:, [3, 17]], spectrum.mean, spectrum.trace, WORDS)
    decay = Decay(2.0, BATCH, 3.0)
    whole = predicted_weights(spectrum, 4, decay, seed=5)
    assert predicted_weights(some, 4, decay, seed=5) == pytest.approx(whole[:, [3, 17]])


@pytest.mark.parametrize("decay", [2.0, 4.0])
def test_a_trained_autoencoder_keeps_the_predicted_share_of_each_direction(bags, spectrum, decay):
    weights = trained(bags, 5, decay)
    measured = np.square(weights @ spectrum.columns[:5].T).sum(0)
    predicted, _ = retention(spectrum, 5, Decay(decay, BATCH))
    assert predicted.min() < 0.95
    assert measured == pytest.approx(predicted, abs=0.08)
    whole = predicted_weights(spectrum, 5, Decay(decay, BATCH))
    assert weights.T @ weights == pytest.approx(whole.T @ whole, abs=0.05)


def test_more_decay_leaves_fewer_directions_and_short_runs_mix_neighbours(spectrum):
    survive = [int((retention(spectrum, 12, Decay(decay, BATCH))[0] > 1e-6).sum()) for decay in (0, 4, 8, 16)]
    assert survive == sorted(survive, reverse=True)
    assert survive[0] == 12
    assert survive[2] == 5  # the topics
    assert survive[3] < 5
    within = [
        np.square(predicted_weights(spectrum, 7, Decay(0.0, BATCH, rates)) @ spectrum.columns[:7].T).sum()
        for rates in (0.01, 0.3, 3.0, 1e4)
    ]
    assert within == sorted(within)
    assert within[0] < 5
    assert within[-1] == pytest.approx(7)
