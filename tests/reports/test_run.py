"""The report page of a run: whole, self-contained, escaped, and honest about what a run folder lacks."""

import base64
import hashlib
import json
import math
import re
import sys
import types
from html.parser import HTMLParser

import numpy as np
import pyarrow as pa
import pytest
import torch
from pyarrow import parquet
from safetensors.torch import save_file

from bows.errors import SettingError
from bows.figures.gram import gram_heat_map
from bows.figures.style import save
from bows.report import main
from bows.reports import run_report as run_page
from bows.reports.run_report import write_report

from .conftest import HOSTILE, LATENT, WORDS

SCRIPT = "<script>alert('x')</script>"


class Page(HTMLParser):
    """Tags with their attributes, all text that a reader sees, the data and the script."""

    def __init__(self, html: str):
        super().__init__()
        self.tags: list[tuple[str, dict]] = []
        self.text, self.raw = "", {"style": [], "data": [], "script": []}
        self.inside = ""
        self.images: list[str] = []  # names that images are saved under
        self.feed(html)
        self.data = json.loads(self.raw["data"][0]) if self.raw["data"] else {}

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if "download" in dict(attrs):
            self.images.append(dict(attrs)["download"].rpartition(".")[0])
        self.inside = tag if tag in ("style", "script") else ""
        if dict(attrs).get("type") == "application/json":
            self.inside = "data"

    def handle_endtag(self, tag):
        self.inside = ""

    def handle_data(self, data):
        if self.inside:
            self.raw[self.inside].append(data)
        else:
            self.text += data

    def array(self, packed: dict) -> np.ndarray:
        values = np.frombuffer(base64.b64decode(packed["data"]), f"<{packed['kind']}")
        return values * packed.get("scale", 1)


def read(folder) -> Page:
    return Page(write_report(folder).read_text(encoding="utf-8"))


def test_a_whole_page(made_run):
    assert write_report(made_run.folder) == made_run.folder / "report.html"
    page = read(made_run.folder)
    for said in (
        "12-00-00-tiny",
        "completed",
        "12.25 seconds",
        "torch 2.13",
        "0.5123",
        "seed: 1",
        "60 words",
        "angles with their known order",
    ):
        assert said in page.text
    assert "python -m bows.train model=tied wd=0.5 'data.include=[it'\"'\"'s]'" in page.text
    assert "best linear read-out 0.4; word frequencies alone 0" in page.text
    assert "least possible for so many words (Welch's bound) 0.3" in page.text  # Welch's bound: 0.9 / 3
    assert "p = " not in page.text
    for wrong in ("missing", "damaged", "cannot", "could not", "None"):
        assert wrong not in page.text.partition("Full configuration")[0], wrong
    assert page.data["words"] == WORDS
    assert set(page.data) >= {
        "table",
        "neighbours",
        "groups",
        "map",
        "explainer",
    }
    assert page.images == ["training_curves", "other_metrics", "ring_months", "gram_and_correlation", "regimes"]
    assert not list(made_run.folder.glob(".report*"))


def test_the_data_are_the_runs(made_run):
    page = read(made_run.folder)
    columns = {column["name"]: column for column in page.data["table"]["columns"]}
    assert page.array(columns["frequency"]["numbers"]) == pytest.approx(made_run.frequency, rel=1e-6)
    r2 = page.array(columns["r2"]["numbers"])
    assert np.isnan(r2[-1])
    assert r2[:-1] == pytest.approx(made_run.r2[:-1], rel=1e-5)
    codes = page.array(columns["regime"]["codes"]).astype(int)
    assert [([*columns["regime"]["values"], None])[code] for code in codes] == [
        None if place == 5 else name for place, name in enumerate(made_run.regimes)
    ]
    assert "r2_linear" in page.data["table"]["unmeasured"]
    unit = made_run.encoder / np.linalg.norm(made_run.encoder, axis=0)
    centred = unit - unit.mean(1, keepdims=True)
    _, singular, right = np.linalg.svd(centred, full_matrices=False)
    placed = page.data["map"]["maps"][0]
    for axis, row, strength in (("x", right[0], singular[0]), ("y", right[1], singular[1])):
        found, expected = page.array(placed[axis]), row * strength
        expected = expected - (expected.min() + expected.max()) / 2
        sign = np.sign(found @ expected)
        assert found == pytest.approx(sign * expected, abs=2e-4)
    assert f"{singular[0] ** 2 / (singular**2).sum():.1%}" in placed["axes"][0]


