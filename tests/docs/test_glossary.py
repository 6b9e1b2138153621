"""Every metric that a run has is explained on the page of metrics, and its values lie where the page says."""

import json
import re

import pyarrow.parquet as pq
import pytest
from bows_docs import glossary
from bows_docs.glossary import Entry, anchor, entry_of, nulls_of

from bows.analysis.catalog import METRICS, metric
from bows.analysis.plane_ablation import Ablation


@pytest.fixture(scope="module")
def entries() -> dict[str, Entry]:
    return glossary.entries()


@pytest.fixture(scope="module")
def summary(places) -> dict[str, float]:
    """Of a run with analysis=full, but for the metric that the page on bringing one's own adds."""
    found = json.loads((places.run / "summary.json").read_text(encoding="utf-8"))
    return {name: value for name, value in found.items() if name != "capacity/norm_spread"}


def test_every_metric_of_a_run_has_an_entry(entries, summary):
    groups = {name.partition("/")[0] for name in summary}
    assert groups >= {"reconstruction", "interference", "capacity", "packing", "alignment", "ring", "cluster", "regime"}
    assert [name for name in summary if entry_of(name, entries) is None] == []


def test_every_metric_of_an_ablation_has_an_entry(entries):
    ablation = Ablation(base=0.9, keep=0.8, remove=0.2, keep_random=[0.1, 0.2], remove_random=[0.7, 0.8])
    names = [*ablation.metrics(), *ablation.metrics("frequencies")]
    assert len(set(names)) == 13
    assert [name for name in names if entry_of(name, entries) is None] == []


def test_every_entry_says_what_it_is_where_it_is_defined_and_its_range(entries):
    assert {metric(name).pattern for name in entries} == set(METRICS)
    for name, entry in entries.items():
        assert metric(name).meaning, name
        assert entry.definitions, name
        assert entry.found_in, name
        assert metric(name).range, name


def bounds(text: str) -> tuple[float, float, bool, bool]:
    """Lowest and highest value of a range, and whether each belongs to it."""
    if text == "0, 1, 2, ...":
        return 0.0, float("inf"), True, False
    found = re.fullmatch(r"([\[(])(-?\d|-∞), (.*)([\])])", text)
    assert found, text
    # m is 4 in the run that is measured, below V.
    high = 4.0 if found[3] == "min(m, V)" else float(found[3].replace("∞", "inf"))
    return float(found[2].replace("∞", "inf")), high, found[1] == "[", found[4] == "]"


def test_values_lie_in_their_ranges(summary):
    for name, value in summary.items():
        stated = metric(name).range
        low, high, with_low, with_high = bounds(stated)
        assert low < value < high or (with_low and value == low) or (with_high and value == high), (name, value, stated)
        assert not stated.endswith("...") or value == int(value), name


@pytest.mark.parametrize(
    ("name", "source", "null"),
    [
        ("packing/welch_ratio", "Welch 1974", []),
        ("capacity/effective_rank", "Roy & Vetterli 2007, The effective rank", []),
        (
            "ring/<set>/order",
            "Jammalamadaka & Sarma 1988",
            ["ring/<set>/order_p", "ring/<set>/order_p_sets", "ring/<set>/closure"],
        ),
        ("cluster/purity", "", ["cluster/purity_null", "cluster/purity_z", "cluster/purity_p"]),
        (
            "alignment/rsa",
            "Kriegeskorte et al. 2008",
            ["alignment/rsa_ceiling", "alignment/rsa_p", "alignment/rsa_p_within_deciles"],
        ),
        ("reconstruction/relu_gain", "", ["reconstruction/r2_linear", "reconstruction/r2_rectified"]),
    ],
)
def test_sources_and_nulls_are_found(entries, name, source, null):
    assert nulls_of(name) == null
    assert "; ".join(entries[name].sources).startswith(source)
    assert bool(entries[name].sources) == bool(source)


def test_formulas_are_those_of_the_code(entries):
    """Spot checks, from the definitions as they were agreed on."""
    assert "|W|^2 / m" in entries["capacity/features_per_dimension"].definitions[0]
    assert "P(I_i > 0 and a_i <= 0 given f_i = 0)" in entries["interference/filtered"].definitions[0]
    assert "1 - SSE / SST" in entries["reconstruction/r2"].definitions[0]
    assert "E[I_i given f_i = 1] - E[I_i given f_i = 0]" in entries["interference/gap"].definitions[0]


def test_every_column_of_the_table_of_words_is_explained(places):
    explained = set(re.findall(r"`(\w+)`", "\n".join(glossary.word_columns())))
    assert set(pq.read_schema(places.run / "words.parquet").names) <= explained


def test_what_the_relu_gains_is_what_its_formula_says(summary):
    gain = summary["reconstruction/r2"] - summary["reconstruction/r2_linear"]
    assert summary["reconstruction/relu_gain"] == pytest.approx(gain)


def test_the_page_has_a_place_for_every_metric(entries):
    page = glossary.page()
    assert [name for name in entries if f"({anchor(name)})=\n### `{name}`" not in page] == []
    assert len({anchor(name) for name in entries}) == len(entries)
