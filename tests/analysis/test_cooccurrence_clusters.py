"""Phi and the agreement of clusters, against correlations of drawn bags, scikit-learn, and what must not matter."""

import numpy as np
import pytest
import torch
from sklearn.cluster import SpectralClustering
from sklearn.metrics import adjusted_mutual_info_score, mutual_info_score

from bows.analysis import cooccurrence_clusters as module
from bows.analysis.cooccurrence_clusters import cooccurrence_ami, mutual_information, phi
from bows.analysis.permutation_null import frequency_deciles, permutations_within
from bows.errors import DataError, SettingError

TOPICS = 4


def bags(count=48, windows=600, seed=0):
    """Bags in which the words i, i + 4, i + 8, ... of one topic tend to occur together: (windows, count) of 0 and 1."""
    draw = np.random.default_rng(seed)
    topic = draw.integers(0, TOPICS, windows)
    chance = np.where(topic[:, None] == np.arange(count) % TOPICS, 0.5, 0.1)
    return (draw.random((windows, count)) < chance).astype(np.int64)


def phi_of(sample):
    return phi(sample.T @ sample, sample.sum(0), len(sample))


def encoder_of(labels, latent=8, noise=0.1, seed=1):
    draw = np.random.default_rng(seed)
    centres = np.linalg.qr(draw.normal(size=(latent, latent)))[0][:, labels]
    return torch.from_numpy(centres + noise * draw.normal(size=centres.shape))


def test_phi_is_the_correlation_of_presence():
    sample = bags()
    found = phi_of(sample)
    np.testing.assert_allclose(found, np.corrcoef(sample.T), atol=1e-12)
    np.testing.assert_array_equal(found, found.T)
    assert (np.diag(found) == 1).all()


def test_phi_of_a_two_by_two_table():
    # both 4, only the first 2, only the second 1, neither 3: (4 x 3 - 2 x 1) / sqrt(6 x 4 x 5 x 5)
    found = phi(torch.tensor([[6, 4], [4, 5]]), torch.tensor([6, 5]), 10)
    assert found[0, 1] == pytest.approx(10 / 600**0.5)


def test_phi_does_not_read_the_diagonal_and_keeps_large_counts():
    sample = bags()
    counts = sample.T @ sample
    np.fill_diagonal(counts, 0)
    np.testing.assert_allclose(phi(counts, sample.sum(0), len(sample)), phi_of(sample))
    scaled = phi((counts * 10**7).astype(np.float64), sample.sum(0) * 10**7, len(sample) * 10**7)
    np.testing.assert_allclose(scaled, phi_of(sample))


@pytest.mark.parametrize("count", [0, 10])
def test_a_word_that_does_not_vary_is_refused(count):
    with pytest.raises(DataError, match="1 of 2 words are in none or in all of 10 windows"):
        phi(np.array([[5, 0], [0, count]]), np.array([5, count]), 10)


def test_counts_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="do not fit"):
        phi(np.ones((2, 3)), np.ones(2), 10)


def test_words_that_cluster_as_they_occur_agree():
    sample = bags()
    labels = np.arange(48) % TOPICS
    frequency = np.random.default_rng(3).random(48)
    scores = cooccurrence_ami(encoder_of(labels), phi_of(sample), TOPICS, frequency, 199, 0)
    assert scores["cluster/cooccurrence_ami"] == pytest.approx(1)
    assert scores["cluster/cooccurrence_ami_p"] == 1 / 200
    assert scores["cluster/cooccurrence_ami_z"] > 5
    others = np.random.default_rng(4).permutation(labels)
    unrelated = cooccurrence_ami(encoder_of(others), phi_of(sample), TOPICS, frequency, 199, 0)
    assert abs(unrelated["cluster/cooccurrence_ami"]) < 0.2
    assert abs(unrelated["cluster/cooccurrence_ami_z"]) < 3.5
    assert unrelated["cluster/cooccurrence_ami_p"] > 0.005


@pytest.mark.filterwarnings("ignore:Graph is not fully connected")
@pytest.mark.parametrize("noise", [0.3, 0.6])
def test_matches_scikit_learn_and_the_null_each_permuted_ami(noise):
    sample = bags(seed=2)
    encoder = encoder_of(np.arange(48) % TOPICS, noise=noise)
    frequency = sample.sum(0) + np.linspace(0, 0.5, 48)
    scores = cooccurrence_ami(encoder, phi_of(sample), TOPICS, frequency, 50, 3)
    unit = encoder / encoder.norm(dim=0)
    one, other = (
        SpectralClustering(TOPICS, affinity="precomputed", random_state=3).fit_predict(np.where(matrix > 0, matrix, 0))
        for matrix in ((unit.T @ unit).numpy(), np.corrcoef(sample.T))
    )
    drawn = permutations_within(frequency_deciles(frequency), 50, np.random.default_rng(3))
    observed = adjusted_mutual_info_score(one, other)
    null = np.array([adjusted_mutual_info_score(one, other[order]) for order in drawn])
    assert scores["cluster/cooccurrence_ami"] == pytest.approx(observed)
    assert scores["cluster/cooccurrence_ami_null"] == pytest.approx(null.mean(), rel=1e-6)
    assert scores["cluster/cooccurrence_ami_z"] == pytest.approx((observed - null.mean()) / null.std(ddof=1))
    assert scores["cluster/cooccurrence_ami_p"] == (1 + (null >= observed - 1e-6).sum()) / 51


