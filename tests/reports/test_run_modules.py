"""What a run's page is computed from: windows, close-ups, curves, headlines, each by itself."""

import base64
import json
import subprocess
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
import torch
import yaml
from pyarrow import parquet
from safetensors.torch import save_file

from bows.analysis.catalog import metric
from bows.analysis.permutation_null import frequency_deciles
from bows.data.controls import permuted_corpus
from bows.data.corpus import open_corpus
from bows.data.sources.synthetic import synthetic_corpus
from bows.errors import DataError
from bows.reports import explainer, run_charts
from bows.reports import held_out as held_out_module
from bows.reports.explainer import effects, pick_windows, random_context
from bows.reports.findings import findings
from bows.reports.held_out import held_out
from bows.reports.html import json_block, script_of
from bows.reports.run_charts import matrices, unit_diagonal
from bows.reports.run_data import RunData, chosen_words
from bows.reports.run_header import command, headlines, settings, title
from bows.reports.run_report import SCRIPTS, write_report
from bows.runs.folder import read_run

from .conftest import HOSTILE, WINDOW, WORDS


def change(folder, **settings):
    file = folder / ".hydra/config.yaml"
    config = yaml.safe_load(file.read_text(encoding="utf-8"))
    for name, value in settings.items():
        config[name] = config[name] | value if isinstance(value, dict) else value
    file.write_text(yaml.safe_dump(config), encoding="utf-8")


def test_held_out_windows_are_the_corpus_own(made_run):
    windows = held_out(read_run(made_run.folder))
    assert (windows.count, windows.window, windows.words) == (len(made_run.bags), WINDOW, len(WORDS))
    assert (windows.present.toarray() == made_run.bags).all()
    assert windows.first_rows.tolist() == list(range(len(made_run.bags)))
    assert windows.description == f"all {len(made_run.bags)} held-out windows"
    assert replace(windows, count=1000).description == f"{len(made_run.bags)} of 1,000 held-out windows, evenly spaced"


def test_held_out_windows_of_a_control_and_of_another_corpus(made_run, monkeypatch):
    folder = made_run.folder
    corpus = permuted_corpus(open_corpus(folder.parents[2] / "corpora/tiny-0123456789ab"), None, False, seed=1)
    change(folder, data={"shuffle": "within_word", "rewire": None})
    status = json.loads((folder / "status.json").read_text())
    (folder / "status.json").write_text(json.dumps(status | {"corpus": corpus.hash}))
    windows = held_out(read_run(folder))
    assert windows.present.sum() != made_run.bags.sum()
    held_out_module._windows.cache_clear()
    monkeypatch.setattr(held_out_module, "MOST_PERMUTED", 10)
    with pytest.raises(DataError, match="so large a corpus"):
        held_out(read_run(folder))
    monkeypatch.undo()
    change(folder, data={"seed": 2})
    with pytest.raises(DataError, match="no longer in the folder corpora"):
        held_out(read_run(folder))
    (folder / "status.json").write_text("{}")
    with pytest.raises(DataError, match="does not contain the corpus"):
        held_out(read_run(folder))


def test_held_out_windows_of_synthetic_data_are_made_again(made_run):
    settings = {"name": "circular", "structure": "circular", "features": 12, "train_rows": 30, "validation_rows": 40, "sharpness": 2.0,
                "log_odds": -1.0, "seed": 5}  # fmt: skip
    corpus = synthetic_corpus(**settings)
    folder = made_run.folder
    config = yaml.safe_load((folder / ".hydra/config.yaml").read_text(encoding="utf-8"))
    config["data"] = {"_target_": "bows.data.factories.synthetic", **settings, "relabel": False}
    (folder / ".hydra/config.yaml").write_text(yaml.safe_dump(config))
    (folder / "words.parquet").unlink()
    (folder / "vocabulary.txt").write_text("".join(f"{word}\n" for word in corpus.vocabulary))
    (folder / "status.json").write_text(json.dumps({"state": "completed", "corpus": corpus.hash}))
    windows = held_out(read_run(folder))
    bags = corpus.split("validation")
    assert windows.present.shape == (40, 12)
    assert windows.present.indices.tolist() == bags.indices.tolist()
    (folder / "status.json").write_text(json.dumps({"state": "completed", "corpus": "other"}))
    with pytest.raises(DataError, match="has changed since"):
        held_out(read_run(folder))


