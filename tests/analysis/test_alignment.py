"""Alignment metrics against dense numpy, scipy and scikit-learn, closed forms, and what must not matter."""

import itertools

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

from bows.analysis import alignment as module
from bows.analysis import rank_correlation
from bows.analysis.alignment import alignment, blocks_of_ranks, mantel, pca_distance
from bows.analysis.cooccurrence import Cooccurrence
from bows.errors import DataError, SettingError

COSINE, CKA, RSA, DISTANCE, P, P_WITHIN, WORDS = (
    f"alignment/{name}"
    for name in ("covariance_cosine", "cka", "rsa", "pca_distance", "rsa_p", "rsa_p_within_deciles", "rsa_words")
)


def random(*shape, seed=0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def topical(windows: int = 200, words: int = 24, seed: int = 0) -> torch.Tensor:
    """Bags of words around six topics."""
    generator = np.random.default_rng(seed)
    shown = generator.random((windows, 6)) < 0.3
    share = np.where(shown[:, np.arange(words) % 6], 0.6, 0.1) * generator.uniform(0.5, 1.2, words)
    return torch.from_numpy(generator.random((windows, words)) < share).float()


def counted(bags: torch.Tensor, **settings) -> Cooccurrence:
    return Cooccurrence(lambda: bags.split(50), bags.shape[1], **settings)


def covariance_of(bags: torch.Tensor) -> np.ndarray:
    return np.cov(bags.double().numpy().T, bias=True)


def leading(bags: torch.Tensor, latent: int) -> torch.Tensor:
    """The linear optimum's encoder: the top principal directions as rows."""
    return torch.from_numpy(np.linalg.eigh(covariance_of(bags))[1][:, : -latent - 1 : -1].T.copy())


def u_centred(matrix: np.ndarray) -> np.ndarray:
    """Székely and Rizzo's U-centring (2014), whose inner product is the unbiased HSIC of Song et al. up to a factor."""
    words, off = len(matrix), matrix - np.diag(np.diag(matrix))
    rows = off.sum(0) / (words - 2)
    centred = off - rows - rows[:, None] + off.sum() / ((words - 1) * (words - 2))
    np.fill_diagonal(centred, 0)
    return centred


def densely(effective: np.ndarray, covariance: np.ndarray, latent: int) -> dict[str, float]:
    symmetric, words = (effective + effective.T) / 2, len(effective)
    off = ~np.eye(words, dtype=bool)
    upper = np.triu_indices(words, 1)
    kernels = [u_centred(matrix) for matrix in (symmetric, covariance)]
    top = np.linalg.eigh(covariance)[1][:, -latent:]
    expected = {
        COSINE: symmetric[off] @ covariance[off] / np.linalg.norm(symmetric[off]) / np.linalg.norm(covariance[off]),
        CKA: (kernels[0] * kernels[1]).sum() / np.linalg.norm(kernels[0]) / np.linalg.norm(kernels[1]),
        RSA: spearmanr(symmetric[upper].astype(np.float32), covariance[upper].astype(np.float32)).statistic,
        DISTANCE: np.linalg.norm(effective - top @ top.T) / np.sqrt(latent),
    }
    return {name: float(value) for name, value in expected.items()}


@pytest.mark.parametrize("rows", [5, 256])
@pytest.mark.parametrize("untied", [False, True])
@pytest.mark.parametrize("streamed", [False, True])
def test_matches_dense_linear_algebra(monkeypatch, rows, untied, streamed):
    monkeypatch.setattr(module, "ROWS", rows)
    if streamed:
        monkeypatch.setattr(rank_correlation, "SORTED", 0)
        monkeypatch.setattr(rank_correlation, "BINS", 19)  # smaller tables, faster
    bags = topical()
    encoder, decoder = random(4, 24), random(24, 4, seed=1) if untied else None
    effective = (encoder.T if decoder is None else decoder) @ encoder
    metrics = alignment(encoder, decoder, counted(bags, most_bytes=24 * 4 * 7 if streamed else 2**20), 0, 0)
    expected = densely(effective.numpy(), covariance_of(bags), 4)
    assert metrics == pytest.approx(expected, rel=1e-6, abs=1e-3 if streamed else 1e-9)


def test_cka_is_song_s_sum_over_quadruples_of_words():
    """The unbiased HSIC is the mean over ordered quadruples of different words of K_ij (L_ij + L_kl - 2 L_ik)."""
    bags, weights = topical(words=9), random(4, 9)
    kernels = (weights.T @ weights).numpy(), covariance_of(bags)
    quadruples = np.array(list(itertools.permutations(range(9), 4))).T

    def hsic(first, second):
        i, j, k, m = quadruples
        return (first[i, j] * (second[i, j] + second[k, m] - 2 * second[i, k])).mean()

    expected = hsic(*kernels) / np.sqrt(hsic(kernels[0], kernels[0]) * hsic(kernels[1], kernels[1]))
    assert alignment(weights, None, counted(bags), 0, 0)[CKA] == pytest.approx(expected)


def test_cka_of_unrelated_matrices_is_0_in_the_mean():
    """With the diagonal, which both matrices have, it is not."""
    generator = np.random.default_rng(0)
    found = []
    for seed in range(60):
        bags = torch.from_numpy(generator.random((100, 24)) < 0.3).float()
        found.append(alignment(random(12, 24, seed=seed), None, counted(bags), 0, 0)[CKA])
    assert abs(np.mean(found)) < 3 * np.std(found) / 60**0.5


@pytest.mark.parametrize("most_bytes", [24 * 4 * 7, 2**20])
def test_the_ceilings_compare_one_half_of_the_windows_with_the_other(most_bytes):
    bags = topical()
    half, whole = (counted(each, most_bytes=most_bytes) for each in (bags[:90], bags))
    metrics = alignment(random(4, 24), None, whole, 0, 0, half)
    expected = densely(covariance_of(bags[:90]), covariance_of(bags[90:]), 4)
    assert metrics["alignment/cka_ceiling"] == pytest.approx(expected[CKA])
    assert metrics["alignment/rsa_ceiling"] == pytest.approx(expected[RSA], abs=2e-3)  # ties split by rounding
    assert "alignment/rsa_ceiling" not in alignment(random(4, 24), None, whole, 0, 0)


def test_a_root_of_the_covariance_is_aligned():
    bags = topical()
    values, vectors = np.linalg.eigh(covariance_of(bags))
    root = torch.from_numpy((vectors * np.sqrt(values)).T)
    metrics = alignment(root, None, counted(bags), 99, 0)
    assert metrics == {
        COSINE: pytest.approx(1),
        CKA: pytest.approx(1),
        RSA: pytest.approx(1, abs=1e-4),
        P: 0.01,
        P_WITHIN: 0.01,
        WORDS: 24,
    }


def test_the_linear_optimum_is_at_no_distance():
    bags = topical()
    best = leading(bags, 5)
    assert pca_distance(best, None, counted(bags), 0) == pytest.approx(0, abs=1e-6)
    assert pca_distance(best * 2**0.5, None, counted(bags), 0) == pytest.approx(1)
    assert pca_distance(3 * best, best.T / 3, counted(bags), 0) == pytest.approx(0, abs=1e-6)
    others = leading(bags, 10)[5:]
    assert pca_distance(others, None, counted(bags), 0) == pytest.approx(2**0.5)
    assert pca_distance(best * 0, None, counted(bags), 0) == pytest.approx(1)


def test_distance_is_left_out_without_enough_dimensions():
    bags = topical(words=6).repeat(1, 4)
    assert DISTANCE in alignment(random(6, 24), None, counted(bags), 0, 0)
    assert DISTANCE not in alignment(random(7, 24), None, counted(bags), 0, 0)
    assert DISTANCE in alignment(random(23, 24), None, counted(topical()), 0, 0)
    assert DISTANCE not in alignment(random(24, 24), None, counted(topical()), 0, 0)


def test_rotation_and_word_order_do_not_matter():
    bags, weights = topical(), random(4, 24)
    metrics = alignment(weights, None, counted(bags), 0, 0)
    turned = torch.linalg.qr(random(4, 4, seed=5)).Q @ weights
    assert alignment(turned, None, counted(bags), 0, 0) == pytest.approx(metrics)
    order = torch.randperm(24, generator=torch.Generator().manual_seed(0))
    assert alignment(weights[:, order], None, counted(bags[:, order]), 0, 0) == pytest.approx(metrics)
    assert alignment(weights, weights.T, counted(bags), 0, 0) == pytest.approx(metrics)


def test_scaling_matters_to_the_distance_alone():
    bags, weights = topical(), random(4, 24)
    metrics, scaled = (alignment(factor * weights, None, counted(bags), 49, 0) for factor in (1, 3))
    assert scaled.pop(DISTANCE) > 2 * metrics.pop(DISTANCE)
    assert scaled == pytest.approx(metrics)


def test_words_without_column_or_variance_stay():
    bags, weights = topical(), random(4, 24)
    weights[:, 3] = 0
    bags[:, 5], bags[:, 6] = 1, 0
    metrics = alignment(weights, None, counted(bags), 9, 0)
    expected = densely((weights.T @ weights).numpy(), covariance_of(bags), 4)
    assert {name: metrics[name] for name in expected} == pytest.approx(expected, rel=1e-6)
    assert metrics[WORDS] == 24


def test_what_does_not_vary_is_left_out():
    bags = topical()
    assert set(alignment(torch.zeros(4, 24), None, counted(bags), 9, 0)) == {DISTANCE}
    assert alignment(random(4, 24), None, counted(torch.ones(9, 24)), 9, 0) == {}
    assert set(alignment(torch.ones(1, 24), None, counted(bags), 9, 0)) == {COSINE, DISTANCE}
    assert set(alignment(torch.eye(24), None, counted(bags), 9, 0)) == set()
    assert alignment(torch.ones(1, 1), None, counted(torch.eye(2)[:, :1]), 9, 0) == {}


def test_p_is_that_of_permuted_matrices(monkeypatch):
    """The null drawn again from the generator, each permutation applied to the words of a data set."""
    monkeypatch.setattr(module, "CHUNK", 7)
    bags = topical(seed=3)
    weights = random(4, 24) + 1.4 * leading(bags, 4)
    drawn = []

    def recorded(groups, permutations, generator):
        orders = np.stack([generator.permutation(len(groups)) for _ in range(permutations)])
        drawn.append((np.asarray(groups), orders))
        return orders

    monkeypatch.setattr(module, "permutations_within", recorded)
    metrics = mantel(weights, None, counted(bags), 60, 0)
    upper = np.triu_indices(24, 1)
    gram = (weights.T @ weights).numpy()[upper]

    def rho(order):
        return spearmanr(gram, covariance_of(bags[:, order])[upper].astype(np.float32)).statistic

    observed = rho(np.arange(24))
    for (_, orders), name in zip(drawn, (P, P_WITHIN), strict=True):
        null = np.array([rho(order) for order in orders])
        assert 0 < (null >= observed).sum() < 59  # else it would tell little
        assert metrics[name] == pytest.approx((1 + (null >= observed).sum()) / 61)
    frequency = bags.sum(0).numpy()
    (everyone, _), (deciles, _) = drawn
    assert len(set(everyone)) == 1
    assert len(set(deciles)) == 10
    ordered = deciles[np.argsort(frequency, kind="stable")]
    assert (np.diff(ordered) >= 0).all()


def test_p_is_one_sided_and_seeded():
    bags = topical()
    best = leading(bags, 5)
    aligned = alignment(best, None, counted(bags), 99, 0)
    assert aligned[P] == 0.01
    opposed = alignment(best, -best.T, counted(bags), 99, 0)
    assert opposed[P] == 1
    weights = random(4, 24)
    first, again, other = (mantel(weights, None, counted(bags), 99, seed) for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_permutations_that_change_nothing_count_as_reaching_the_observed():
    """Words 0 and 1 come together and can be swapped, so a third of all orders give what is observed, the most there is."""
    bags = torch.tensor(
        [[1.0, 1.0, 0.0], [0.0, 0.0, 1.0], [1.0, 0.0, 1.0], [0.0, 1.0, 1.0], [1.0, 1.0, 0.0], [0.0, 0.0, 0.0]]
    )
    weights = torch.tensor([[1.0, 0.9, 0.0], [0.0, 0.0, 1.0]])
    metrics = alignment(weights, None, counted(bags), 2000, 0)
    assert metrics[P] == pytest.approx(1 / 3, abs=0.04)
    assert metrics[P_WITHIN] == 1  # each word is a decile of its own
    assert alignment(weights, None, counted(bags), 1, 0)[P_WITHIN] == 1


def test_frequency_alone_is_no_evidence_within_deciles():
    """Weights that know how frequent words are and nothing else: the plain null is taken in, that within deciles is not."""
    generator = np.random.default_rng(0)
    share = np.geomspace(0.02, 0.5, 60)
    mood = generator.uniform(0, 2, (400, 1))  # long and short windows: all words come together, frequent ones more so
    bags = torch.from_numpy(generator.random((400, 60)) < share * mood).float()
    metrics = alignment(torch.from_numpy(np.sqrt(share))[None], None, counted(bags), 199, 0)
    assert metrics[P] == 1 / 200
    assert metrics[P_WITHIN] > 10 / 200


@pytest.mark.parametrize("most_bytes", [24 * 4 * 7, 2**20])
def test_p_of_many_words_is_that_of_the_mean_over_blocks(monkeypatch, most_bytes):
    monkeypatch.setattr(module, "MANTEL_WORDS", (8, 8))
    bags, weights = topical(seed=3), random(4, 24) + 1.2 * leading(topical(seed=3), 4)
    metrics = mantel(weights, None, counted(bags, most_bytes=most_bytes), 400, 0)
    assert metrics[WORDS] == 24
    order = np.argsort(bags.sum(0).numpy(), kind="stable")
    gram, covariance = (weights.T @ weights).numpy(), covariance_of(bags).astype(np.float32)
    upper, generator = np.triu_indices(8, 1), np.random.default_rng(1)

    def mean_rho(permuted):
        total = 0.0
        for start in range(3):
            words = np.sort(order[start::3])
            other = generator.permutation(words) if permuted else words
            total += spearmanr(gram[np.ix_(words, words)][upper], covariance[np.ix_(other, other)][upper]).statistic
        return total / 3

    observed, null = mean_rho(False), np.array([mean_rho(True) for _ in range(400)])
    expected = np.mean(null >= observed - 1e-9)
    assert 0.01 < expected < 0.9
    assert metrics[P] == pytest.approx(expected, abs=0.1)


def test_blocks_hold_every_word_once_and_all_frequencies():
    frequency = np.random.default_rng(0).permutation(1000)
    blocks = blocks_of_ranks(frequency)
    assert sorted(np.concatenate(blocks)) == list(range(1000))
    assert all((np.diff(block) > 0).all() for block in blocks)
    assert all(set(frequency[block] // 100) == set(range(10)) for block in blocks)
    sizes = {words: {len(block) for block in blocks_of_ranks(np.arange(words))} for words in (300, 500, 1000, 10_000)}
    assert sizes == {300: {300}, 500: {167, 166}, 1000: {100}, 10_000: {100}}


def test_bad_input_is_refused():
    counts = counted(topical())
    with pytest.raises(SettingError, match="permutations=-1"):
        alignment(random(4, 24), None, counts, -1, 0)
    with pytest.raises(DataError, match="of 23 words and the windows of 24"):
        alignment(random(4, 23), None, counts, 0, 0)


def test_under_autocast_the_numbers_stay():
    bags, weights = topical(), random(4, 24).float()
    with torch.autocast("cpu", torch.bfloat16):
        inside = alignment(weights, None, counted(bags), 9, 0)
    assert inside == alignment(weights, None, counted(bags), 9, 0)
