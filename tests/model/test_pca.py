"""The closed form against scikit-learn, numpy, and gradient descent."""

import numpy as np
import pytest
import torch
from scipy.linalg import subspace_angles
from sklearn.decomposition import PCA

from bows.model import pca
from bows.model.optimizers import OptimizerSettings, make_optimizer
from bows.model.pca import BagSample, PrincipalComponents, RectifiedPrincipalComponents, leading_pairs, moments
from bows.model.tied import Tied


def bags(rows: int = 300, features: int = 20, seed: int = 0) -> np.ndarray:
    """Correlated zeros and ones, float32: features near each other on a ring come together, some often, some seldom."""
    random = np.random.default_rng(seed)
    angle = 2 * np.pi * (random.random((rows, 1)) - np.arange(features) / features)
    return (random.random((rows, features)) < np.linspace(0.2, 0.9, features) * (1 + np.cos(angle)) / 2).astype(
        np.float32
    )


def batches(data: np.ndarray, size: int = 64):
    return iter(torch.from_numpy(data).split(size))


@pytest.mark.parametrize("latent", [1, 4, 19, 20])
def test_it_is_scikit_learns_pca(latent):
    data = bags()
    model = PrincipalComponents(20, latent)
    model.fit(batches(data))
    theirs = PCA(latent, svd_solver="full").fit(data.astype(np.float64))
    # Row by row, in order, up to sign: the eigenvalues differ.
    alignment = np.abs((model.weight.detach().numpy() * theirs.components_).sum(1))
    np.testing.assert_allclose(alignment, 1, atol=1e-6)
    expected = theirs.inverse_transform(theirs.transform(data.astype(np.float64)))
    with torch.no_grad():
        output = model(torch.from_numpy(data))
    np.testing.assert_allclose(output.reconstruction, expected, atol=2e-6)
    residual = data.mean(0, dtype=np.float64) @ (np.eye(20) - theirs.components_.T @ theirs.components_)
    np.testing.assert_allclose(model.bias.detach(), residual, atol=1e-6)
    loss = ((expected - data) ** 2).mean()
    assert model.loss(output, torch.from_numpy(data)).item() == pytest.approx(loss, rel=1e-4, abs=1e-10)


def test_rows_are_orthonormal_with_their_largest_entry_positive():
    model = PrincipalComponents(20, 6)
    model.fit(batches(bags()))
    weight = model.weight.detach().numpy()
    np.testing.assert_allclose(weight @ weight.T, np.eye(6), atol=1e-6)
    assert all(row[np.abs(row).argmax()] > 0 for row in weight)


def test_batches_do_not_matter():
    models = [PrincipalComponents(20, 5) for _ in range(3)]
    for model, size in zip(models, (1, 7, 1000), strict=True):
        model.fit(batches(bags(), size))
        assert torch.equal(model.weight, models[0].weight)
        assert torch.equal(model.bias, models[0].bias)


@pytest.mark.parametrize("bound", [1 << 24, 128, 70, 64])
@pytest.mark.parametrize("features", [20, 1030])  # beyond a block of rows too
@pytest.mark.parametrize("nearly_empty", [0, 2], ids=["dense", "sparse"])
def test_moments_are_numpys_exactly_however_often_counts_are_folded(monkeypatch, bound, features, nearly_empty):
    monkeypatch.setattr(pca, "EXACT", bound)
    monkeypatch.setattr(pca, "SMALL", 0)
    monkeypatch.setattr(pca, "NEARLY_EMPTY", nearly_empty)
    data = bags(300, features)
    mean, covariance = moments(batches(data), features)
    whole = data.astype(np.float64)
    assert mean.dtype == covariance.dtype == np.float64
    assert np.array_equal(mean, whole.sum(0) / 300)
    # Counts are whole numbers: no rounding but that of the last division and product.
    assert np.array_equal(covariance, whole.T @ whole / 300 - np.outer(mean, mean))
    np.testing.assert_allclose(covariance, np.cov(whole.T, bias=True), atol=1e-12)


def test_counts_are_folded_before_float32_loses_them(monkeypatch):
    """Batches that together pass the bound are never added up in float32."""
    largest = []
    monkeypatch.setattr(pca, "EXACT", 100)
    add = torch.Tensor.addmm_
    monkeypatch.setattr(torch.Tensor, "addmm_", lambda self, a, b: largest.append(add(self, a, b).max().item()) or self)
    mean, _ = moments((torch.ones(30, 2) for _ in range(20)), 2)
    assert mean.tolist() == [1, 1]
    assert max(largest) <= 100


def test_eigenvectors_come_by_falling_eigenvalue():
    values = np.array([0.5, 3.0, 2.0, 1.0])
    rotation = np.linalg.qr(np.random.default_rng(0).standard_normal((4, 4)))[0]
    found, top = leading_pairs(rotation @ np.diag(values) @ rotation.T, 3)
    np.testing.assert_allclose(found, [3, 2, 1])
    np.testing.assert_allclose(np.abs(top @ rotation), np.eye(4)[[1, 2, 3]], atol=1e-12)


