"""What every run with few words measures has the values of analysis=full."""

import json

import pytest

from bows.evaluation import inexpensive as module

WORDS = ["data.vocab_size=60", "data.window=4", "data.min_chars=20", "data.batch_size=16", "latent=4", "epochs=2", "logger=none",
         "analysis.figures=false", "analysis.permutations=99", "analysis.words=null", "analysis.null_permutations=99",
         "+analysis.categories.seasons='snow frost fire flower rain seed beach harvest sun leaf wind fog'",
         "+analysis.categories.year='January February March April May June July August September October November'"]  # fmt: skip
MEASURED = {"baseline/r2_pca", "cluster/purity", "cluster/purity_null", "cluster/purity_p", "cluster/silhouette"}


def summary(folder):
    return json.loads((folder / "summary.json").read_text())


def test_quick_analysis_has_the_values_of_the_full_one(trained, tiny_text, tmp_path):
    words = ["data=files", f"data.train={tiny_text}", f"outputs={tmp_path}", *WORDS]
    quick, full = (summary(trained(tmp_path / name, *words, f"analysis={name}")) for name in ("quick", "full"))
    assert quick.keys() >= MEASURED
    for name in (name for name in quick if name.startswith(("baseline/", "cluster/"))):
        assert quick[name] == pytest.approx(full[name], rel=1e-5, abs=1e-7), name
    assert 0 < quick["baseline/r2_pca"] < 1


def test_nothing_without_an_analysis_or_with_many_words(trained, tiny_text, tmp_path, monkeypatch):
    words = ["data=files", f"data.train={tiny_text}", f"outputs={tmp_path}", *WORDS]
    assert not MEASURED & summary(trained(tmp_path / "none", *words, "analysis=none")).keys()
    monkeypatch.setattr(module, "MOST_WORDS", 10)
    assert not MEASURED & summary(trained(tmp_path / "many", *words)).keys()


def test_a_word_in_two_categories_leaves_the_clusters_out_with_a_warning(trained, tiny_text, tmp_path, caplog):
    twice = [word.replace("'January", "'snow January") for word in WORDS]
    found = summary(trained(tmp_path / "run", "data=files", f"data.train={tiny_text}", f"outputs={tmp_path}", *twice))
    assert not any(name.startswith("cluster/") for name in found)
    assert "clusters are not measured: analysis.categories: 'snow' is in" in caplog.text


def test_the_map_shows_the_largest_categories_and_only_words_with_a_position():
    import pyarrow as pa

    from bows.evaluation.word_positions import map_columns

    sea, sky = [f"sea{number}" for number in range(10)], [f"sky{number}" for number in range(9)]
    words = [*sea, *sky, "other", "nowhere"]
    table = pa.table({"word": words, "x": [*map(float, range(20)), None], "y": [*([0.5] * 20), None]})
    columns = map_columns(table, dict.fromkeys(sea, "sea") | dict.fromkeys(sky, "sky"))
    assert columns["x"] == [float(place) for place in range(20)]
    assert columns["category"] == ["sea"] * 10 + [None] * 10  # nine words are too few
    assert {len(column) for column in columns.values()} == {20}
