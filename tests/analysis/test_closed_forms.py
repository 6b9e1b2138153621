"""Optimal bias and gains against a least squares fit of the read-out's squared error by numpy."""

import numpy as np
import pytest
import torch

from bows.analysis.closed_forms import closed_forms
from bows.analysis.cooccurrence import Cooccurrence

WINDOWS, WORDS, LATENT = 50, 8, 3


@pytest.fixture
def planted():
    generator = np.random.default_rng(5)
    bags = (generator.random((WINDOWS, WORDS)) < generator.random(WORDS) * 0.8 + 0.1).astype(float)
    return (
        bags,
        generator.normal(size=(LATENT, WORDS)),
        generator.normal(size=(WORDS, LATENT)),
        generator.normal(size=WORDS),
    )


def found(bags, encoder, decoder, bias, **settings):
    float64 = [None if each is None else torch.tensor(each) for each in (encoder, decoder, bias)]
    counted = Cooccurrence(lambda: torch.tensor(bags, dtype=torch.float32).split(7), WORDS, **settings)
    return closed_forms(*float64, counted)


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("most_bytes", [1 << 20, 4 * WORDS * 2])  # counts that are kept, and that are not
def test_bias_and_gains_are_least_squares_solutions(planted, tied, most_bytes):
    bags, encoder, decoder, bias = planted
    decoder = encoder.T if tied else decoder
    forms = found(bags, encoder, None if tied else decoder, bias, most_bytes=most_bytes)
    output = bags @ encoder.T @ decoder.T
    # The bias: a column of ones per word is fitted to what the read-out leaves.
    ones = np.ones((WINDOWS, 1))
    np.testing.assert_allclose(forms.bias_optimal, np.linalg.lstsq(ones, bags - output, rcond=None)[0][0], atol=1e-6)
    for word in range(WORDS):
        written = np.outer(bags[:, word], decoder @ encoder[:, word]).ravel()
        left = (bags - (output + bias)).ravel() + written  # without the word's own column
        factor = np.linalg.lstsq(written[:, None], left, rcond=None)[0][0]
        own = encoder[:, word] @ decoder[word] / (decoder[word] @ decoder[word])
        assert forms.gain[word] == pytest.approx(own)
        assert forms.gain_optimal[word] == pytest.approx(factor * own, rel=1e-5)
    metrics = forms.metrics()
    distance = np.linalg.norm(bias - forms.bias_optimal) / np.linalg.norm(forms.bias_optimal)
    assert metrics["interference/bias_distance"] == pytest.approx(distance)
    assert metrics["interference/bias_correlation"] == pytest.approx(np.corrcoef(bias, forms.bias_optimal)[0, 1])
    apart = np.sqrt(np.mean((forms.gain - forms.gain_optimal) ** 2))
    assert metrics["interference/gain_distance"] == pytest.approx(apart)
    assert ("interference/gain_correlation" in metrics) == (not tied)  # a tied model's gains are all 1


def test_the_principal_components_are_at_their_closed_forms(planted):
    bags, *_ = planted
    centred = bags - bags.mean(0)
    directions = np.linalg.svd(centred, full_matrices=False)[2][:LATENT]
    bias = bags.mean(0) - directions.T @ (directions @ bags.mean(0))
    metrics = found(bags, directions, None, bias).metrics()
    assert metrics["interference/bias_distance"] == pytest.approx(0, abs=1e-6)
    assert metrics["interference/gain_distance"] == pytest.approx(0, abs=1e-6)


def test_a_model_without_a_bias_is_one_away_and_words_without_direction_have_no_gain(planted):
    bags, encoder, _, _ = planted
    encoder = encoder.copy()
    encoder[:, 2] = 0
    forms = found(bags, encoder, None, np.zeros(WORDS))
    metrics = forms.metrics()
    assert metrics["interference/bias_distance"] == pytest.approx(1)
    assert "interference/bias_correlation" not in metrics
    assert np.ma.getmaskarray(forms.gain_optimal).tolist() == [word == 2 for word in range(WORDS)]
    assert metrics["interference/gain"] == pytest.approx(1)
