"""Cluster metrics against loops over every pair of words, scikit-learn, closed forms, and what must not matter."""

import math

import numpy as np
import pytest
import torch
from sklearn.metrics import silhouette_score

from bows.analysis import clusters as module
from bows.analysis.clusters import category_labels, clusters
from bows.analysis.permutation_null import frequency_deciles, permutations_within
from bows.errors import DataError, SettingError

NULL = ("cluster/purity_null", "cluster/purity_z", "cluster/purity_p")
NULL += tuple(name.replace("purity", "silhouette") for name in NULL)


def words(latent=5, count=40, categories=4, seed=0, pull=0.8):
    """Noisy columns around a centre a category, a sixth of the words in none: encoder, labels, frequency."""
    draw = np.random.default_rng(seed)
    labels = draw.integers(-1, categories, count)
    labels[:categories] = np.arange(categories)
    centres = draw.normal(size=(latent, categories))
    columns = draw.normal(size=(latent, count)) + pull * np.where(labels >= 0, centres[:, labels], 0.0)
    return torch.from_numpy(columns * draw.uniform(0.2, 3, count)), labels, draw.random(count)


def cosine(one, other) -> float:
    return math.fsum(one * other) / (math.hypot(*one) * math.hypot(*other))


def purity_by_loops(columns: np.ndarray, labels: np.ndarray, neighbours: int) -> list[float]:
    shares = []
    for word, label in enumerate(labels):
        others = [other for other in range(len(labels)) if other != word]
        others.sort(key=lambda other: -cosine(columns[:, word], columns[:, other]))
        near = others[:neighbours]
        shares.append(sum(labels[other] == label for other in near) / len(near))
    return shares


def measured(encoder, labels):
    kept = labels >= 0
    return encoder.numpy()[:, kept], labels[kept]


@pytest.mark.parametrize("neighbours", [1, 3, 10, 1000])
@pytest.mark.parametrize("seed", [0, 1])
def test_matches_loops_and_scikit_learn(seed, neighbours):
    encoder, labels, frequency = words(seed=seed)
    metrics = clusters(encoder, labels, frequency, permutations=0, seed=0, neighbours=neighbours)
    columns, own = measured(encoder, labels)
    assert metrics == pytest.approx(
        {
            "cluster/words": len(own),
            "cluster/categories": 4,
            "cluster/purity": np.mean(purity_by_loops(columns, own, neighbours)),
            "cluster/silhouette": silhouette_score(columns.T, own, metric="cosine"),
        },
        abs=1e-6,
    )


def test_ten_neighbours_unless_told():
    encoder, labels, frequency = words()
    assert clusters(encoder, labels, frequency, 9, 0) == clusters(encoder, labels, frequency, 9, 0, neighbours=10)


def test_the_null_is_the_metric_of_each_permuted_labelling():
    encoder, labels, frequency = words(count=50)
    metrics = clusters(encoder, labels, frequency, permutations=60, seed=3, neighbours=4)
    columns, own = measured(encoder, labels)
    groups = frequency_deciles(frequency[labels >= 0])  # of the labelled words, not of all
    drawn = permutations_within(groups, 60, np.random.default_rng(3))
    for name, score in {
        "cluster/purity": lambda permuted: np.mean(purity_by_loops(columns, permuted, 4)),
        "cluster/silhouette": lambda permuted: silhouette_score(columns.T, permuted, metric="cosine"),
    }.items():
        observed, null = score(own), np.array([score(own[order]) for order in drawn])
        assert metrics[name] == pytest.approx(observed, abs=1e-6)
        assert metrics[f"{name}_null"] == pytest.approx(null.mean(), abs=1e-6)
        assert metrics[f"{name}_z"] == pytest.approx((observed - null.mean()) / null.std(ddof=1), rel=1e-4)
        assert metrics[f"{name}_p"] == pytest.approx((1 + (null >= observed - 1e-9).sum()) / 61)


@pytest.mark.parametrize("cells", [1, 700, 3000])
def test_chunks_of_permutations_do_not_matter(monkeypatch, cells):
    encoder, labels, frequency = words()
    whole = clusters(encoder, labels, frequency, 30, 1)
    monkeypatch.setattr(module, "CELLS", cells)
    assert clusters(encoder, labels, frequency, 30, 1) == pytest.approx(whole, rel=1e-6)


def test_apart_and_on_one_direction_each():
    labels = np.repeat([0, 1, 2], 5)
    encoder = torch.eye(3)[:, labels] * torch.linspace(0.5, 2, 15)
    metrics = clusters(encoder, labels, np.arange(15), 99, 0, neighbours=4)
    assert metrics["cluster/purity"] == 1
    assert metrics["cluster/silhouette"] == pytest.approx(1, abs=1e-6)
    # 15 words make deciles of one or two words, most pairs of one category: hardly anything can be permuted.
    assert metrics["cluster/purity_null"] > 0.8