def test_effects_of_a_linear_and_of_a_nonlinear_encoder(made_run):
    run = RunData(made_run.folder)
    chosen = np.array([3, 14])
    windows = held_out(run.run)
    found = effects(run, windows, chosen)
    gram = made_run.encoder.T @ made_run.encoder
    assert found.exact
    assert found.matrix == pytest.approx(gram[chosen], abs=1e-5)
    assert found.pre_activation == pytest.approx((made_run.bags @ gram + made_run.bias)[:, chosen], abs=1e-4)
    change(made_run.folder, model={"latent_activation": "relu"})
    found = effects(RunData(made_run.folder), windows, chosen)
    latent = np.maximum(made_run.bags @ made_run.encoder.T, 0)
    assert not found.exact
    assert found.pre_activation == pytest.approx((latent @ made_run.encoder + made_run.bias)[:, chosen], abs=1e-4)


def test_effects_of_an_untied_model(made_run):
    change(made_run.folder, model={"_target_": "bows.model.untied.Untied"})
    decoder = np.random.default_rng(0).standard_normal((len(WORDS), len(made_run.encoder))).astype(np.float32)
    save_file({"encoder.weight": torch.from_numpy(made_run.encoder), "decoder.weight": torch.from_numpy(decoder),
               "decoder.bias": torch.from_numpy(made_run.bias)}, made_run.folder / "model.safetensors")  # fmt: skip
    run = RunData(made_run.folder)
    found = effects(run, held_out(run.run), np.array([7]))
    assert found.exact
    assert found.matrix == pytest.approx((decoder @ made_run.encoder)[[7]], abs=1e-4)


def test_a_random_context_is_what_drawing_gives():
    generator = np.random.default_rng(0)
    effect, frequency = generator.standard_normal(400), generator.random(400)
    deciles, word, context = frequency_deciles(frequency), 11, [5, 80, 200, 333, 12]
    mean, variance = random_context(effect, word, deciles)
    drawn = np.bincount(deciles[context], minlength=10)
    pools = [np.setdiff1d(np.flatnonzero(deciles == deciles[each]), [word]) for each in context]
    sums = sum(effect[generator.choice(pool, 20_000)] for pool in pools)
    assert drawn @ mean == pytest.approx(sums.mean(), abs=0.05)
    assert np.sqrt(drawn @ variance) == pytest.approx(sums.std(), rel=0.1)
    effect[word] = 1e6  # the word itself is never drawn
    assert random_context(effect, word, deciles)[0] == pytest.approx(mean)


def test_what_is_not_shown_one_by_one_is_summed(made_run, monkeypatch):
    monkeypatch.setattr(explainer, "MOST_CONTEXT", 3)
    run = RunData(made_run.folder)
    run.chosen = np.array([14])
    found = explainer.explained_windows(run)

    def array(name):
        return np.frombuffer(base64.b64decode(found[name]["data"]), f"<{found[name]['kind']}")

    offsets = array("text_offsets").tolist()
    texts = [array("text")[first:last].tolist() for first, last in pairwise(offsets)]
    rows = [row + step for row in array("row").tolist() for step in range(WINDOW)]
    assert texts == [np.flatnonzero(made_run.rows[row]).tolist() for row in rows]
    gram = made_run.encoder.T @ made_run.encoder
    for example, row in enumerate(array("row").tolist()):
        added = np.array([gram[14, word] for word in np.flatnonzero(made_run.bags[row]) if word != 14])
        rest = added[np.argsort(-np.abs(added))[3:]]
        assert array("rest_count")[example] == len(rest)
        assert array("rest")[example] == pytest.approx(rest.sum(), abs=1e-5)
        assert array("rest_helping")[example] == pytest.approx(rest[rest > 0].sum(), abs=1e-5)
        assert array("values")[slice(*array("offsets")[example : example + 2])] == pytest.approx(
            added[np.argsort(-np.abs(added))[:3]], abs=1e-5
        )


