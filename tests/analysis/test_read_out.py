"""The linear read-out, against scikit-learn's ridge and an exhaustive search of the penalty."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge

from bows.analysis.read_out import RIDGES, ReadOutSums


def made(windows=200, words=12, latent=5, seed=0, noise=0.3):
    generator = np.random.default_rng(seed)
    hidden = generator.standard_normal((windows, latent)) * [3.0, 2.0, 1.0, 0.3, 0.05][:latent] + 1.0
    logits = hidden @ generator.standard_normal((latent, words)) + noise * generator.standard_normal((windows, words))
    return hidden, (logits > np.median(logits, axis=0)).astype(float)


def fitted(hidden, bags, batch=33):
    sums = ReadOutSums(hidden.shape[1], bags.shape[1], len(hidden))
    latent, made_bags = torch.from_numpy(hidden).float(), torch.from_numpy(bags).float()
    for part in range(0, len(hidden), batch):
        sums.update(latent[part : part + batch], made_bags[part : part + batch])
    return sums.solve()


def sklearn_fit(hidden, bags, ridge):
    """The same penalty as scikit-learn counts it: over sums, not means."""
    variance = hidden.var(axis=0).mean()
    return Ridge(alpha=ridge * variance * len(hidden)).fit(hidden, bags)


@pytest.mark.parametrize("seed", range(3))
def test_the_fit_is_the_ridge_regression_of_the_chosen_penalty(seed):
    hidden, bags = made(seed=seed)
    read_out = fitted(hidden, bags)
    assert read_out is not None
    expected = sklearn_fit(hidden, bags, read_out.ridge)
    np.testing.assert_allclose(read_out(torch.from_numpy(hidden)).numpy(), expected.predict(hidden), atol=2e-4)


@pytest.mark.parametrize("case", [{}, {"windows": 30, "noise": 3.0}, {"windows": 25, "noise": 8.0, "seed": 1}])
def test_the_penalty_is_the_one_that_predicts_the_last_fifth_best(case):
    hidden, bags = made(**case)
    cut = -(-4 * len(hidden) // 5)
    errors = []
    for ridge in RIDGES:
        fit = sklearn_fit(hidden[:cut], bags[:cut], ridge)
        errors.append(((fit.predict(hidden[cut:]) - bags[cut:]) ** 2).sum())
    read_out = fitted(hidden, bags, batch=7)
    assert read_out is not None
    assert read_out.ridge == RIDGES[int(np.argmin(errors))]


def test_noise_asks_for_a_larger_penalty_than_a_linear_truth():
    generator = np.random.default_rng(0)
    hidden = generator.standard_normal((60, 20))
    noise = (generator.random((60, 8)) < 0.5).astype(float)
    exact = hidden @ generator.standard_normal((20, 8))
    assert fitted(hidden, noise).ridge > fitted(hidden, exact).ridge


def test_the_scale_and_rotation_of_the_latent_do_not_matter():
    hidden, bags = made(seed=4)
    rotation = np.linalg.qr(np.random.default_rng(0).standard_normal((5, 5)))[0]
    plain, turned = fitted(hidden, bags), fitted(100 * hidden @ rotation, bags)
    assert plain.ridge == turned.ridge
    np.testing.assert_allclose(
        plain(torch.from_numpy(hidden)), turned(torch.from_numpy(100 * hidden @ rotation)), atol=2e-3
    )


def test_a_latent_that_holds_the_bag_is_read_out_exactly():
    bags = (np.random.default_rng(0).random((100, 6)) < 0.5).astype(float)
    mixing = np.random.default_rng(1).standard_normal((6, 6))
    read_out = fitted(bags @ mixing, bags)
    np.testing.assert_allclose(read_out(torch.from_numpy(bags @ mixing)), bags, atol=1e-3)


def test_a_latent_that_does_not_vary_has_no_read_out():
    assert fitted(np.ones((10, 3)), np.ones((10, 4))) is None


def test_a_single_window_has_no_read_out():
    assert fitted(np.ones((1, 3)), np.ones((1, 4))) is None