def test_everything_is_escaped_and_nothing_can_be_fetched(made_run):
    (made_run.folder / "status.json").write_text(
        json.dumps({"state": "failed", "error": SCRIPT, "versions": {"bows": SCRIPT}})
    )
    (made_run.folder / "summary.json").write_text(json.dumps({SCRIPT: math.nan, "reconstruction/r2": 0.5}))
    save(gram_heat_map(np.eye(2), ["a", "b"]), made_run.folder / "figures" / "odd_<b>")
    html = write_report(made_run.folder).read_text(encoding="utf-8")
    page = Page(html)
    scripts = [attributes for tag, attributes in page.tags if tag == "script"]
    assert scripts == [{"type": "application/json", "id": "data"}, {}]
    assert page.text.count(SCRIPT) == 4  # error, version, metric, and that it is no number
    assert page.data["words"] == WORDS
    assert not re.search("<|>|&", page.raw["data"][0])
    assert not [tag for tag, _ in page.tags if tag in ("link", "iframe", "object", "embed", "form")]
    assert not [
        attributes
        for _, attributes in page.tags
        if any(name.startswith("on") or name == "style" for name in attributes)
    ]
    assert all(attributes.get("href", "#").startswith("#") for _, attributes in page.tags)
    assert page.images[-1] == "odd_<b>"
    assert {attributes["src"][:26] for tag, attributes in page.tags if tag == "img"} == {"data:image/svg+xml;base64,"}
    policy = next(
        attributes["content"]
        for tag, attributes in page.tags
        if attributes.get("http-equiv") == "Content-Security-Policy"
    )
    for kind, name in (("style", "style"), ("script", "script")):
        digest = base64.b64encode(hashlib.sha256(page.raw[name][0].encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


def test_what_is_missing_is_said_in_its_place(tmp_path):
    (tmp_path / "status.json").write_text('{"state": "running"}')
    text = read(tmp_path).text
    for name in ("summary.json", "metrics.csv", "words.parquet", ".hydra/config.yaml", ".hydra/overrides.yaml"):
        assert f"{name} is missing" in text
    assert "contains no figures" in text
    assert "running" in text


def test_what_is_damaged_is_said_in_its_place(made_run):
    folder = made_run.folder
    (folder / "status.json").write_text('{"state": "com')
    (folder / "summary.json").write_text("[1]")
    (folder / "words.parquet").write_bytes(b"PAR1 but torn")
    (folder / "metrics.csv").write_text("")
    (folder / "model.safetensors").write_bytes(b"torn")
    (folder / "vocabulary.txt").unlink()
    page = read(folder)
    for said in ("status.json is damaged", "summary.json is damaged", "words.parquet is damaged", "no rows yet"):
        assert said in page.text
    assert set(page.data) == {"notes", "of_pairs", "explain_command", "order"}


def without_weights(made):
    (made.folder / "model.safetensors").unlink()


def without_corpus(made):
    (made.folder.parents[2] / "corpora/tiny-0123456789ab/manifest.json").unlink()


def damaged_corpus(made):
    (made.folder.parents[2] / "corpora/tiny-0123456789ab/validation/indices.npy").write_bytes(b"torn")


def without_table(made):
    (made.folder / "words.parquet").unlink()


def older_table(made):
    table = parquet.read_table(made.folder / "words.parquet").select(["word", "frequency"])
    parquet.write_table(table, made.folder / "words.parquet")


def infinite_weights(made):
    weights = torch.full((LATENT, len(WORDS)), torch.inf)
    save_file({"encoder.weight": weights, "decoder.bias": torch.zeros(len(WORDS))}, made.folder / "model.safetensors")


def older_configuration(made):
    (made.folder / ".hydra/config.yaml").write_text("seed: 1\n")


@pytest.mark.parametrize(
    ("harm", "said", "gone"),
    [
        (without_weights, "model.safetensors is missing", {"map", "ring_months", "gram_and_correlation", "explainer"}),
        (without_corpus, "the corpus tiny is no longer in the folder corpora", {"explainer"}),
        (damaged_corpus, "indices.npy does not match its checksum", {"explainer"}),
        (without_table, "words.parquet is missing", {"table", "regimes"}),
        (older_table, "the run did not measure them", {"regimes"}),
        (
            infinite_weights,
            "the weights are infinite or not numbers",
            {"map", "ring_months", "gram_and_correlation", "explainer"},
        ),
        (older_configuration, "does not contain its data", {"ring_months", "explainer"}),
    ],
)
def test_a_part_that_cannot_be_is_said_and_the_others_stand(made_run, harm, said, gone):
    harm(made_run)
    page = read(made_run.folder)
    everything = {
        "words",
        "table",
        "neighbours",
        "groups",
        "map",
        "explainer",
        "training_curves",
        "other_metrics",
        "ring_months",
        "gram_and_correlation",
        "regimes",
    }
    assert everything - {*page.data, *page.images} == gone
    assert said in page.text
    assert "fault in bows" not in page.text


def test_words_without_direction_and_two_dimensions(made_run):
    encoder = torch.from_numpy(made_run.encoder[:2].copy())
    encoder[:, [3, 30]] = 0
    save_file(
        {"encoder.weight": encoder, "decoder.bias": torch.zeros(len(WORDS))}, made_run.folder / "model.safetensors"
    )
    page = read(made_run.folder)
    assert page.data["map"]["left_out"] == 2
    assert set(range(len(WORDS))) - set(page.array(page.data["map"]["kept"]).tolist()) == {3, 30}
    assert "directions on one line): months." in page.text  # April has no direction
    encoder[:] = 0
    save_file(
        {"encoder.weight": encoder[:1], "decoder.bias": torch.zeros(len(WORDS))}, made_run.folder / "model.safetensors"
    )
    assert "no word has a direction" in read(made_run.folder).text


def test_a_fault_of_a_part_or_of_the_page_does_not_cost_the_run(made_run, monkeypatch, caplog):
    def broken(*_):
        raise RuntimeError("a fault <b>")

    monkeypatch.setattr(run_page, "word_map", broken)
    page = read(made_run.folder)
    assert "The word map could not be made, because of a fault in bows: RuntimeError: a fault <b>." in page.text
    assert "ring_months" in page.images
    assert "the word map could not be made" in caplog.text
    monkeypatch.setattr(run_page, "word_map", lambda *_: {"odd": object()})  # what JSON does not know
    assert "The word map could not be made" in read(made_run.folder).text
    monkeypatch.setattr(run_page, "charts", broken)
    page = read(made_run.folder)
    assert "This report could not be made, because of a fault in bows: RuntimeError: a fault <b>." in page.text


def test_figures_that_the_page_does_not_draw_are_embedded(made_run):
    for name in ("gram", "ring_months", "ring_planets", "training_curves", "city_map"):
        save(gram_heat_map(np.eye(2), ["a", "b"]), made_run.folder / "figures" / name)
    shown = [
        "training_curves",
        "other_metrics",
        "ring_months",
        "gram_and_correlation",
        "regimes",
        "city_map",
        "gram",
        "ring_planets",
    ]
    assert read(made_run.folder).images == shown
    without_weights(made_run)
    shown = ["training_curves", "other_metrics", "regimes", "city_map", "gram", "ring_months", "ring_planets"]
    assert read(made_run.folder).images == shown


def test_pairs(made_run):
    folder = made_run.folder
    config = (
        (folder / ".hydra/config.yaml")
        .read_text()
        .replace("bows.model.tied.Tied", "bows.model.pair_classifier.PairClassifier")
    )
    (folder / ".hydra/config.yaml").write_text(config)
    save_file({"embedding.weight": torch.from_numpy(made_run.encoder.T.copy())}, folder / "model.safetensors")
    table = pa.table(
        {"word": WORDS, "state": [f"state {place % 3}" for place in range(len(WORDS))], "held_out": [True, False] * 30}
    )
    parquet.write_table(table, folder / "words.parquet")
    page = read(folder)
    assert "Map of items" in page.text
    assert "a pair classifier reads no windows of words" in page.text
    assert "items have no regimes" in page.text
    assert {"map", "neighbours"} <= set(page.data)
    assert "gram_and_correlation" in page.images
    nearest = page.array(page.data["neighbours"]["indices"]).reshape(len(WORDS), -1)
    unit = made_run.encoder / np.linalg.norm(made_run.encoder, axis=0)
    cosines = unit.T @ unit - 2 * np.eye(len(WORDS))
    assert nearest[:, 0].tolist() == cosines.argmax(1).tolist()


def test_command(made_run, tmp_path, capsys):
    assert main([str(made_run.folder)]) == 0
    assert capsys.readouterr().out.strip() == str(made_run.folder / "report.html")
    empty = tmp_path / "empty"
    empty.mkdir()
    for folder in (empty, tmp_path / "nowhere"):
        assert main([str(folder)]) == 2
        error = capsys.readouterr().err
        assert error.count("\n") == 1
        assert ("is not a run folder" if folder == empty else "no such folder") in error
        assert not (folder / "report.html").exists()
    with pytest.raises(SettingError):
        write_report(empty)
    assert main([str(made_run.folder.parents[1]), "--map", "umap"]) == 2
    assert "is a sweep" in capsys.readouterr().err
    assert main([f"run={made_run.folder}"]) == 2
    assert "give the folder alone, without run=" in capsys.readouterr().err


def test_umap(made_run, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "umap", None)
    assert main([str(made_run.folder), "--map", "umap"]) == 2
    assert 'pip install "bows[umap]"' in capsys.readouterr().err
    assert not (made_run.folder / "report.html").exists()
    asked = {}

    class Umap:
        def __init__(self, **settings):
            asked.update(settings)

        def fit_transform(self, rows):
            asked["shape"] = rows.shape
            return np.stack([np.arange(len(rows)), np.zeros(len(rows))], 1)

    monkeypatch.setitem(sys.modules, "umap", types.SimpleNamespace(UMAP=Umap))
    assert main([str(made_run.folder), "--map", "umap"]) == 0
    page = Page((made_run.folder / "report.html").read_text(encoding="utf-8"))
    assert [each["kind"] for each in page.data["map"]["maps"]] == ["UMAP", "PCA"]
    assert (asked["metric"], asked["random_state"], asked["shape"]) == ("cosine", 1, (len(WORDS), LATENT))
    x = page.array(page.data["map"]["maps"][0]["x"])
    assert x[-1] - x[0] == pytest.approx(len(WORDS) - 1, rel=1e-3)


def test_hostile_words_end_no_block(made_run):
    html = write_report(made_run.folder).read_text(encoding="utf-8")
    for word in HOSTILE:
        if "<" in word:
            assert word not in html


def test_what_bows_analyze_found_later_is_shown_unless_of_other_documents(made_run):
    whole = parquet.read_table(made_run.folder / "words.parquet")
    made_run.rewrite_words(whole.drop_columns(["regime"]))
    page = Page(write_report(made_run.folder).read_text(encoding="utf-8"))
    assert "regimes" not in page.images
    assert "python -m bows.report" in page.text
    for name, asked in (("2026-01-02", "[]"), ("2026-01-03", "- data=files\n- data.train=other.txt\n")):
        later = made_run.folder / "analysis" / name
        (later / ".hydra").mkdir(parents=True)
        (later / ".hydra" / "overrides.yaml").write_text(asked)
        parquet.write_table(whole, later / "words.parquet")
    page = Page(write_report(made_run.folder).read_text(encoding="utf-8"))
    assert "regimes" in page.images
    assert "analysis/2026-01-02" in page.text
    assert "analysis/2026-01-03" not in page.text


def test_odd_values_and_cut_rows_cost_their_own_place_alone(made_run):
    summary = json.loads((made_run.folder / "summary.json").read_text())
    odd = {"packing/coherence": float("nan"), "packing/welch_ratio": 10**400, "capacity/zero_columns": float("inf")}
    (made_run.folder / "summary.json").write_text(json.dumps({**summary, **odd}))
    whole = (made_run.folder / "metrics.csv").read_text()
    (made_run.folder / "metrics.csv").write_text(whole + "30,0.3")
    page = read(made_run.folder)
    assert "not among the headline metrics: capacity/zero_columns, packing/coherence, packing/welch_ratio." in page.text
    assert "e+400" in page.text
    assert "Left out: 1 incomplete row of metrics.csv." in page.text
    assert "training_curves" in page.images
    assert "map" in page.data
    for damaged in ("[" * 200_000, "{"):
        (made_run.folder / "summary.json").write_text(damaged)
        assert "summary.json is damaged: it is not JSON." in read(made_run.folder).text