def test_windows_are_picked_at_quantiles():
    pre_activation = np.arange(20.0)
    present = np.arange(20) >= 9  # eleven windows with the word: 9 to 19
    picked = [(each.window, each.present, each.quantile) for each in pick_windows(pre_activation, present)]
    assert picked == [(10, True, 0.1), (14, True, 0.5), (18, True, 0.9), (4, False, 0.5), (8, False, 1.0)]
    assert [each.window for each in pick_windows(np.zeros(1), np.array([True]))] == [0]


def test_chosen_words_take_sets_first_and_then_turns():
    frequency = np.linspace(1, 0, 50)
    chosen = chosen_words(50, {"set": [40, 41, 42]}, {"one": [30, 31], "two": [20, 49]}, [45], frequency, most=10)
    # the set, the word asked for, then by turns: the most frequent of all, of one and of two
    assert chosen.tolist() == sorted([40, 41, 42, 45, 0, 30, 20, 1, 31, 49])
    assert chosen_words(50, {}, {}, [], None, most=3).tolist() == [0, 1, 2]
    assert chosen_words(3, {}, {}, [], None).tolist() == [0, 1, 2]


def test_matrices_are_cosines_and_correlations_of_the_set_that_is_best_in_order(made_run, monkeypatch):
    drawn = {}
    original = run_charts.word_matrices
    monkeypatch.setattr(run_charts, "word_matrices", lambda columns: drawn.update(columns) or original(columns))
    chart = matrices(RunData(made_run.folder))
    assert chart.caption.startswith("months: ")
    panels = np.array(drawn["value"]).reshape(2, 12, 12)
    assert drawn["row"][:13] == ["January"] * 12 + ["February"]
    unit = made_run.encoder[:, :12] / np.linalg.norm(made_run.encoder[:, :12], axis=0)
    assert panels[0] == pytest.approx(unit.T @ unit, abs=1e-5)
    assert panels[1] == pytest.approx(np.corrcoef(made_run.bags[:, :12].T), abs=1e-5)
    assert unit_diagonal(np.zeros((2, 2))).tolist() == [[0, 0], [0, 0]]


def test_headlines_and_what_they_are_held_against():
    summary = {"reconstruction/loss": 0.03, "reconstruction/r2": 0.4, "packing/interference_rms": 0.2, "ring/a/order_p": 0.01,
               "ring/b/order_p": 0.5, "cluster/purity": 0.4, "cluster/purity_null": 0.1, "cluster/purity_z": 7.0, "other": 1.0}  # fmt: skip
    found = {each.title: each for each in headlines(summary, latent=25)}
    assert found["Held-out loss (MSE per cell)"].null == "word frequencies alone 0.05"  # 0.03 / (1 - 0.4)
    assert found["Typical cosine of two words (RMS)"].null == "random directions 0.2"  # 1 / sqrt(25)
    assert found["Neighbours of the same category"].null == "labels permuted within frequency deciles 0.1; z 7"
    rings = found["Ordered sets in cyclic order"]
    assert (rings.value, rings.null) == (1.0, "random orders 0.1 expected")
    assert metric("other").label not in found
    assert headlines({}, None) == []