def test_strong_categories_stand_out_and_random_ones_do_not():
    draw = np.random.default_rng(0)
    labels = draw.integers(0, 3, 300)
    centres = torch.from_numpy(draw.normal(size=(8, 3)))
    encoder = torch.from_numpy(draw.normal(size=(8, 300))) + centres[:, labels]
    strong = clusters(encoder, labels, draw.random(300), 199, 0)
    assert strong["cluster/purity_z"] > 10
    assert strong["cluster/silhouette_z"] > 10
    assert strong["cluster/purity_p"] == strong["cluster/silhouette_p"] == 1 / 200
    random = clusters(encoder, draw.permutation(labels), draw.random(300), 199, 0)
    assert abs(random["cluster/purity_z"]) < 3.5
    assert abs(random["cluster/silhouette_z"]) < 3.5
    assert random["cluster/purity_p"] > 0.001
    assert random["cluster/purity_null"] == pytest.approx(1 / 3, abs=0.02)


def test_categories_that_are_only_frequency_bands_do_not_stand_out():
    # Directions follow frequency and so do the categories: the null keeps frequency, so that nothing is left to explain.
    draw = np.random.default_rng(1)
    frequency = np.sort(draw.random(200))
    encoder = torch.stack([torch.from_numpy(3 * frequency).cos(), torch.from_numpy(3 * frequency).sin()])
    labels = frequency_deciles(frequency, 5)
    metrics = clusters(encoder, labels, frequency, 99, 0)
    assert metrics["cluster/purity"] > 0.9
    assert metrics["cluster/purity_p"] == metrics["cluster/silhouette_p"] == 1
    assert not {"cluster/purity_z", "cluster/silhouette_z"} & set(metrics)  # the null does not vary
    elsewhere = clusters(encoder, labels, draw.permutation(frequency), 99, 0)
    assert elsewhere["cluster/purity_z"] > 10


def test_only_labelled_words_with_a_column_enter():
    encoder, labels, frequency = words()
    plain = clusters(encoder, labels, frequency, 20, 0)
    kept = labels >= 0
    assert clusters(encoder[:, torch.from_numpy(kept)], labels[kept], frequency[kept], 20, 0) == pytest.approx(
        plain, rel=1e-6
    )
    padded = torch.cat([torch.zeros(5, 3, dtype=torch.float64), encoder], 1)
    more = np.r_[[0, 1, 3], labels], np.r_[[0.5, 0.1, 0.9], frequency]
    assert clusters(padded, *more, 20, 0) == pytest.approx(plain, rel=1e-6)


def test_rotation_scaling_and_names_of_categories_do_not_matter():
    encoder, labels, frequency = words()
    plain = clusters(encoder, labels, frequency, 40, 0)
    turn = torch.linalg.qr(torch.randn(5, 5, generator=torch.Generator().manual_seed(1), dtype=torch.float64))[0]
    assert clusters(turn @ encoder, labels, frequency, 40, 0) == pytest.approx(plain, rel=1e-4)
    scale = torch.linspace(0.1, 7, encoder.shape[1], dtype=torch.float64)
    assert clusters(encoder * scale, labels, 5 * frequency, 40, 0) == pytest.approx(plain, rel=1e-4)
    renamed = np.array([30, 10, 20, 7, -1])[labels]
    assert clusters(encoder, renamed, frequency, 40, 0) == pytest.approx(plain, rel=1e-5)
    assert clusters(encoder.float(), torch.from_numpy(labels), torch.from_numpy(frequency), 40, 0) == pytest.approx(
        plain, rel=1e-4
    )


def test_order_of_words_does_not_matter_to_the_scores():
    encoder, labels, frequency = words()
    order = np.random.default_rng(5).permutation(len(labels))
    plain = clusters(encoder, labels, frequency, 0, 0)
    assert clusters(encoder[:, order], labels[order], frequency[order], 0, 0) == pytest.approx(plain, rel=1e-6)


def test_a_mirrored_word_does_matter():
    encoder, labels, frequency = words()
    mirrored = clusters(-encoder.abs() * torch.tensor([1, -1] * 20), labels, frequency, 0, 0)
    assert mirrored["cluster/purity"] != pytest.approx(
        clusters(encoder.abs(), labels, frequency, 0, 0)["cluster/purity"]
    )


