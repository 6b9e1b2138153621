"""Principal directions by both ways against numpy's eigenvectors."""

import numpy as np
import pytest
import torch

from bows.analysis import principal_directions as module
from bows.analysis.cooccurrence import Cooccurrence
from bows.analysis.principal_directions import krylov, principal_directions


def topical(windows: int = 500, words: int = 400, topics: int = 60, seed: int = 0) -> torch.Tensor:
    """Words that topics of falling share bring together."""
    generator = np.random.default_rng(seed)
    shown = generator.random((windows, topics)) < np.geomspace(0.4, 0.05, topics)
    affinity = generator.random((topics, words)) ** 8
    return torch.from_numpy(generator.random((windows, words)) < 1 - np.exp(-0.02 - 0.3 * shown @ affinity)).float()


def counted(bags: torch.Tensor, **settings) -> Cooccurrence:
    return Cooccurrence(lambda: bags.split(100), bags.shape[1], **settings)


def by_numpy(bags: torch.Tensor, count: int) -> tuple[np.ndarray, np.ndarray]:
    values, vectors = np.linalg.eigh(np.cov(bags.double().numpy().T, bias=True))
    return values[::-1][:count], vectors[:, ::-1][:, :count]


@pytest.fixture(params=["all at once", "krylov"])
def way(request, monkeypatch):
    monkeypatch.setattr(module, "SMALL", 10_000)
    if request.param == "krylov":
        monkeypatch.setattr(module, "SMALL", 0)
        monkeypatch.setattr(module, "BLOCK", 8)
        monkeypatch.setattr(module, "_all_at_once", None)  # not to be called


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("settings", [{}, {"most_bytes": 400 * 400}], ids=["kept", "stripes"])
def test_matches_numpy(settings):
    bags = topical()
    directions = principal_directions(counted(bags, **settings), 30)
    assert directions is not None
    assert directions.shape == (400, 30)
    assert directions.dtype == torch.float64
    values, vectors = by_numpy(bags, 30)
    np.testing.assert_allclose(directions.T @ directions, np.eye(30), atol=1e-5)
    covariance = np.cov(bags.double().numpy().T, bias=True)
    found = np.diag(directions.T.numpy() @ covariance @ directions.numpy())
    np.testing.assert_allclose(found, values, rtol=1e-3)  # in order
    assert np.square(directions.T.numpy() @ vectors).sum() == pytest.approx(30, abs=0.03)  # the same subspace


@pytest.mark.usefixtures("way")
def test_too_few_dimensions_give_none():
    bags = topical(words=30).repeat(1, 8)  # 240 words in 30 dimensions
    assert principal_directions(counted(bags), 40) is None
    assert principal_directions(counted(bags), 20) is not None
    few = topical(windows=11)
    assert principal_directions(counted(few), 11) is None  # 11 windows vary in 10 dimensions
    assert principal_directions(counted(few), 10) is not None


def test_all_directions_and_the_last_dimension():
    bags = topical(words=12)
    directions = principal_directions(counted(bags), 12)
    assert directions is not None
    np.testing.assert_allclose(directions @ directions.T, np.eye(12), atol=1e-12)
    bags[:, 4] = 1  # always there, so it does not vary
    assert principal_directions(counted(bags), 12) is None
    assert principal_directions(counted(bags), 11) is not None
    assert principal_directions(counted(bags), 13) is None


def test_a_search_that_takes_too_much_gives_way_to_all_at_once(monkeypatch):
    monkeypatch.setattr(module, "SMALL", 0)
    bags = topical()
    assert krylov(counted(bags), 100, seed=0) is None  # it starts to look at 2 x 100 + 50, over half of 400
    directions = principal_directions(counted(bags), 100)
    assert directions is not None
    assert np.square(directions.T.numpy() @ by_numpy(bags, 100)[1]).sum() == pytest.approx(100)


def test_the_seed_decides(monkeypatch):
    monkeypatch.setattr(module, "SMALL", 0)
    monkeypatch.setattr(module, "BLOCK", 8)
    counts = counted(topical())
    first, again, other = (principal_directions(counts, 30, seed=seed) for seed in (1, 1, 2))
    assert first is not None
    assert again is not None
    assert other is not None
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