def test_a_job_of_a_sweep_is_titled_by_what_was_varied(made_run):
    folder = made_run.folder
    assert title(RunData(folder)) == (folder.name, "")
    jobs = [
        {"folder": name, "overrides": ["model=tied", f"wd={wd}", "epochs=2"], "config": "0"}
        for name, wd in ((folder.name, 0.5), ("other", 1))
    ]
    (folder.parent / "jobs.json").write_text(json.dumps({"jobs": jobs}))
    assert title(RunData(folder)) == ("wd=0.5", folder.parent.name)
    page = write_report(folder).read_text(encoding="utf-8")
    assert "<h1>wd=0.5</h1>" in page
    assert f'Job {folder.name} of the sweep <a href="../report.html">{folder.parent.name}</a>' in page
    (folder.parent / "jobs.json").write_text("{")
    assert title(RunData(folder)) == (folder.name, folder.parent.name)


def test_training_time_of_a_stack_is_not_the_time_from_start_to_end(made_run):
    assert ("duration", "12.25 seconds") in settings(RunData(made_run.folder))
    summary = json.loads((made_run.folder / "summary.json").read_text())
    (made_run.folder / "summary.json").write_text(json.dumps(summary | {"speed/seconds": 1}))
    found = dict(settings(RunData(made_run.folder)))
    assert (found["training time"], found.get("duration")) == ("1 second", None)