def test_a_seed_gives_the_same_null():
    encoder, labels, frequency = words()
    first, again, other = (clusters(encoder, labels, frequency, 40, seed) for seed in (1, 1, 2))
    assert first == again
    assert first["cluster/silhouette_null"] != other["cluster/silhouette_null"]


def test_a_category_of_one_word_has_a_silhouette_of_zero():
    encoder, labels, frequency = words(categories=3)
    labels[0] = 9
    columns, own = measured(encoder, labels)
    metrics = clusters(encoder, labels, frequency, 0, 0)
    assert metrics["cluster/silhouette"] == pytest.approx(silhouette_score(columns.T, own, metric="cosine"), abs=1e-6)


def test_what_is_not_defined_is_left_out():
    encoder, labels, frequency = words(count=6, categories=2)
    nothing = clusters(encoder, np.full(6, -1), frequency, 9, 0)
    assert nothing == {"cluster/words": 0, "cluster/categories": 0}
    assert clusters(torch.zeros(2, 6), labels, frequency, 9, 0) == nothing
    single = clusters(encoder, np.array([0, -1, -1, -1, -1, -1]), frequency, 9, 0)
    assert single == {"cluster/words": 1, "cluster/categories": 1}
    one = clusters(encoder, np.zeros(6, int), frequency, 9, 0)
    assert one == {
        "cluster/words": 6,
        "cluster/categories": 1,
        "cluster/purity": 1,
        "cluster/purity_null": 1,
        "cluster/purity_p": 1,
    }
    each = clusters(encoder, np.arange(6), frequency, 9, 0)
    assert each["cluster/purity"] == 0
    assert "cluster/silhouette" not in each
    without = clusters(encoder, labels, frequency, 0, 0)
    assert "cluster/purity" in without
    assert "cluster/silhouette" in without
    assert not set(NULL) & set(without)


def test_words_all_at_one_place_are_defined():
    one_direction = torch.tensor([[2.0], [0.0], [0.0]]).expand(3, 20)  # every distance is exactly 0
    metrics = clusters(one_direction, np.arange(20) % 2, np.arange(20), 9, 0)
    assert metrics["cluster/silhouette"] == 0
    assert all(map(math.isfinite, metrics.values()))


def test_distances_are_zero_to_a_word_itself_and_never_negative():
    columns = torch.randn(7, 50, generator=torch.Generator().manual_seed(0))
    distance = module._distances(torch.cat([columns, 3 * columns], 1))
    assert distance.min() == 0
    assert (distance.diagonal() == 0).all()


@pytest.mark.parametrize(("settings", "message"), [((-1, 0, 10), "permutations=-1"), ((9, 0, 0), "neighbours=0")])
def test_settings_out_of_range_are_refused(settings, message):
    with pytest.raises(SettingError, match=message):
        clusters(*words(), *settings)


def test_what_does_not_fit_is_refused():
    encoder, labels, frequency = words()
    with pytest.raises(ValueError, match="labels"):
        clusters(encoder, labels[:-1], frequency, 0, 0)
    with pytest.raises(ValueError, match="frequencies"):
        clusters(encoder, labels, frequency[:-1], 0, 0)
    with pytest.raises(DataError, match="infinite"):
        clusters(encoder * torch.inf, labels, frequency, 0, 0)


def test_labels_by_the_case_rule():
    vocabulary = ["march", "Ship", "sea", "March", "port", "river"]
    found = category_labels(
        {"time": ["March", "May"], "water": ["ship", "SEA", "port", "Sea"], "sky": ["kite", "kite", "sun"]},
        vocabulary,
        least=1,
    )
    assert found.labels.tolist() == [-1, 1, 1, 0, 1, -1]
    assert found.labels.dtype == np.int64
    assert found.names == ["time", "water"]
    assert found.missing == {"time": 1, "water": 0, "sky": 3}


def test_a_category_with_too_few_words_is_passed_over():
    vocabulary = [f"w{index}" for index in range(30)]
    categories = {"nine": [*vocabulary[:9], "w0"], "ten": vocabulary[10:20], "three": [*vocabulary[20:23], "x"]}
    found = category_labels(categories, vocabulary)
    assert found.names == ["ten"]  # nine different words, though ten are written
    assert np.flatnonzero(found.labels >= 0).tolist() == list(range(10, 20))
    assert set(found.missing) == set(categories)


def test_a_word_of_two_categories_is_refused():
    with pytest.raises(SettingError, match=r"analysis\.categories: 'ship' is in a and in b"):
        category_labels({"a": ["ship", "sea"], "b": ["Ship"]}, ["sea", "ship"], least=1)
    both = category_labels({"a": ["ship", "sea"], "b": ["Ship"]}, ["Ship", "ship"], least=1)
    assert both.labels.tolist() == [1, 0]
