"""The linear read-out, against scikit-learn's ridge regression."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge

from bows.analysis.read_out import FOLDS, PATH, ReadOutSums
from bows.sparse_bags import SparseBags


def made(windows=200, words=12, latent=5, seed=0, noise=0.3):
    generator = np.random.default_rng(seed)
    hidden = generator.standard_normal((windows, latent)) * [3.0, 2.0, 1.0, 0.3, 0.05][:latent] + 1.0
    logits = hidden @ generator.standard_normal((latent, words)) + noise * generator.standard_normal((windows, words))
    return hidden, (logits > np.median(logits, axis=0)).astype(float)


def fitted(hidden, bags, ridge=0.1, batch=33):
    sums = ReadOutSums(hidden.shape[1], bags.shape[1])
    latent, made_bags = torch.from_numpy(hidden).float(), torch.from_numpy(bags).float()
    for part in range(0, len(hidden), batch):
        sums.update(latent[part : part + batch], made_bags[part : part + batch])
    return sums.solve(ridge)


@pytest.mark.parametrize("ridge", [1e-6, 1e-2, 0.1, 3.0])
@pytest.mark.parametrize("seed", range(2))
def test_it_is_the_ridge_regression_with_that_penalty(seed, ridge):
    hidden, bags = made(seed=seed)
    # scikit-learn's penalty stands beside sums over windows, not means.
    expected = Ridge(alpha=ridge * hidden.var(axis=0).mean() * len(hidden)).fit(hidden, bags)
    read_out = fitted(hidden, bags, ridge)
    np.testing.assert_allclose(read_out(torch.from_numpy(hidden)).numpy(), expected.predict(hidden), atol=2e-4)


def test_bags_as_lists_of_words_give_the_same():
    hidden, bags = made()
    sums, latent = ReadOutSums(hidden.shape[1], bags.shape[1]), torch.from_numpy(hidden).float()
    for part in np.split(np.arange(len(hidden)), [33, 150]):
        rows, words = np.nonzero(bags[part])
        sums.update(latent[part], SparseBags.of(words, np.searchsorted(rows, np.arange(len(part) + 1)), bags.shape[1]))
    found, expected = sums.solve(0.1), fitted(hidden, bags)
    torch.testing.assert_close(found.weight, expected.weight)
    torch.testing.assert_close(found.bias, expected.bias)


def test_without_a_penalty_it_is_least_squares():
    hidden, bags = made(noise=1.0)
    design = np.column_stack([hidden, np.ones(len(hidden))])
    expected = design @ np.linalg.lstsq(design, bags, rcond=None)[0]
    np.testing.assert_allclose(fitted(hidden, bags, 0.0)(torch.from_numpy(hidden)), expected, atol=2e-4)


def test_latent_dimensions_that_say_the_same_are_no_trouble():
    hidden, bags = made()
    twice = np.column_stack([hidden, hidden])
    np.testing.assert_allclose(
        fitted(twice, bags, 0.0)(torch.from_numpy(twice)),
        fitted(hidden, bags, 0.0)(torch.from_numpy(hidden)),
        atol=1e-3,
    )


def test_the_scale_and_rotation_of_the_latent_do_not_matter():
    hidden, bags = made(seed=4)
    rotation = np.linalg.qr(np.random.default_rng(0).standard_normal((5, 5)))[0]
    turned = 100 * hidden @ rotation
    np.testing.assert_allclose(
        fitted(hidden, bags)(torch.from_numpy(hidden)), fitted(turned, bags)(torch.from_numpy(turned)), atol=2e-3
    )


def test_more_of_the_same_windows_change_nothing():
    hidden, bags = made()
    once, thrice = fitted(hidden, bags), fitted(np.tile(hidden, (3, 1)), np.tile(bags, (3, 1)))
    np.testing.assert_allclose(once.weight, thrice.weight, atol=1e-5)


def test_a_latent_that_does_not_vary_has_no_read_out():
    assert fitted(np.ones((10, 3)), np.ones((10, 4))) is None
    assert fitted(np.full((10, 3), 0.1), np.ones((10, 4))) is None
    assert fitted(np.ones((1, 3)), np.ones((1, 4))) is None
    assert ReadOutSums(3, 4).solve(0.1) is None


def cross_validated(hidden, bags):
    sums = ReadOutSums(hidden.shape[1], bags.shape[1], folds=FOLDS)
    latent, made_bags = torch.from_numpy(hidden).float(), torch.from_numpy(bags).float()
    fold = np.arange(len(hidden)) * FOLDS // len(hidden)
    for each in range(FOLDS):
        sums.update(latent[fold == each], made_bags[fold == each], each)
    return sums.solve(None), fold


@pytest.mark.parametrize(("windows", "noise", "latent"), [(60, 4.0, 5), (400, 0.1, 5), (24, 8.0, 5)])
def test_the_penalty_is_the_best_over_folds_by_refitting_each(windows, noise, latent):
    hidden, bags = made(windows, latent=latent, noise=noise, seed=3)
    read_out, fold = cross_validated(hidden, bags)
    errors = []
    for ridge in PATH:
        error = 0.0
        for each in range(FOLDS):
            own, other = hidden[fold != each], hidden[fold == each]
            model = Ridge(alpha=ridge * own.var(axis=0).mean() * len(own)).fit(own, bags[fold != each])
            error += np.square(model.predict(other) - bags[fold == each]).sum()
        errors.append(error)
    # Neighbouring penalties may differ by less than rounding.
    assert errors[PATH.index(read_out.ridge)] == pytest.approx(min(errors), rel=1e-5)


def test_noise_asks_for_a_larger_penalty_than_a_fixed_one_and_plenty_of_data_for_a_smaller_one():
    noisy, _ = cross_validated(*made(24, noise=8.0, seed=3))
    plenty, _ = cross_validated(*made(2000, noise=0.1, seed=3))
    assert noisy.ridge > 0.1 > plenty.ridge


def test_a_read_out_of_principal_components_is_their_own_decoder():
    generator = np.random.default_rng(0)
    bags = (generator.random((3000, 12)) < 0.2 + 0.6 * (generator.random((3000, 1)) < 0.3)).astype(float)
    mean = bags.mean(0)
    directions = np.linalg.eigh(np.cov(bags.T))[1][:, -4:]
    read_out, _ = cross_validated(bags @ directions, bags)
    own = (bags - mean) @ directions @ directions.T + mean
    found = read_out(torch.from_numpy(bags @ directions)).numpy()
    # With the fixed penalty of 0.1 that earlier versions used it is another one.
    assert (
        np.abs(found - own).max()
        < 0.005
        < np.abs(fitted(bags @ directions, bags, 0.1)(torch.from_numpy(bags @ directions)) - own).max()
    )
