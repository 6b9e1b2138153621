"""The report of a sweep: it finds what was varied, draws what the runs hold, and says what they lack."""

import json
import re
from functools import cache
from html.parser import HTMLParser

import numpy as np
import pytest
import yaml
from pyarrow import parquet
from safetensors.numpy import save_file

from bows.data.sources.synthetic import synthetic_corpus
from bows.errors import DataError, SettingError
from bows.report import main
from bows.reports.held_out import held_out
from bows.reports.run_charts import covariance, gram
from bows.reports.sweep_charts import regime_thresholds
from bows.reports.sweep_grams import feature_order
from bows.reports.sweep_layout import chosen_metrics, chosen_pairs, few_settings, left_out, lines_and_figures
from bows.reports.sweep_report import draw, write_sweep_report
from bows.runs.discover import find_jobs
from bows.runs.folder import read_run
from bows.runs.table import tabulate

HOSTILE = "<script>alert('x')</script>"
FEATURES = 5
ORDER = [3, 0, 4, 1, 2]  # places of the features in the vocabulary


@cache
def corpus_hash(structure):
    return synthetic_corpus(structure, structure, FEATURES, 50, 400, 4.0, 0.0, 7).hash


def write_run(folder, number, model, wd, latent, seed, structure="circular", **status):
    """A finished run of a synthetic structure, weights and all; its interference gap is 10 wd + latent + seed / 10."""
    run = folder / str(number)
    (run / ".hydra").mkdir(parents=True)
    data = {
        "_target_": "bows.data.factories.synthetic", "name": structure, "structure": structure, "features": FEATURES, "train_rows": 50,
        "validation_rows": 400, "sharpness": 4.0, "log_odds": 0.0, "batch_size": None, "validation_windows": None, "seed": "${other}",
        "relabel": False,
    }  # fmt: skip
    thresholds = {"absent": 0.05, "linear": 0.8, "antipodal": -0.9, "orthogonal": 0.1}
    activation = {"tied": "relu", "linear": "identity"}[model]
    config = {
        "seed": seed, "other": 7, "wd": wd, "latent": latent, "outputs": "${oc.env:BOWS_OUTPUTS,outputs}", "data": data,
        "model": {"_target_": "bows.model.tied.Tied", "latent": "${latent}", "output_activation": activation},
        "optimizer": {"weight_decay": "${wd}"}, "analysis": {"regimes": thresholds},
    }  # fmt: skip
    words = [f"data={structure}", f"model={model}", f"wd={wd}", f"latent={latent}", f"seed={seed}"]
    choices = {"hydra": {"runtime": {"choices": {"model": model, "data": structure}}}}
    for name, content in (("config", config), ("overrides", words), ("hydra", choices)):
        (run / ".hydra" / f"{name}.yaml").write_text(yaml.safe_dump(content))
    stored = {
        "state": "completed",
        "error": None,
        "finished": "2026-01-01",
        "seconds": 1.0,
        "corpus": corpus_hash(structure),
    } | status
    (run / "status.json").write_text(json.dumps(stored))
    if stored["state"] == "completed":
        shares = (
            {"regime/linear": 0.75, "regime/mixed": 0.25} if wd else {"regime/linear": 0.125, "regime/mixed": 0.875}
        )
        zeros = dict.fromkeys(("regime/absent", "regime/antipodal", "regime/orthogonal"), 0.0)
        summary = (
            {"interference/gap": 10 * wd + latent + seed / 10, "reconstruction/r2": 0.5 + wd / 10} | shares | zeros
        )
        (run / "summary.json").write_text(json.dumps(summary))
        (run / "vocabulary.txt").write_text("".join(f"feature{place}\n" for place in range(FEATURES)))
        weights = np.random.default_rng(number).normal(size=(latent, FEATURES)).astype(np.float32)
        save_file(
            {"encoder.weight": weights, "decoder.bias": np.zeros(FEATURES, np.float32)}, run / "model.safetensors"
        )
    return run


@pytest.fixture
def sweep(tmp_path):
    """Model x weight decay x latent x seed, in folders 0 to 15."""
    number = 0
    for model in ("tied", "linear"):
        for wd in (0, 2):
            for latent in (2, 3):
                for seed in (1, 2):
                    write_run(tmp_path / "sweep", number, model, wd, latent, seed)
                    number += 1
    return tmp_path / "sweep"


def gram_matrix(folder):
    run = read_run(folder)
    return gram(run.weights, feature_order(run))


def drawn(folder, metrics=None):
    jobs = find_jobs([folder])
    return draw(folder, jobs, tabulate(jobs, folder), metrics)


