"""Streamed Spearman against scipy's, with and without ties."""

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

from bows.analysis import rank_correlation as module
from bows.analysis.rank_correlation import bins, spearman


def correlated(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    first = generator.standard_normal(count) ** 3
    return first.astype(np.float32), (first + 2 * generator.standard_normal(count)).astype(np.float32)


def of(first: np.ndarray, second: np.ndarray, size: int = 30_000):
    pairs = torch.from_numpy(first), torch.from_numpy(second)
    return spearman(lambda: zip(pairs[0].split(size), pairs[1].split(size), strict=True), len(first))


@pytest.fixture(params=["sorted", "streamed"])
def way(request, monkeypatch):
    if request.param == "streamed":
        monkeypatch.setattr(module, "SORTED", 0)


@pytest.fixture
def few_bins(monkeypatch):
    """Smaller tables are faster; sign, exponent and 9 bits of the value are left."""
    monkeypatch.setattr(module, "BINS", 18)


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize(
    "change",
    [
        lambda x, y: (x, y),
        lambda x, y: (x, -y),
        lambda x, y: (np.round(x), np.round(y / 3)),  # ties
        lambda x, y: (np.where(x > 0, x, 0), y * 1e-20),  # half of all tied, and tiny values
        lambda x, y: (np.where(abs(x) < 1, x * 0, x), y + np.float32(100)),  # zeros of both signs; one sign only
    ],
    ids=["rising", "falling", "ties", "one large tie", "zeros of both signs"],
)
def test_matches_scipy(change):
    first, second = change(*correlated(30_000))
    assert of(first, second) == pytest.approx(spearmanr(first, second).statistic, abs=1e-5)


@pytest.mark.usefixtures("way", "few_bins")
def test_what_must_not_matter():
    first, second = correlated(5_000)
    rho = of(first, second)
    assert of(np.sign(first) * np.sqrt(abs(first)), 3 * second) == pytest.approx(rho, abs=1e-3)  # any rising function
    assert of(second, first) == pytest.approx(rho, abs=1e-12)
    assert of(first, second, size=1700) == pytest.approx(rho, abs=1e-12)
    assert of(first[::-1].copy(), second[::-1].copy()) == pytest.approx(rho, abs=1e-12)
    assert rho != pytest.approx(np.corrcoef(first, second)[0, 1], abs=1e-3)


@pytest.mark.usefixtures("way", "few_bins")
def test_the_ends_of_the_range():
    values = np.linspace(-1, 1, 50, dtype=np.float32)
    assert of(values, np.exp(values)) == pytest.approx(1)
    assert of(values, -np.exp(values)) == pytest.approx(-1)
    assert of(values, values * 0 + 1) is None
    assert of(values[:1], values[:1]) is None


def test_bins_rise_with_values_to_a_ten_thousandth():
    values = torch.tensor([0, 1e-38, 1e-20, 1e-3, 1, 1.0002, 3, 1e30, torch.inf])
    places = bins(torch.cat([-values.flip(0), values]))
    assert places.min() >= 0
    assert places.max() < 1 << module.BINS
    steps = places.diff()
    assert (steps[:8] > 0).all()
    assert steps[8] == 0  # -0 and 0
    assert (steps[9:] > 0).all()