def test_mutual_information_of_many_clusterings():
    draw = np.random.default_rng(0)
    one = draw.integers(0, 3, 30)
    others = draw.permuted(np.tile(draw.integers(0, 5, 30), (7, 1)), axis=1)
    expected = [mutual_info_score(one, other) for other in others]
    np.testing.assert_allclose(mutual_information(one, others), expected, atol=1e-12)
    assert mutual_information(one, one[None])[0] == pytest.approx(mutual_info_score(one, one))
    assert mutual_information(one, others[:0]).shape == (0,)


def test_frequent_words_are_permuted_among_frequent_words_only():
    # Both clusterings are frequency alone: once every decile lies in one cluster, nothing can be permuted.
    labels = np.repeat(np.arange(2), 20)
    block = (labels[:, None] == labels).astype(float)
    scores = cooccurrence_ami(torch.eye(2)[:, labels], block, 2, np.arange(40), 20, 0)
    assert scores == pytest.approx(
        {"cluster/cooccurrence_ami": 1, "cluster/cooccurrence_ami_null": 1, "cluster/cooccurrence_ami_p": 1}
    )
    mixed = cooccurrence_ami(torch.eye(2)[:, labels], block, 2, np.tile(np.arange(20), 2), 20, 0)
    assert mixed["cluster/cooccurrence_ami_null"] < 0.5


def test_rotation_and_scaling_do_not_matter():
    sample, frequency = bags(), np.random.default_rng(3).random(48)
    encoder = encoder_of(np.arange(48) % TOPICS, noise=0.6)
    plain = cooccurrence_ami(encoder, phi_of(sample), TOPICS, frequency, 20, 0)
    turned = torch.linalg.qr(torch.from_numpy(np.random.default_rng(6).normal(size=(8, 8))))[0] @ encoder
    scaled = turned * torch.linspace(0.1, 5, 48, dtype=torch.float64)
    assert cooccurrence_ami(scaled, phi_of(sample), TOPICS, frequency, 20, 0) == pytest.approx(plain, rel=1e-6)


def test_negative_similarity_is_no_affinity():
    # Words of one topic are antipodal in the weights, so cosines do not cluster them; squared or absolute ones would.
    labels = np.arange(48) % TOPICS
    signs = torch.from_numpy(np.where(np.arange(48) // TOPICS % 2, -1.0, 1.0))
    scores = cooccurrence_ami(
        encoder_of(labels, noise=0.1) * signs, phi_of(bags()), 2 * TOPICS, np.random.default_rng(0).random(48), 0, 0
    )
    apart = np.arange(48) // TOPICS % 2 * TOPICS + labels
    by_phi = SpectralClustering(2 * TOPICS, affinity="precomputed", random_state=0).fit_predict(
        phi_of(bags()).clip(0, None)
    )
    assert scores == {"cluster/cooccurrence_ami": pytest.approx(adjusted_mutual_info_score(apart, by_phi))}


@pytest.mark.parametrize("clusters", [1, 48, 0])
def test_clusters_out_of_range_are_refused(clusters):
    with pytest.raises(SettingError, match=f"clusters={clusters}: 48 words can be put into 2 to 47 clusters"):
        cooccurrence_ami(encoder_of(np.zeros(48, int)), np.eye(48), clusters, np.ones(48), 0, 0)


def test_what_cannot_be_measured_is_refused():
    encoder = encoder_of(np.zeros(48, int))
    with pytest.raises(SettingError, match="permutations=-1"):
        cooccurrence_ami(encoder, np.eye(48), 2, np.ones(48), -1, 0)
    with pytest.raises(ValueError, match="do not fit 48 words"):
        cooccurrence_ami(encoder, np.eye(47), 2, np.ones(48), 0, 0)
    with pytest.raises(ValueError, match="do not fit 48 words"):
        cooccurrence_ami(encoder, np.eye(48), 2, np.ones(47), 0, 0)
    encoder[:, :3] = 0
    with pytest.raises(DataError, match="3 of 48 words have a zero column"):
        cooccurrence_ami(encoder, np.eye(48), 2, np.ones(48), 0, 0)


def test_a_single_cluster_has_no_agreement(monkeypatch):
    monkeypatch.setattr(module, "_spectral", lambda similarity, clusters, seed: np.zeros(48, int))
    assert cooccurrence_ami(encoder_of(np.zeros(48, int)), np.eye(48), 2, np.ones(48), 9, 0) == {}