class Page(HTMLParser):
    def __init__(self, html):
        super().__init__()
        self.tags, self.text = [], ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data


def test_figures_follow_from_what_was_varied(sweep):
    figures, notes = drawn(sweep)
    assert [each.picture.stem for each in figures] == [
        "dial-model-metrics_1", "dial-latent-metrics_1", "dial-wd-metrics_1",
        "map-latent-wd-reconstruction_r2", "map-latent-wd-interference_gap", "regime_map", "gram-circular",
    ]  # fmt: skip
    for each in figures:
        assert each.picture.is_file()
        assert each.picture.with_suffix(".pdf").is_file()
        assert len(parquet.read_table(each.picture.with_suffix(".parquet"))) > 0
    # What is the same in all runs is said, not drawn.
    (same,) = [
        note
        for note in notes
        if note.startswith("Not drawn, because the mean over seeds is the same at every setting: ")
    ]
    assert "regime/absent = 0" in same


def test_seeds_alone_are_not_called_equal(tmp_path):
    for seed in (1, 2):
        write_run(tmp_path / "sweep", seed, "tied", 0, 2, seed)
    figures, notes = drawn(tmp_path / "sweep")
    assert not any(each.kind.startswith("Against") for each in figures)
    assert notes == ["Only the seed varies: there is no setting to draw against."]


def test_the_stored_tables_are_what_is_drawn(sweep):
    drawn(sweep)
    rows = parquet.read_table(sweep / "figures" / "map-latent-wd-interference_gap.parquet").to_pylist()
    assert {(row["model"], row["wd"], row["latent"]): row["mean"] for row in rows} == {
        (model, wd, latent): pytest.approx(10 * wd + latent + 0.15)
        for model in ("linear", "tied")
        for wd in (0, 2)
        for latent in (2, 3)
    }
    assert {row["count"] for row in rows} == {2}
    # Seeds 0.1 apart: half the interval is 12.706 * 0.1 / 2 (Student's t with one degree of freedom).
    assert rows[0]["high"] - rows[0]["mean"] == pytest.approx(12.7062 * 0.05, rel=1e-4)


def test_gram_matrices_and_covariance_are_in_the_order_of_places(sweep):
    folder = sweep / "0"
    weights = np.random.default_rng(0).normal(size=(2, FEATURES)).astype(np.float32)
    np.testing.assert_allclose(gram_matrix(folder), weights.T @ weights, rtol=1e-5)
    (folder / "vocabulary.txt").write_text("".join(f"feature{place}\n" for place in ORDER))
    gram = gram_matrix(folder)
    for one in range(FEATURES):
        for other in range(FEATURES):
            assert gram[ORDER[one], ORDER[other]] == pytest.approx(weights[:, one] @ weights[:, other], rel=1e-5)
    decoder = np.arange(FEATURES * 2, dtype=np.float32).reshape(FEATURES, 2)
    bias = np.zeros(FEATURES, np.float32)
    save_file(
        {"encoder.weight": weights, "decoder.weight": decoder, "decoder.bias": bias}, folder / "model.safetensors"
    )
    assert gram_matrix(folder)[ORDER[1], ORDER[4]] == pytest.approx(float(decoder[1] @ weights[:, 4]), rel=1e-5)


def test_covariance_is_of_the_runs_held_out_windows(sweep):
    bags = synthetic_corpus("circular", "circular", FEATURES, 50, 400, 4.0, 0.0, 7).splits["validation"]
    rows = np.zeros((400, FEATURES))
    for row in range(400):
        rows[row, bags.indices[bags.indptr[row] : bags.indptr[row + 1]]] = 1
    np.testing.assert_allclose(
        covariance(held_out(find_jobs([sweep])[0]).present, np.arange(FEATURES)), np.cov(rows.T, ddof=0), atol=1e-12
    )
    drawn(sweep)
    stored = parquet.read_table(sweep / "figures" / "gram-circular.parquet").to_pylist()
    np.testing.assert_allclose(stored[0]["matrix"], np.cov(rows.T, ddof=0), atol=1e-12)
    assert [(row["row"], row["column"]) for row in stored[1:]] == [
        (f"{model}, wd {wd}", f"m = {latent}")
        for model in ("linear", "ReLU (tied)")
        for wd in (0, 2)
        for latent in (2, 3)
    ]
    np.testing.assert_allclose(stored[-1]["matrix"], gram_matrix(sweep / "6"))  # tied, wd 2, m 3, seed 1


def test_data_that_cannot_be_made_again_are_not_drawn(sweep):
    (job, other, *_) = find_jobs([sweep])
    job.status["corpus"] = "0" * 64
    with pytest.raises(DataError, match="has changed since"):
        held_out(job)
    del other.config["data"]["sharpness"]
    with pytest.raises(DataError, match="sharpness"):
        held_out(other)


