"""Ring scores against loops and least squares, exact and scrambled rings, and what must not matter."""

import cmath
import itertools
import math

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

from bows.analysis.geometry import geometry
from bows.analysis.ring import SHAPES, closure, cyclic_order, regular_positions, ring, ring_coordinates
from bows.analysis.ring_null import order_p_sets, orders
from bows.errors import DataError, SettingError

SCRAMBLED = [0, 5, 2, 9, 7, 3, 11, 1, 8, 4, 10, 6]


def random(*shape, seed=0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def exact_ring(count=12, latent=5, offset=0.0) -> torch.Tensor:
    """``count`` columns on a circle in a random plane, lifted off the origin by ``offset`` across it."""
    angles = torch.arange(count, dtype=torch.float64) * 2 * torch.pi / count
    frame = torch.linalg.qr(random(latent, 3, seed=4))[0]
    return frame @ torch.stack([angles.cos(), angles.sin(), torch.full_like(angles, offset)])


def noisy_ring(count=7, latent=5, noise=0.5, seed=0) -> torch.Tensor:
    return exact_ring(count, latent, 0.7) + noise * random(latent, count, seed=seed)


def angles_by_hand(columns: np.ndarray) -> tuple[list[float], float]:
    """Angles and variance share in the top plane, from the eigenvectors of the covariance."""
    unit = columns / np.sqrt((columns**2).sum(0))
    centred = unit - unit.mean(1, keepdims=True)
    values, vectors = np.linalg.eigh(centred @ centred.T)
    x, y = vectors[:, -1] @ centred, vectors[:, -2] @ centred
    return [math.atan2(b, a) for a, b in zip(x, y, strict=True)], (values[-1] + values[-2]) / values.sum()


def order_by_loops(angles: list[float]) -> float:
    """The defining sum of sin(a - mean a) sin(b - mean b), its two free directions found by search over a grid."""
    count = len(angles)
    positions = [2 * math.pi * k / count for k in range(count)]
    mean = cmath.phase(sum(cmath.exp(1j * a) for a in angles))
    spread = sum(math.sin(a - mean) ** 2 for a in angles) * sum(math.sin(b) ** 2 for b in positions)
    turns = np.linspace(0, 2 * np.pi, 721)
    table = np.array(
        [
            [
                [math.cos(a) * math.cos(b), math.cos(a) * math.sin(b)],
                [math.sin(a) * math.cos(b), math.sin(a) * math.sin(b)],
            ]
            for a, b in zip(angles, positions, strict=True)
        ]
    ).sum(0)
    # Both directions at their saddle: the least over s of the most over t of |sum sin(a - s) sin(b - t)|.
    directions = np.stack([np.cos(turns), np.sin(turns)])
    return np.abs(directions.T @ table @ directions).max(1).min() / math.sqrt(spread)


def test_order_and_planarity_match_a_search():
    columns = noisy_ring()
    scores = ring(columns, None, range(7), permutations=0)
    angles, planarity = angles_by_hand(columns.numpy())
    assert scores["order"] == pytest.approx(order_by_loops(angles), abs=2e-4)
    assert 0.2 < scores["order"] < 0.98  # the input tells formulas apart
    assert scores["planarity"] == pytest.approx(planarity)
    positions = regular_positions(7)
    only_one_way = abs(np.exp(1j * (np.array(angles) - positions)).sum()) / 7
    assert scores["order"] != pytest.approx(only_one_way, rel=1e-2)


@pytest.mark.parametrize("seed", range(8))
def test_order_matches_a_search_on_any_angles(seed):
    angles = np.random.default_rng(seed).normal(0, 0.3 + seed / 4, 5 + seed)
    assert cyclic_order(angles) == pytest.approx(order_by_loops(list(angles)), abs=1e-2)


def test_order_stays_in_its_range():
    generator = np.random.default_rng(0)
    for count, stretch in itertools.product((3, 4, 7, 12), (1.0, 0.1, 0.001)):
        points = generator.normal(size=(count, 2)) * [1, stretch]
        assert 0 <= cyclic_order(np.arctan2(points[:, 1], points[:, 0])) <= 1
    assert cyclic_order(np.full(5, 0.4)) == 0


def test_p_value_matches_every_permutation():
    columns = noisy_ring(5, noise=0.45, seed=3)
    scores = ring(columns, None, range(5), permutations=20_000, seed=3)
    angles, _ = angles_by_hand(columns.numpy())
    everything = [cyclic_order(np.array(angles)[list(order)]) for order in itertools.permutations(range(5))]
    exact = np.mean(np.array(everything) >= scores["order"] - 1e-9)
    assert 0.05 < exact < 0.95
    assert scores["order_p"] == pytest.approx(exact, abs=0.02)


def test_p_value_is_never_zero_and_repeats_with_its_seed():
    assert ring(exact_ring(), None, range(12), permutations=99)["order_p"] == pytest.approx(1 / 100)
    columns = noisy_ring()
    first, again, other = (ring(columns, None, range(7), 200, seed)["order_p"] for seed in (1, 1, 2))
    assert first == again != other
    assert "order_p" not in ring(columns, None, range(7), permutations=0)
    with pytest.raises(SettingError, match="permutations=-1"):
        ring(columns, None, range(7), permutations=-1)


def test_three_words_are_always_in_order():
    assert ring(random(4, 3), None, range(3), permutations=50)["order_p"] == 1


@pytest.mark.parametrize("offset", [0.0, 2.0])
@pytest.mark.parametrize("count", [3, 4, 7, 12])
def test_an_exact_ring(count, offset):
    scores = ring(exact_ring(count, offset=offset), None, range(count))
    assert scores["order"] == pytest.approx(1)
    assert scores["planarity"] == pytest.approx(1)
    assert scores["procrustes"] == pytest.approx(0, abs=1e-12)
    assert scores["circulance"] == pytest.approx(1)


def test_a_scrambled_ring_scores_low():
    scores = ring(exact_ring(), None, SCRAMBLED)
    assert scores["order"] < 0.4
    assert scores["order_p"] > 0.1
    assert scores["planarity"] == pytest.approx(1)  # a circle still, in another order
    assert scores["procrustes"] > 0.7
    assert scores["circulance"] < 0.4


def test_norms_do_not_matter_to_directions_but_do_to_circulance():
    columns = noisy_ring()
    scaled = columns * torch.linspace(0.2, 4, 7, dtype=torch.float64)
    plain, changed = ring(columns, None, range(7)), ring(scaled, None, range(7))
    assert plain.pop("circulance") != pytest.approx(changed.pop("circulance"), rel=1e-2)
    assert changed == pytest.approx(plain)


def test_start_direction_rotation_and_other_words_do_not_matter():
    columns = noisy_ring()
    plain = ring(columns, None, range(7), permutations=0)
    # Where the known order begins matters to what is said of its ends alone.
    ends = {"closure", "line_order"}
    shifted = ring(columns, None, [3, 4, 5, 6, 0, 1, 2], permutations=0)
    assert {name: shifted[name] for name in plain.keys() - ends} == pytest.approx(
        {name: plain[name] for name in plain.keys() - ends}
    )
    assert ring(columns, None, range(6, -1, -1), permutations=0) == pytest.approx(plain)
    turned = torch.linalg.qr(random(5, 5, seed=8))[0] @ columns
    assert ring(turned, None, range(7), permutations=0) == pytest.approx(plain)
    among = torch.cat([random(5, 3), columns], dim=1)
    assert ring(among, None, range(3, 10), permutations=0) == pytest.approx(plain)
    assert ring(columns, None, [0, 2, 4, 6, 1, 3, 5], permutations=0) != pytest.approx(plain, rel=1e-2)


def procrustes_by_search(points: np.ndarray) -> float:
    """Least squares over a grid of rotations and both reflections, with the best scale for each."""
    goal = np.column_stack([np.cos(regular_positions(len(points))), np.sin(regular_positions(len(points)))])
    goal, points = goal / np.linalg.norm(goal), points / np.linalg.norm(points)
    best = 1.0
    for turn, mirror in itertools.product(np.linspace(0, 2 * np.pi, 2001), (1, -1)):
        rotated = (points * [1, mirror]) @ np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
        best = min(best, ((goal - (goal * rotated).sum() * rotated) ** 2).sum())
    return best


def test_procrustes_matches_a_search():
    columns = noisy_ring()
    points = ring_coordinates(columns, range(7))
    assert points.mean(0) == pytest.approx(0)
    assert ring(columns, None, range(7))["procrustes"] == pytest.approx(procrustes_by_search(points), abs=1e-4)


def circulance_by_loops(gram: np.ndarray) -> float:
    count = len(gram)
    missed = 0.0
    for i, j in itertools.product(range(count), range(count)):
        same = [gram[k, (k + j - i) % count] for k in range(count)]
        missed += (gram[i, j] - sum(same) / count) ** 2
    return 1 - missed / (gram**2).sum()


def test_circulance_matches_loops_tied_and_untied():
    columns, decoder = noisy_ring(), random(7, 5, seed=6)
    tied = ring(columns, None, range(7))
    assert tied["circulance"] == pytest.approx(circulance_by_loops((columns.T @ columns).numpy()))
    untied = ring(columns, decoder, range(7))
    assert untied["circulance"] == pytest.approx(circulance_by_loops((decoder @ columns).numpy()))
    assert untied.pop("circulance") != pytest.approx(tied.pop("circulance"), rel=1e-2)
    assert untied == tied  # directions are the encoder's
    chosen = [4, 2, 0, 6]
    effective = (decoder @ columns).numpy()[np.ix_(chosen, chosen)]
    assert ring(columns, decoder, chosen)["circulance"] == pytest.approx(circulance_by_loops(effective))


def test_circulance_keeps_the_sign_of_the_step():
    """A map that sends each word to the next is circulant, though not symmetric."""
    shift = torch.roll(torch.eye(5), 1, dims=0)
    assert ring(torch.eye(5), shift, range(5))["circulance"] == pytest.approx(1)


def test_without_a_plane_only_circulance_is_defined():
    with_zero = noisy_ring()
    with_zero[:, 2] = 0
    on_a_line = torch.tensor([[1.0, -1.0, 2.0, -3.0]])
    one_direction = torch.ones(3, 4)
    for columns in (with_zero, on_a_line, one_direction):
        assert set(ring(columns, None, range(4))) == {"circulance"}
        assert ring_coordinates(columns, range(4)) is None
    assert ring(torch.zeros(2, 4), None, range(4)) == {}


def test_bad_sets_are_refused():
    for indices, message in (
        ([0, 1], "at least 3"),
        ([0, 1, 1], "once"),
        ([0, 1, 7], "outside"),
        ([-1, 0, 1], "outside"),
    ):
        with pytest.raises(DataError, match=message):
            ring(noisy_ring(), None, indices)


def open_sequence(count=10, latent=30, reach=2.0, noise=0.3, seed=0) -> torch.Tensor:
    """Directions whose cosines fall with the distance along a line; its ends are far apart."""
    places = np.arange(count)
    kernel = np.exp(-((places[:, None] - places) ** 2) / (2 * reach**2))
    values, vectors = np.linalg.eigh(kernel)
    rows = np.pad(vectors * np.sqrt(np.clip(values, 0, None)), ((0, 0), (0, latent - count)))
    return torch.from_numpy(rows.T) + noise * random(latent, count, seed=seed) / latent**0.5


def closure_by_loops(columns: torch.Tensor) -> float:
    unit = (columns / columns.norm(dim=0)).numpy()
    count = unit.shape[1]
    neighbours, others = [], []
    for i in range(count):
        for j in range(i):
            cosine = float(unit[:, i] @ unit[:, j])
            if i - j == 1:
                neighbours.append(cosine)
            elif i - j < count - 1:
                others.append(cosine)
    seam = float(unit[:, 0] @ unit[:, -1])
    return (seam - np.mean(others)) / (np.mean(neighbours) - np.mean(others))


def test_closure_is_1_on_a_ring_and_below_0_on_an_open_sequence():
    for columns in (noisy_ring(7, noise=0.1), open_sequence(), open_sequence(8, noise=1.0, seed=2)):
        assert closure(columns.numpy()) == pytest.approx(closure_by_loops(columns), abs=1e-9)
    assert closure(exact_ring(12).numpy()) == pytest.approx(1)
    assert closure(open_sequence().numpy()) < 0.1
    assert closure(exact_ring(3).numpy()) is None  # three words: every pair are neighbours
    # With the seam among the neighbours, the score of an open sequence would be another one.
    columns = open_sequence().numpy() / np.linalg.norm(open_sequence().numpy(), axis=0)
    with_seam = np.append(np.diag(columns.T @ columns, 1), columns[:, 0] @ columns[:, -1]).mean()
    assert with_seam < np.diag(columns.T @ columns, 1).mean() - 0.05


def shape_of(columns, linear=False):
    scores = ring(columns, None, range(columns.shape[1]), permutations=999, linear=linear)
    return SHAPES[int(scores["shape"])], scores


def test_the_shape_tells_rings_from_open_sequences_which_both_are_in_order():
    assert shape_of(noisy_ring(10, latent=8, noise=0.1))[0] == "ring"
    found, scores = shape_of(open_sequence(10))
    assert found == "arc"
    assert scores["order_p"] <= 0.01  # its order around a cycle alone would have passed
    assert scores["line_order"] > 0.8
    # In order around a cycle, but nearly orthogonal: the plane holds little more than its null.
    found, scores = shape_of(torch.cat([0.25 * exact_ring(12, 5), torch.eye(12, dtype=torch.float64)]))
    assert scores["order_p"] <= 0.01
    assert scores["planarity"] - scores["planarity_null"] < 0.1
    assert found == "none"


def test_a_linear_set_is_tested_as_a_line():
    straight = torch.stack([torch.arange(8.0).double(), 0.4 * random(8, seed=3), torch.full((8,), 9.0).double()])
    assert shape_of(straight, linear=True)[0] in ("line", "arc")
    assert shape_of(open_sequence(10), linear=True)[0] == "arc"
    # In order on a line, with every second word off to one side: around a cycle there is no order.
    zigzag = torch.stack(
        [torch.arange(8.0).double(), torch.tensor([0.0, 3.0] * 4).double(), torch.full((8,), 9.0).double()]
    )
    found, scores = shape_of(zigzag, linear=True)
    assert (found, scores["line_order_p"] <= 0.05 < scores["order_p"]) == ("line", True)
    assert shape_of(zigzag)[0] == "none"
    assert geometry(zigzag, None, {"a": range(8), "b": range(8)}, 999, 0, {"ring"}, linear=["b"])["ring/b/shape"] == 1


def test_the_whole_rule_gives_random_directions_a_shape_at_most_one_time_in_twenty():
    """Of 200 sets at 5 %: at most 18 (99 % of binomial draws); a rule of both tests passes about twice as many."""
    for linear in (False, True):
        shapes = [shape_of(random(40, 10, seed=seed), linear)[0] for seed in range(200)]
        assert 1 <= len(shapes) - shapes.count("none") <= 18
        assert shapes.count("ring") <= 6


def test_no_p_of_the_order_is_below_the_lowest_there_is():
    for count in (4, 5, 6):
        scores = ring(exact_ring(count), None, range(count), permutations=5000)
        orders = list(itertools.permutations(range(count)))
        angles = regular_positions(count)
        exact = np.mean([cyclic_order(angles[list(order)]) > 1 - 1e-9 for order in orders])
        assert scores["order_p_lowest"] == pytest.approx(exact)
        assert scores["order_p"] == pytest.approx(exact, abs=0.02)
        assert (scores["order_p_lowest"] > 0.05) == (count <= 5)


def test_line_order_is_the_rank_correlation_with_the_first_component():
    columns = open_sequence(9, noise=1.0, seed=4)
    scores = ring(columns, None, range(9), permutations=2000, seed=1)
    unit = (columns / columns.norm(dim=0)).numpy()
    first = np.linalg.svd((unit - unit.mean(1, keepdims=True)).T, full_matrices=False)[0][:, 0]
    assert scores["line_order"] == pytest.approx(abs(spearmanr(first, np.arange(9)).statistic))
    generator = np.random.default_rng(0)
    drawn = [abs(spearmanr(first, generator.permutation(9)).statistic) for _ in range(1000)]
    assert scores["line_order_p"] == pytest.approx(np.mean(np.array(drawn) >= scores["line_order"] - 1e-9), abs=0.02)


def test_orders_of_many_sets_are_those_of_each():
    columns = random(20, 40, seed=5)
    sets = np.array([np.random.default_rng(seed).permutation(40)[:9] for seed in range(6)])
    unit = (columns / columns.norm(dim=0)).numpy()
    found = orders(np.stack([unit[:, words].T @ unit[:, words] for words in sets]))
    expected = [ring(columns, None, words.tolist(), permutations=0)["order"] for words in sets]
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_p_of_a_set_is_its_rank_among_sets_of_like_frequency():
    columns = torch.cat([noisy_ring(8, latent=20, noise=0.2), random(20, 192, seed=3)], 1).float()
    frequency = np.random.default_rng(0).random(200)
    found = order_p_sets(columns, {"ring": range(8), "other": range(50, 58)}, frequency, seed=0)
    assert found["ring/ring/order_p_sets"] < 0.01
    assert found["ring/other/order_p_sets"] > 0.02
    columns[:, 3] = 0
    # A word without a direction leaves its set out, and only that one.
    assert [*order_p_sets(columns, {"ring": range(8), "other": range(50, 58)}, frequency, seed=0)] == [
        "ring/other/order_p_sets"
    ]
    assert (
        order_p_sets(columns[:, 10:22], {"few": range(6)}, frequency[:12], seed=0) == {}
    )  # too few words to draw from
