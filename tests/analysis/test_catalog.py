"""The catalog of metrics describes every key of the summary.json of real runs, and only what the code defines."""

import json
import re
from pathlib import Path
from pkgutil import resolve_name

import pyarrow.parquet as pq
import pytest

from bows.analysis.catalog import COLUMNS, GROUPS, HEADLINE, METRICS, baseline, metric

from ..conftest import FILLER

TEXT = [
    "data.vocab_size=180", "data.window=4", "data.val_fraction=0.3", "data.min_chars=20", "data.batch_size=16", "latent=4", "epochs=2",
    "lr=1e-2", "trainer=cpu", "logger=none", "analysis=full", "analysis.permutations=99", "analysis.null_permutations=99",
]  # fmt: skip
MODELS = {
    "tied": ["model=tied"],
    "linear": ["model=linear"],
    "relu_latent": ["model=relu_latent", "data.split=overlapping"],
    "pca": ["model=pca"],
    "gain": ["model=gain"],
}


@pytest.fixture(scope="module")
def folders(tmp_path_factory, wide_text, trained, look, composed) -> dict[str, Path]:
    """Name -> folder with a summary.json: full runs of several models, a run of pairs, the ablation of a set's plane."""
    from bows.config.validate import check
    from bows.training.run import train

    place = tmp_path_factory.mktemp("catalog")
    categories = [
        f"+analysis.categories.{name}=[{','.join(FILLER[start : start + 15])}]"
        for name, start in (("one", 0), ("two", 15))
    ]
    text = [f"outputs={place}", "data=files", f"data.train={wide_text}", *TEXT, *categories]
    found = {name: trained(place / name, *text, *words) for name, words in MODELS.items()}
    words = [f"run={found['tied']}", f"outputs={place}", "+analysis.sets.trio=[wordca,wordda,wordea]", "plane=trio"]
    found["plane"] = look(place / "plane", *words)
    config = composed(
        "train", f"outputs={place}", "experiment=paper/modular_addition", "epochs=2", "trainer=cpu", "logger=none"
    )
    found["pairs"] = place / "pairs"
    found["pairs"].mkdir()
    train(check(config), found["pairs"], None)
    return found


@pytest.fixture(scope="module")
def summaries(folders) -> dict[str, dict[str, float]]:
    return {name: json.loads((folder / "summary.json").read_text(encoding="utf-8")) for name, folder in folders.items()}


def test_every_key_of_a_summary_is_in_the_catalog_with_meaning_range_and_source(summaries):
    keys = {key for summary in summaries.values() for key in summary} - {"epoch"}
    assert {key.partition("/")[0] for key in keys} == set(GROUPS)
    assert [key for key in keys if not (metric(key).pattern and metric(key).meaning and metric(key).source)] == []
    assert [key for key in keys if re.search(r"<\w+>", f"{metric(key).label}{metric(key).meaning}")] == []


def test_values_of_real_runs_are_in_their_ranges(summaries):
    outside = [
        (name, key, value, metric(key).range)
        for name, summary in summaries.items()
        for key, value in summary.items()
        if key != "epoch" and not metric(key).holds(value)
    ]
    assert outside == []


def test_every_metric_of_the_catalog_is_computed_by_a_run(summaries):
    measured = {metric(key).pattern for summary in summaries.values() for key in summary}
    on_gpu_or_several_frequencies = {
        "speed/peak_gpu_memory_mb",
        "ablation/accuracy_keep_frequencies",
        "ablation/accuracy_remove_frequencies",
    }
    assert set(METRICS) - measured <= on_gpu_or_several_frequencies


def test_what_a_baseline_names_exists(summaries):
    for row in METRICS.values():
        assert [name for name in row.compared_with if not metric(name).pattern] == [], row.name
    assert set(HEADLINE) <= {key for key in HEADLINE if metric(key).pattern}


@pytest.mark.parametrize("name", METRICS)
def test_the_defining_function_exists_and_documents_the_metric(name):
    row = METRICS[name]
    assert (resolve_name(row.function).__doc__ or "").strip()
    assert row.label
    assert row.label != row.name
    assert row.better in ("", "higher", "lower")
    assert re.fullmatch(r"[\[(](-?\d|-∞), (-?\d|∞|min\(m, V\))[\])]|0, 1, 2, \.\.\.", row.range)


def test_every_column_of_words_parquet_but_words_is_described(folders):
    assert set(pq.read_schema(folders["tied"] / "words.parquet").names) - set(COLUMNS) == {"word", "nearest"}


def test_a_baseline_has_the_values_of_the_run():
    summary = {
        "reconstruction/loss": 0.2,
        "reconstruction/r2": 0.6,
        "reconstruction/r2_linear": 0.5,
        "packing/coherence": 0.9,
        "packing/welch_ratio": 3.0,
    }
    assert baseline("reconstruction/loss", summary) == "word frequencies alone 0.5"
    assert baseline("reconstruction/r2", summary) == "best linear read-out 0.5; word frequencies alone 0"
    assert baseline("packing/coherence", summary).endswith("(Welch's bound) 0.3")
    assert baseline("packing/interference_rms", summary, latent=16) == "random directions 0.25"
    assert baseline("packing/interference_rms", summary) == ""
    assert baseline("my/own", summary) == ""


def test_patterns_match_the_most_specific_entry():
    assert metric("cluster/purity_z").pattern == "cluster/<score>_z"
    assert metric("ablation/accuracy_keep_frequencies_random_sd").pattern == "ablation/accuracy_<kept>_random_sd"
    assert (
        metric("ablation/months/companions/drop_mean_kept_random_set_p").pattern
        == "ablation/<set>/<group>/<drop>_random_set_p"
    )
    assert metric("ring/a/b/order_p").label == "a/b: p of the order"
    assert (metric("my/own").label, metric("my/own").pattern) == ("my/own", "")