def test_a_structure_a_grid_and_one_that_cannot_be_read(tmp_path):
    for number, structure in enumerate(("circular", "iid", "sphere")):
        write_run(tmp_path, number, "tied", 1, 2, 1, structure)
    write_run(tmp_path, 3, "tied", 2, 2, 1)
    (tmp_path / "3" / "model.safetensors").unlink()
    (tmp_path / "1" / "vocabulary.txt").write_text("feature0\n")
    (tmp_path / "2" / "model.safetensors").write_bytes(b"torn")
    figures, notes = drawn(tmp_path)
    assert [each.picture.stem for each in figures if each.kind == "Gram matrices"] == ["gram-circular"]
    assert [note for note in notes if note.startswith("The Gram matrices of iid are not drawn: ")]
    assert [
        note
        for note in notes
        if note.startswith("The Gram matrices of sphere are not drawn: ") and "is damaged" in note
    ]
    assert [
        note
        for note in notes
        if note.startswith("Left out of the Gram matrices of circular: ") and str(tmp_path / "3") in note
    ]
    stored = parquet.read_table(tmp_path / "figures" / "gram-circular.parquet").to_pylist()
    assert [(row["row"], row["matrix"] is None) for row in stored] == [
        ("covariance", False),
        ("wd 1", False),
        ("wd 2", True),
    ]


def test_thresholds_are_those_of_the_runs(sweep):
    jobs = find_jobs([sweep])
    assert "linear R² at least 0.8 of R²" in regime_thresholds(jobs)
    jobs[3].config["analysis"]["regimes"]["linear"] = 0.7
    assert regime_thresholds(jobs).startswith("Thresholds differ between runs: ")
    assert "at least 0.7 of" in regime_thresholds(jobs)


def test_a_whole_page(sweep):
    write_run(sweep, 16, "tied", 4, 2, 1, state="failed", error=HOSTILE)
    (sweep / "jobs.json").write_text(
        json.dumps({"jobs": [{"folder": "17", "overrides": ["model=tied", "wd=4"], "config": "0"}]})
    )
    path = write_sweep_report(sweep)
    html = path.read_text(encoding="utf-8")
    page = Page(html)
    assert path == sweep / "report.html"
    for said in (
        "18 runs",
        "16 completed",
        "1 failed",
        "1 missing",
        HOSTILE,
        "it never started",
        "linear, tied",
        "0, 2, 4",
    ):
        assert said in page.text
    pictures = [attributes["src"] for tag, attributes in page.tags if tag == "img"]
    assert len(pictures) == 7
    assert all(source.startswith("data:image/svg+xml;base64,") for source in pictures)
    # Its own data and its own script, nothing of the jobs', and no address but the name of SVG.
    assert [attributes for tag, attributes in page.tags if tag == "script"] == [
        {"type": "application/json", "id": "data"},
        {},
    ]
    assert "alert('x')</script>" not in html
    assert set(re.findall(r"https?://[\w./]+", html)) == {"http://www.w3.org/2000/svg"}
    assert "None" not in page.text
    assert len(parquet.read_table(sweep / "results.parquet")) == 18
    assert (sweep / "summary.csv").is_file()


def test_the_command_tells_runs_from_sweeps(sweep, tmp_path, capsys):
    assert main([str(sweep), "--metrics", "reconstruction/r2"]) == 0
    assert capsys.readouterr().out.strip() == str(sweep / "report.html")
    assert not (sweep / "figures" / "map-latent-wd-interference_gap.png").exists()
    assert main([str(sweep / "0")]) == 0
    assert capsys.readouterr().out.strip() == str(sweep / "0" / "report.html")
    for arguments, said in (
        ([str(sweep), "--metrics", "reconstruction/r2,interference/gup"], "--metrics=interference/gup: no completed run has such a metric; "
            "did you mean interference/gap?"),
        ([str(sweep / "0"), "--metrics", "a"], "is no sweep"),
    ):  # fmt: skip
        assert main(arguments) == 2
        error = capsys.readouterr().err
        assert said in error
        assert error.count("\n") == 1


