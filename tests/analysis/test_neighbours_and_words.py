"""Nearest words, the per-word table and the look-up of named sets."""

import math

import numpy as np
import pyarrow as pa
import pytest
import torch

from bows.analysis.capacity import dimensionality
from bows.analysis.neighbours import nearest
from bows.analysis.ordered_sets import Resolved, resolve
from bows.analysis.packing import word_geometry
from bows.analysis.reconstruction import ReconstructionSums
from bows.analysis.word_table import word_table


def encoder(latent=3, words=8, zero=(2, 6)) -> torch.Tensor:
    weights = torch.randn(latent, words, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    weights[:, list(zero)] = 0
    return weights


def nearest_by_loops(weights: np.ndarray, query: int) -> list[tuple[float, int]]:
    found = []
    for word in range(weights.shape[1]):
        lengths = math.hypot(*weights[:, query]) * math.hypot(*weights[:, word])
        if word != query and lengths > 0:
            found.append((-math.fsum(weights[:, query] * weights[:, word]) / lengths, word))
    return sorted(found)


@pytest.mark.parametrize("queries", [None, [5, 0, 5]])
def test_nearest_matches_loops(queries):
    weights = encoder()
    found = nearest(weights, 3, queries)
    for row, query in enumerate(range(8) if queries is None else queries):
        expected = nearest_by_loops(weights.numpy(), query)[:3]
        if expected:
            assert found.indices[row].tolist() == [word for _, word in expected]
            np.testing.assert_allclose(found.cosines[row], [-cosine for cosine, _ in expected], atol=1e-6)
        else:
            assert found.indices[row].tolist() == [-1] * 3
            assert found.cosines[row].tolist() == [0] * 3


def test_inner_products_would_name_other_words():
    weights = encoder() * torch.tensor([1, 9, 1, 1, 0.1, 5, 1, 0.2])
    by_product = (weights.T @ weights).fill_diagonal_(-torch.inf).topk(3).indices
    assert not torch.equal(nearest(weights, 3, [0]).indices[0], by_product[0])
    assert torch.equal(nearest(weights, 3).indices, nearest(encoder(), 3).indices)


def test_no_more_neighbours_than_words():
    assert nearest(encoder(), 100).indices.shape == (8, 5)
    assert nearest(torch.zeros(2, 3), 4).indices.shape == (3, 0)
    assert nearest(torch.eye(1), 4).indices.shape == (1, 0)


def test_bad_queries_are_refused():
    with pytest.raises(ValueError, match="count=0"):
        nearest(encoder(), 0)
    for query in (-1, 8):
        with pytest.raises(IndexError, match="outside"):
            nearest(encoder(), 2, [query])


def test_word_table():
    weights, decoder = encoder(), torch.arange(24, dtype=torch.float64).reshape(8, 3)
    sums = ReconstructionSums(8)
    bags = torch.zeros(4, 8)
    bags[0, :3] = 1
    sums.update(bags, bags / 2)
    words = [f"<b>{index}" for index in range(8)]
    table = word_table(
        words, weights, decoder, {"bias": np.arange(8.0), "frequency": sums.frequency(), "r2": sums.r2_by_word()}, 2
    )
    assert table.column_names == [
        "word", "frequency", "norm", "dimensionality", "r2", "r2_one_hot", "r2_linear", "bias", "self_term",
        "interference_present", "interference_absent", "gap_stratified", "rescued", "filtered",
        "helped", "hurt", "bias_optimal", "gain", "gain_optimal", "false_positive_rate", "false_negative_rate",
        "nearest_cosine", "largest_cosine", "lowest_cosine", "antipode", "regime", "helped_by", "hurt_by", "nearest",
    ]  # fmt: skip
    columns = table.to_pydict()
    assert columns["word"] == words
    assert columns["frequency"] == [0.25] * 3 + [0] * 5
    assert columns["r2"] == [pytest.approx(1 - 0.25 / 0.75)] * 3 + [None] * 5
    assert columns["norm"] == pytest.approx([math.hypot(*column) for column in weights.T.tolist()])
    shares = dimensionality(weights).tolist()
    assert columns["dimensionality"] == [None if index in (2, 6) else shares[index] for index in range(8)]
    assert columns["bias"] == list(range(8))
    assert columns["self_term"] == pytest.approx((decoder @ weights).diagonal().tolist())
    expected = [[words[other] for _, other in nearest_by_loops(weights.numpy(), index)[:2]] for index in range(8)]
    assert columns["nearest"] == expected
    cosines = [[cosine for cosine, _ in nearest_by_loops(weights.numpy(), index)[:1]] for index in range(8)]
    assert columns["nearest_cosine"] == [pytest.approx(-each[0], abs=1e-6) if each else None for each in cosines]
    assert expected[2] == []


def test_word_table_of_a_tied_model_with_nothing_else_known():
    table = word_table(["a", "b"], torch.tensor([[2.0, 0.0]]))
    assert table.column("self_term").to_pylist() == [4, 0]
    assert table.column("nearest").to_pylist() == [[], []]
    for name in ("frequency", "r2", "bias"):
        assert table.column(name).to_pylist() == [None, None]
        assert table.schema.field(name).type == pa.float64()


def test_what_is_measured_on_held_out_windows_has_its_columns():
    weights = torch.tensor([[1.0, -2.0, 0.0], [0.0, 0.0, 1.0]])
    labels = np.ma.masked_array(["linear", "mixed", "absent"], mask=[False, True, False])
    filtered = np.ma.masked_array([0.1, 0.2, 0.3], mask=[True, False, False])
    table = word_table(
        ["a", "b", "c"], weights, columns={"filtered": filtered, "r2_linear": [0.5, math.nan, 1], "regime": labels},
        geometry=word_geometry(weights),
    )  # fmt: skip
    columns = table.to_pydict()
    assert columns["filtered"] == [None, 0.2, 0.3]
    assert columns["r2_linear"] == [0.5, None, 1]
    assert columns["rescued"] == [None] * 3
    assert columns["regime"] == ["linear", None, "absent"]
    assert columns["antipode"] == ["b", "a", None]
    assert columns["lowest_cosine"] == pytest.approx([-1, -1, 0])
    assert columns["largest_cosine"] == pytest.approx([1, 1, 0])
    assert columns["nearest_cosine"] == pytest.approx([0, 0, 0])  # not the opposite word's
    with pytest.raises(ValueError, match="no columns"):
        word_table(["a", "b", "c"], weights, columns={"luck": [1, 2, 3]})


def test_word_table_turns_nan_into_null_and_refuses_other_lengths():
    assert word_table(["a", "b"], torch.eye(2), columns={"r2": [math.nan, 1]}).column("r2").to_pylist() == [None, 1]
    with pytest.raises(ValueError, match="3 words"):
        word_table(["a", "b", "c"], torch.eye(2))
    with pytest.raises(ValueError, match="does not fit"):
        word_table(["a", "b"], torch.eye(2), columns={"frequency": [0.5]})


def test_resolve_is_exact_first_then_by_lower_case():
    assert resolve(["May", "JUNE"], ["may", "June", "May", "june"]) == Resolved([2, 1], [])
    assert resolve(["May", "July", "may"], ["may"]) == Resolved([0, 0], ["July"])
    assert resolve(["may"], ["x", "May"]) == Resolved([1], [])
    assert resolve([], []) == Resolved([], [])
