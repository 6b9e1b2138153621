"""Streamed sums against the whole tables at once."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import mean_squared_error, r2_score

from bows.analysis.reconstruction import ReconstructionSums


def windows(rows=60, words=5, seed=0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    bags = (torch.rand(rows, words, generator=generator) < torch.linspace(0.1, 0.9, words)).float()
    noise = torch.rand(rows, words, generator=generator, dtype=torch.float64)
    return bags, 0.7 * bags + 0.3 * noise


def streamed(bags, reconstruction, size=7) -> ReconstructionSums:
    sums = ReconstructionSums(bags.shape[1])
    for part, rebuilt in zip(bags.split(size), reconstruction.split(size), strict=True):
        sums.update(part, rebuilt)
    return sums


@given(st.integers(2, 40), st.integers(1, 6), st.integers(1, 50), st.integers(0, 1000))
@settings(max_examples=25, deadline=None)
def test_matches_the_whole_table(rows, words, size, seed):
    bags, rebuilt = windows(rows, words, seed)
    sums, (true, guess) = streamed(bags, rebuilt, size), (bags.double().numpy(), rebuilt.double().numpy())
    metrics = sums.metrics()
    assert metrics["reconstruction/loss"] == pytest.approx(mean_squared_error(true, guess))
    total = ((true - true.mean(0)) ** 2).sum()
    if total > 0:
        assert metrics["reconstruction/r2"] == pytest.approx(1 - ((true - guess) ** 2).sum() / total)
    else:
        assert "reconstruction/r2" not in metrics
    for word, score in enumerate(sums.r2_by_word().tolist()):
        varies = len(set(true[:, word])) > 1
        assert score == (pytest.approx(r2_score(true[:, word], guess[:, word])) if varies else None)
    np.testing.assert_allclose(sums.frequency(), true.mean(0))


def test_wrong_formulas_differ():
    bags, rebuilt = windows()
    score = streamed(bags, rebuilt).metrics()["reconstruction/r2"]
    true, guess = bags.double().numpy(), rebuilt.double().numpy()
    error = ((true - guess) ** 2).sum()
    assert score != pytest.approx(r2_score(true, guess), rel=1e-2)  # mean of the words' R^2
    assert score != pytest.approx(1 - error / ((true - true.mean()) ** 2).sum(), rel=1e-2)  # one mean for all words
    assert score != pytest.approx(1 - error / (true**2).sum(), rel=1e-2)  # no mean


def test_constant_words_count_with_their_errors():
    bags, rebuilt = windows()
    plain = streamed(bags, rebuilt)
    wider = torch.cat([bags, torch.ones(60, 1), torch.zeros(60, 1)], 1)
    sums = streamed(wider, torch.cat([rebuilt, torch.full((60, 2), 0.5)], 1))
    assert sums.r2_by_word().tolist()[-2:] == [None, None]
    total = plain.squared_error.sum() / (1 - plain.metrics()["reconstruction/r2"])
    assert sums.metrics()["reconstruction/r2"] == pytest.approx((1 - sums.squared_error.sum() / total).item())
    assert sums.metrics()["reconstruction/r2"] < plain.metrics()["reconstruction/r2"]


def test_perfect_and_mean_reconstructions():
    bags, _ = windows()
    assert streamed(bags, bags).metrics() == {
        "reconstruction/loss": 0, "reconstruction/r2": 1, "reconstruction/r2_macro": 1
    }  # fmt: skip
    mean = streamed(bags, bags.mean(0).expand_as(bags))
    assert mean.metrics()["reconstruction/r2"] == pytest.approx(0, abs=1e-6)


def test_before_any_window_nothing_is_defined():
    sums = ReconstructionSums(3)
    assert sums.metrics() == {}
    assert sums.r2_by_word().tolist() == sums.frequency().tolist() == [None, None, None]
    sums.update(torch.ones(2, 3), torch.zeros(2, 3))
    assert sums.metrics() == {"reconstruction/loss": 1}


def test_any_float_type_and_bool_bags_and_the_batch_stays_untouched():
    bags, rebuilt = windows()
    before = bags.clone(), rebuilt.clone()
    plain = streamed(bags, rebuilt).metrics()
    assert torch.equal(bags, before[0])
    assert torch.equal(rebuilt, before[1])
    assert streamed(bags.bool(), rebuilt.double()).metrics() == pytest.approx(plain)
    assert streamed(bags, rebuilt.bfloat16()).metrics() == pytest.approx(plain, rel=1e-2)
    with pytest.raises(ValueError, match="must both be"):
        ReconstructionSums(4).update(bags, rebuilt)


def test_many_batches_lose_no_precision():
    sums = ReconstructionSums(1)
    sums.squared_error += 1e9  # as after very many windows; float32 would swallow what follows
    sums.update(torch.ones(1, 1), torch.zeros(1, 1))
    assert sums.squared_error.item() == 1e9 + 1


def test_the_macro_mean_weighs_every_word_alike():
    bags, rebuilt = windows()
    found = streamed(bags, rebuilt)
    of_word = [1 - ((f - g) ** 2).sum() / ((f - f.mean()) ** 2).sum() for f, g in zip(bags.T, rebuilt.T, strict=True)]
    macro = found.metrics()["reconstruction/r2_macro"]
    assert macro == pytest.approx(float(torch.stack(of_word).mean()), abs=1e-5)
    assert abs(macro - found.metrics()["reconstruction/r2"]) > 1e-3  # the pooled one is another number