def test_pairs_of_settings():
    varied = {"data": ["a", "b"], "lr": [1, 2], "wd": [0, 1], "latent": [2, 3], "epochs": [1, 2]}
    pairs, note = chosen_pairs(varied, None)
    assert pairs == [("latent", "wd"), ("latent", "lr"), ("latent", "epochs")]
    assert "3 of 6 pairs" in note
    assert "not over wd and lr, wd and epochs, lr and epochs;" in note
    assert note.endswith("--dials lr,epochs")
    assert chosen_pairs(varied, ["lr", "epochs", "lr"]) == ([("lr", "epochs")], "")
    assert chosen_pairs({name: varied[name] for name in ("data", "lr", "wd", "latent")}, None)[1] == ""
    for asked, said in (
        (["lr", "epoch"], "did you mean epochs"),
        (["lr", "data"], "not numbers"),
        (["lr"], "needs two"),
    ):
        with pytest.raises(SettingError, match=said):
            chosen_pairs(varied, asked)


def test_figures_that_are_not_drawn_again_go(sweep):
    drawn(sweep)
    drawn(sweep, ["interference/gap"])
    assert (sweep / "figures" / "map-latent-wd-interference_gap.png").exists()
    assert not (sweep / "figures" / "map-latent-wd-reconstruction_r2.png").exists()


def test_a_sweep_with_nothing_to_draw(tmp_path):
    write_run(tmp_path, 0, "tied", 1, 2, 1, state="running")
    write_run(tmp_path, 1, "tied", 2, 2, 1, state="failed", error="no room")
    figures, notes = drawn(tmp_path)
    assert figures == []
    assert notes == ["No run is completed: there is nothing to draw yet."]
    assert "nothing to draw yet" in write_sweep_report(tmp_path).read_text(encoding="utf-8")
    (tmp_path / "empty").mkdir()
    with pytest.raises(SettingError, match="it contains no run"):
        write_sweep_report(tmp_path / "empty")


def test_only_seeds(tmp_path):
    for seed in (1, 2, 3):
        write_run(tmp_path, seed, "tied", 1, 2, seed)
    figures, notes = drawn(tmp_path)
    assert [each.picture.stem for each in figures] == ["gram-circular"]
    assert "Only the seed varies: there is no setting to draw against." in notes


def test_metrics_by_default():
    table = {
        "reconstruction/r2": [0.5, None], "ring/months/order": [0.5, 0.6], "ring/digits/order": [0.5, None], "ring/months/order_p": [1, 1],
        "speed/seconds": [1, 1], "regime/mixed": [0.5, 0.5],
    }  # fmt: skip
    assert chosen_metrics(table, None) == {"metrics_1": ["reconstruction/r2", "ring/months/order", "regime/mixed"]}
    rings = {f"ring/{number:02}/order": [0.5] for number in range(16)}
    assert [len(part) for part in chosen_metrics(rings, None).values()] == [8, 8]
    assert chosen_metrics(table, ["speed/seconds", "speed/seconds"]) == {"metrics_1": ["speed/seconds"]}


def test_lines_and_figures_of_many_settings():
    varied = {
        "data": ["circular", "iid", "sphere"],
        "model": ["linear", "tied"],
        "wd": [1, 6],
        "latent": list(range(2, 13)),
    }
    lines, settings, note = lines_and_figures({name: varied[name] for name in ("data", "model", "wd")})
    assert (lines, note) == ({"model": ["linear", "tied"], "wd": [1, 6]}, "")
    assert settings == [{"data": "circular"}, {"data": "iid"}, {"data": "sphere"}]
    lines, settings, note = lines_and_figures({name: varied[name] for name in ("data", "model", "latent")})
    assert lines == {"model": ["linear", "tied"], "latent": [2, 7, 12]}
    assert note == "Only some of the 11 values of latent are drawn: 2, 7, 12."
    assert lines_and_figures({}) == ({}, [{}], "")
    settings, left = few_settings({"data": ["a", "b"], "latent": list(range(11))}, 6)
    assert len(settings) == 6
    assert left == {"data": ["a", "b"], "latent": [0, 5, 10]}
    assert left_out({"latent": [1, 2]}, {"latent": [1, 2]}) == ""


def test_values_that_are_null_have_their_own_place(tmp_path):
    for number, clip in enumerate((1, None)):
        run = write_run(tmp_path, number, "tied", number, 2, 1)
        config = yaml.safe_load((run / ".hydra" / "config.yaml").read_text())
        config["optimizer"]["clip_norm"] = clip
        (run / ".hydra" / "config.yaml").write_text(yaml.safe_dump(config))
    drawn(tmp_path, ["interference/gap"])
    rows = parquet.read_table(tmp_path / "figures" / "dial-optimizer.clip_norm-metrics_1.parquet").to_pylist()
    # A setting whose null is drawn too, beside its number.
    assert [(row["optimizer.clip_norm"], row["mean"]) for row in rows] == [
        (1, pytest.approx(2.1)),
        (None, pytest.approx(12.1)),
    ]