def test_pairs_of_lanczos_are_those_of_the_full_decomposition(monkeypatch):
    random = np.random.default_rng(0)
    matrix = random.standard_normal((60, 60))
    matrix += matrix.T
    values, vectors = leading_pairs(matrix.copy(), 5)
    monkeypatch.setattr(pca, "FULL", 10)
    monkeypatch.setattr(pca, "FEW", 1)
    monkeypatch.setattr(pca, "eigh", None)
    again, found = leading_pairs(matrix.copy(), 5)
    np.testing.assert_allclose(again, values, rtol=1e-6)
    np.testing.assert_allclose(found, vectors, atol=1e-4)
    np.testing.assert_allclose(values, np.linalg.eigvalsh(matrix)[::-1][:5])


@pytest.mark.parametrize("rank", [0, 1, 3])
def test_pairs_of_a_matrix_of_fewer_dimensions(monkeypatch, rank):
    monkeypatch.setattr(pca, "FULL", 10)
    monkeypatch.setattr(pca, "FEW", 1)
    factors = np.random.default_rng(0).standard_normal((rank, 60))
    factors -= factors.mean(1, keepdims=True)
    values, vectors = leading_pairs(factors.T @ factors, 5)
    expected = np.linalg.svd(factors)[1] ** 2
    np.testing.assert_allclose(values, [*expected, *[0] * (5 - rank)], atol=1e-9)
    np.testing.assert_allclose(vectors @ vectors.T, np.eye(5), atol=1e-9)


def test_a_linear_tied_model_trained_to_convergence_spans_the_same_subspace():
    data = bags(200, 10, seed=3)
    f = torch.from_numpy(data).double()
    closed = PrincipalComponents(10, 3)
    closed.fit(batches(data))
    torch.manual_seed(0)
    model = Tied(10, 3, "identity").double()
    optimizer = make_optimizer(model.parameters(), OptimizerSettings("adam", lr=0.05))
    for step in range(500):
        optimizer.param_groups[0]["lr"] = optimizer.param_groups[1]["lr"] = 0.05 * (1 - step / 500)
        optimizer.zero_grad()
        loss = model.loss(model(f), f)
        loss.backward()
        optimizer.step()
    weight = model.weight.detach().numpy()
    assert subspace_angles(weight.T, closed.weight.detach().numpy().T).max() < 1e-3
    np.testing.assert_allclose(weight.T @ weight, (closed.weight.T @ closed.weight).detach(), atol=1e-3)
    np.testing.assert_allclose(model.bias.detach(), closed.bias.detach(), atol=1e-3)
    eigenvalues = np.linalg.eigvalsh(np.cov(data.T.astype(np.float64), bias=True))
    assert loss.item() == pytest.approx(eigenvalues[:-3].sum() / 10, rel=1e-5)


def correlated_bags(windows=600, words=20, seed=0):
    generator = np.random.default_rng(seed)
    topic = generator.integers(0, 4, windows)
    rate = np.where(np.arange(words) % 4 == topic[:, None], 0.5, 0.04)
    return torch.from_numpy(generator.random((windows, words)) < rate).float()


def test_the_bias_of_rectified_components_is_the_best_of_a_fine_search():
    bags = correlated_bags()
    model = RectifiedPrincipalComponents(20, 3)
    model.fit(bags.split(64))
    values = (bags @ model.weight.T @ model.weight).detach().double().numpy()
    grid = np.linspace(-1.5, 1.0, 5001)
    for word in range(20):
        x, f = values[:, word], bags[:, word].numpy()
        errors = (np.square(np.maximum(x[:, None] + grid, 0) - f[:, None])).mean(0)
        own = np.square(np.maximum(x + float(model.bias.detach()[word]), 0) - f).mean()
        assert own <= errors.min() + 1e-6
    plain = PrincipalComponents(20, 3)
    plain.fit(bags.split(64))
    np.testing.assert_array_equal(model.weight.detach(), plain.weight.detach())
    with torch.no_grad():
        errors = [float((each(bags).reconstruction - bags).square().mean()) for each in (plain, model)]
    assert errors[1] < errors[0]
    # The bias of the linear optimum, rectified, is worse: the bias is fitted.
    with torch.no_grad():
        rectified = float((plain(bags).reconstruction.relu() - bags).square().mean())
    assert errors[1] < rectified - 1e-5


@pytest.mark.parametrize("batch", [1, 7, 64])
def test_a_sample_of_a_stream_is_evenly_spaced(batch):
    bags = torch.eye(100)
    sample = BagSample(20)
    assert sum(len(part) for part in sample.passing(bags.split(batch))) == 100
    kept = [int(words) for words in sample.bags]
    assert kept == list(range(0, 100, sample.step))
    assert 10 <= len(kept) <= 20