def test_the_command_can_be_pasted(made_run):
    overrides = ['data.include=[it\'s, "a b"]', "resume=old", "wd=1e-3", "outputs=/elsewhere"]
    (made_run.folder / ".hydra/overrides.yaml").write_text(yaml.safe_dump(overrides))
    told = command(RunData(made_run.folder))
    said = subprocess.run(
        ["bash", "-c", told.replace("python -m bows.train", "printf '%s\\n'")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stdout.splitlines() == [overrides[0], overrides[2]]


def test_no_text_ends_a_block_of_json():
    value = {"</script><!--": "\u2028 & <b> \ud800"}
    text = json_block(value)
    assert not set("<>&\u2028") & set(text)
    assert json.loads(text) == {"</script><!--": "\u2028 & <b> ?"}


def test_the_script_can_stand_in_a_page():
    script = script_of(SCRIPTS)
    assert "</script" not in script.lower()
    assert "<!--" not in script
    assert "innerHTML" not in script
    assert "eval(" not in script


def test_a_table_of_odd_columns(made_run):
    made_run.rewrite_words(pa.table({"word": WORDS, "flag": [True, None] * 30, "list": [["a", "b"]] * 60, "whole": list(range(60)),
                                     "nothing": pa.nulls(60, pa.float64())}))  # fmt: skip
    from bows.reports.run_words import word_columns

    found = word_columns(RunData(made_run.folder))
    assert found["unmeasured"] == ["nothing"]
    assert {column["name"]: column.get("values") for column in found["columns"]} == {
        "flag": ["yes"],
        "list": ["a, b"],
        "whole": None,
    }


def analysis(run, name: str, **files: object) -> None:
    """Write the folder of an analysis: parquet tables, JSON and text by file name, _ for the dot."""
    folder = run.folder / "analysis" / name
    (folder / ".hydra").mkdir(parents=True)
    (folder / ".hydra" / "overrides.yaml").write_text("[]")
    for file, content in files.items():
        path = folder / file.replace("__", ".")
        if isinstance(content, pa.Table):
            parquet.write_table(content, path)
        else:
            path.write_text(content if isinstance(content, str) else json.dumps(content))


def found_sets(*rows) -> pa.Table:
    names = ("kind", "words", "p", "q")
    return pa.Table.from_pylist([dict(zip(names, row, strict=True)) for row in rows])


def test_what_analyses_found_is_in_the_report_the_newest_first(made_run):
    cluster = ["cluster", ["gull", "ship", "word1"], 1e-4, 0.01]
    analysis(made_run, "2026-01-01", found_sets__parquet=found_sets(["ring", WORDS[:4], 0.5, 0.5]))
    analysis(made_run, "2026-01-02", found_sets__parquet=found_sets(["ring", WORDS[:5], 1e-5, 1e-3], cluster))
    analysis(made_run, "2026-01-03", comparison__csv="metric,tied,pca\nreconstruction/r2,0.5,0.25\ncluster/words,9,\n")
    plane = {f"ablation/months/{group}/r2": 0.5 for group in ("set", "companions", "other")}
    plane |= {"ablation/months/companions_used": 1.0, "ablation/months/set/drop": 0.125}
    analysis(made_run, "2026-01-04", summary__json=plane, ablation__parquet=pa.table({"word": WORDS[:1]}))
    held_out = {"windows_with": 1, "windows_without": 1234, "mean_with": 2, "mean_without": None}
    facts = {"word": HOSTILE[0], "context": ["ship"], "bias": -0.5, "self": 1.25, "contributions": {"ship": 0.25}, "r2": 0.75,
             "pre_activation": {"with_context": 1.0}, "held_out": held_out}  # fmt: skip
    analysis(made_run, "2026-01-05", explanation__json=facts)
    analysis(made_run, "2026-01-06", explanation__json="{")
    found = findings(RunData(made_run.folder))
    word, plane_found, compared, shapes_found = found
    assert [each.folder[-2:] for each in found] == ["05", "04", "03", "02"]
    assert word.title == f"The word {HOSTILE[0]} with ship"
    assert word.text == "1 held-out window with the word, 1,234 without."
    assert ("context: ship", "0.25") in word.rows
    assert plane_found.rows[0] == ("set", "0.5", "–", "–", "0.125", "–", "–", "–", "–")
    assert plane_found.text.endswith("yes.")
    assert compared.rows == [
        (metric("reconstruction/r2").label, "0.5", "0.25"),
        (metric("cluster/words").label, "9", "–"),
    ]
    assert shapes_found.text.startswith("1 ring, 0 lines, 1 cluster at a false discovery rate")
    assert shapes_found.rows == [
        ("months", "ring", ", ".join(WORDS[:5]), "1e-05", "0.001"),
        ("sea", "cluster", "gull, ship, word1", "0.0001", "0.01"),
    ]
    html = write_report(made_run.folder).read_text(encoding="utf-8")
    assert "The plane of months, removed and kept alone" in html
    assert HOSTILE[0] not in html
    groups = json.loads(html.partition('id="data">')[2].partition("</script>")[0])["groups"]
    assert groups["clusters"] == ["sea"]
    codes = np.frombuffer(base64.b64decode(groups["cluster"]["data"]), "<u2")
    assert [WORDS[place] for place in np.flatnonzero(codes == 0)] == ["ship", "gull", "word1"]


def test_metrics_are_the_newest_and_their_origin_is_stated(made_run):
    analysis(made_run, "2026-01-01", summary__json={"reconstruction/r2": 0.75, "cluster/purity_z": 9.0})
    analysis(made_run, "2026-01-02", summary__json={"cluster/purity_z": 12.0, "interference/gap": 0.3})
    (made_run.folder / "analysis/2026-01-03/.hydra").mkdir(parents=True)
    (made_run.folder / "analysis/2026-01-03/.hydra/overrides.yaml").write_text("- data=files\n")
    (made_run.folder / "analysis/2026-01-03/summary.json").write_text('{"interference/gap": 7.0}')
    run = RunData(made_run.folder)
    assert run.newest["reconstruction/r2"] == (0.75, "2026-01-01")
    assert run.newest["cluster/purity_z"] == (12.0, "2026-01-02")
    assert run.newest["interference/gap"] == (0.3, "2026-01-02")
    assert run.newest["reconstruction/loss"] == (0.02, "")
    html = write_report(made_run.folder).read_text(encoding="utf-8")
    assert "Words of one category lie together (z 12)." in html
    assert html.count("From analysis/2026-01-02") == 1  # the card of the gap
    assert html.count("(from analysis/") == 3  # in the table of all metrics
