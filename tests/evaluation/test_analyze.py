"""Looking at finished runs again: the same numbers, other documents, one word, models side by side, and what is refused."""

import csv
import shutil
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from safetensors.torch import load_file, save_file
from sklearn.linear_model import Ridge

from bows.analysis.catalog import metric
from bows.analysis.ring import cyclic_order
from bows.data.factories import files
from bows.errors import BowsError
from bows.evaluation.analyze import analyze
from bows.files import read_json, write_json
from bows.runs.folder import find_run
from bows.runs.reload import load_autoencoder

from ..conftest import RING
from ..support.commands import environment


@pytest.fixture(scope="module")
def words(outputs, words) -> list[str]:
    full = ["analysis=full", "analysis.permutations=99", "analysis.null_permutations=99"]
    return [f"outputs={outputs}", *words, "data.val_fraction=0.3", "trainer=cpu", "logger=none", *full]


@pytest.fixture(scope="module")
def relu(outputs, words, trained) -> Path:
    return trained(outputs / "relu", *words, "wd=0.1", "seed=3")


@pytest.fixture(scope="module")
def linear(outputs, words, trained) -> Path:
    return trained(outputs / "linear", *words, "model=linear", "wd=0.1", "analysis.figures=false")


@pytest.fixture
def copied(relu, tmp_path) -> Path:
    """A run folder that a test may spoil: moved, too."""
    return Path(shutil.copytree(relu, tmp_path / "elsewhere"))


def test_the_same_numbers_come_without_training(relu, outputs, tmp_path, look):
    folder = look(tmp_path / "again", f"run={relu}", f"outputs={outputs}")
    before, after = read_json(relu / "summary.json"), read_json(folder / "summary.json")
    measured = {name for name in before if not name.startswith(("speed/", "train/")) and name != "epoch"}
    groups = {name.partition("/")[0] for name in measured}
    known = "reconstruction interference baseline capacity packing alignment ring prediction cluster regime"
    assert groups == set(known.split())
    assert {name: after[name] for name in measured} == pytest.approx(
        {name: before[name] for name in measured}, rel=1e-9
    )
    assert pq.read_table(folder / "words.parquet").equals(pq.read_table(relu / "words.parquet"))
    assert (folder / "regimes.csv").read_text() == (relu / "regimes.csv").read_text()
    assert (folder / "figures" / "regimes.png").is_file()
    assert "training_curves.png" not in {path.name for path in (folder / "figures").iterdir()}


def test_every_metric_of_the_definitions_is_there(relu):
    summary = read_json(relu / "summary.json")
    named = [
        "reconstruction/loss",
        "reconstruction/r2",
        "reconstruction/r2_linear",
        "reconstruction/r2_rectified",
        "reconstruction/read_out_penalty",
        "reconstruction/r2_one_hot",
        "reconstruction/relu_gain",
        "reconstruction/false_positive_rate",
        "reconstruction/false_negative_rate",
        "capacity/features_per_dimension",
        "capacity/dimensionality_mean",
        "capacity/represented_fraction",
        "capacity/participation_ratio",
        "capacity/effective_rank",
        "packing/off_diagonal_norm",
        "packing/interference_rms",
        "packing/coherence",
        "packing/welch_ratio",
        "packing/mean_max_cosine",
        "packing/antipodal_fraction",
        "alignment/covariance_cosine",
        "alignment/cka",
        "alignment/rsa",
        "alignment/rsa_p",
        "alignment/pca_distance",
        "interference/gap",
        "interference/gap_stratified",
        "interference/gap_independent",
        "interference/rescued",
        "interference/filtered",
        "interference/filtered_given_pushed",
        "interference/filtered_energy",
        "interference/filtered_independent",
        "interference/absent_energy",
        "interference/energy_ratio",
        "interference/constructive_energy",
        "interference/destructive_energy",
        "ring/months/order",
        "ring/months/order_p",
        "ring/months/planarity",
        "ring/months/procrustes",
        "ring/months/circulance",
        "prediction/months/order",
        "prediction/months/order_p",
        "cluster/cooccurrence_ami",
        "regime/absent",
        "regime/linear",
        "regime/antipodal",
        "regime/orthogonal",
        "regime/mixed",
    ]
    assert [name for name in named if name not in summary] == []
    assert all(np.isfinite(value) for value in summary.values())
    assert [
        name for name in summary if name != "epoch" and not metric(name).meaning
    ] == []  # the report says what each is


def test_the_numbers_follow_from_the_run_folder_alone(relu, tiny_text, outputs):
    """R^2 of the read-outs and the regimes, recomputed from model.safetensors with plain numpy."""
    tensors = load_file(relu / "model.safetensors")
    weight, bias = tensors["encoder.weight"].double().numpy(), tensors["decoder.bias"].double().numpy()
    run = find_run(relu)
    data = files(**{key: value for key, value in run.config["data"].items() if key != "_target_"})
    bags = np.concatenate([part.numpy() for part in data.windows("validation").batches(64)]).astype(float)
    training = np.concatenate([part.numpy() for part in data.windows("train").batches(64)]).astype(float)
    summary = read_json(relu / "summary.json")
    rebuilt = np.maximum(bags @ weight.T @ weight + bias, 0)
    total = ((bags - bags.mean(0)) ** 2).sum()
    assert summary["reconstruction/r2"] == pytest.approx(1 - ((bags - rebuilt) ** 2).sum() / total, abs=1e-5)
    latent = training @ weight.T
    centred = latent - latent.mean(0)
    penalty = summary["reconstruction/read_out_penalty"] * centred.var(0).mean() * np.eye(len(weight))
    fit = np.linalg.solve(
        centred.T @ centred / len(latent) + penalty, centred.T @ (training - training.mean(0)) / len(latent)
    )
    read_out = (bags @ weight.T - latent.mean(0)) @ fit + training.mean(0)
    assert summary["reconstruction/r2_linear"] == pytest.approx(1 - ((bags - read_out) ** 2).sum() / total, abs=1e-5)
    rectified = 1 - ((bags - np.maximum(read_out, 0)) ** 2).sum() / total
    assert summary["reconstruction/r2_rectified"] == pytest.approx(rectified, abs=1e-5)
    ones = np.eye(len(bias))
    one_hot = np.maximum(weight.T @ weight + bias, 0)
    error = ((ones - one_hot) ** 2).sum() / ((ones - ones.mean(0)) ** 2).sum()
    assert summary["reconstruction/r2_one_hot"] == pytest.approx(1 - error, abs=1e-4)
    table = pq.read_table(relu / "words.parquet").to_pydict()
    counted = [regime for regime in table["regime"] if regime is not None]
    for regime in ("absent", "linear", "antipodal", "orthogonal", "mixed"):
        assert summary[f"regime/{regime}"] == pytest.approx(counted.count(regime) / len(counted))


def test_the_shape_of_the_months_is_predicted_from_their_counts(relu):
    run = find_run(relu)
    data = files(**{key: value for key, value in run.config["data"].items() if key != "_target_"})
    bags = np.concatenate([part.numpy() for part in data.windows("validation").batches(64)]).astype(float)
    months = bags[:, [run.vocabulary.index(month) for month in RING]]
    block = np.zeros((12, 12))
    for first in range(12):
        for second in set(range(12)) - {first}:
            together = (months[:, first] * months[:, second]).mean()
            expected = months[:, first].mean() * months[:, second].mean()
            block[first, second] = (together - expected) / ((together + expected) / 2)
    circulant = sum(np.roll(block, (turn, turn), (0, 1)) for turn in range(12)) / 12
    circulant -= np.linalg.eigvalsh(circulant)[0] * np.eye(12)
    around = np.eye(12) - 1 / 12
    values = np.linalg.eigvalsh(around @ circulant @ around)
    wave = np.cos(2 * np.pi * np.arange(12) / 12)
    summary = read_json(relu / "summary.json")
    assert summary["prediction/months/planarity"] == pytest.approx(values[-2:].sum() / values.sum(), rel=1e-6)
    once = 2 * (wave @ circulant @ wave) / (wave @ wave) / values.sum()
    assert summary["prediction/months/first_frequency"] == pytest.approx(once, rel=1e-6)
    vectors = np.linalg.eigh(block - np.linalg.eigvalsh(block)[0] * np.eye(12))
    directions = vectors[1] * np.sqrt(vectors[0].clip(0))
    directions = directions / np.linalg.norm(directions, axis=1, keepdims=True)
    left = np.linalg.svd(directions - directions.mean(0))[0] * np.linalg.svd(directions - directions.mean(0))[1]
    order = cyclic_order(np.arctan2(left[:, 1], left[:, 0]))
    assert summary["prediction/months/order"] == pytest.approx(order, rel=1e-6)


def test_a_set_is_tested_as_the_cycle_or_the_line_that_it_is(relu, outputs, tmp_path, look, caplog):
    vocabulary = (relu / "vocabulary.txt").read_text().split()
    index = torch.linalg.svd(load_file(relu / "model.safetensors")["encoder.weight"].T).U[:, 0].argsort().tolist()
    line = ",".join(vocabulary[place_] for place_ in index[:4] + index[-4:])
    few = ",".join(vocabulary[:5])
    caplog.set_level("INFO")
    found = read_json(
        look(
            tmp_path / "sets", f"run={relu}", f"outputs={outputs}", "analysis=quick", "analysis.groups=[ring]", "analysis.permutations=999",
            f"+analysis.sets.line=[{line}]", f"+analysis.sets.cycle=[{line}]", f"+analysis.sets.few=[{few}]", "analysis.linear_sets=[line]",
        )
        / "summary.json"
    )  # fmt: skip
    scores = {
        name: {key: found[f"ring/{name}/{key}"] for key in ("line_order_p", "order_p", "closure", "shape")}
        for name in ("line", "cycle")
    }
    for name, rule in scores.items():
        p = rule["line_order_p" if name == "line" else "order_p"]
        assert (rule["shape"] == 0) == (p > 0.05) or (name == "cycle" and rule["closure"] >= 0.5)
    assert scores["line"]["shape"] in (0, 1, 2)
    assert found["ring/few/order_p_lowest"] == pytest.approx(1 / 12)
    assert "whose cyclic order cannot reach p < 0.05: few" in caplog.text


def test_other_documents_are_measured_with_the_runs_words(
    relu, outputs, tiny_text, text_file, tmp_path, composed, look
):
    rows = tiny_text.read_text(encoding="utf-8").splitlines()
    other = text_file([*rows[::-1][:200], "a row of quite other words that nobody asked for"])
    asked = [f"run={relu}", f"outputs={outputs}", "data=files", f"data.train={other}", "data.min_chars=20"]
    folder = look(tmp_path / "other", *asked, f"data.vocabulary={relu / 'vocabulary.txt'}")
    before, after = read_json(relu / "summary.json"), read_json(folder / "summary.json")
    assert after["capacity/effective_rank"] == before["capacity/effective_rank"]  # the model is the same
    assert after["reconstruction/r2"] != before["reconstruction/r2"]  # the documents are not
    # Window and stride are the run's: the numbers are those of its windows of 4 rows.
    weight, bias = (load_file(relu / "model.safetensors")[name].numpy() for name in ("encoder.weight", "decoder.bias"))
    settings = composed(
        "analyze", *asked, f"data.vocabulary={relu / 'vocabulary.txt'}", "data.window=4", "data.seed=3"
    )["data"]
    data = files(**{key: value for key, value in settings.items() if key != "_target_"})
    bags = np.concatenate([part.numpy() for part in data.windows("validation").batches(64)])
    # The linear read-out is the one of the run's own training documents.
    own = files(**{key: value for key, value in find_run(relu).config["data"].items() if key != "_target_"})
    training = np.concatenate([part.numpy() for part in own.windows("train").batches(64)]).astype(float)
    latent = training @ weight.T
    fit = Ridge(alpha=after["reconstruction/read_out_penalty"] * latent.var(0).mean() * len(latent)).fit(
        latent, training
    )
    error = ((fit.predict(bags @ weight.T) - bags) ** 2).sum() / ((bags - bags.mean(0)) ** 2).sum()
    assert after["reconstruction/r2_linear"] == pytest.approx(1 - error, abs=1e-4)
    loss = ((np.maximum(bags @ weight.T @ weight + bias, 0) - bags) ** 2).mean()
    assert after["reconstruction/loss"] == pytest.approx(loss, rel=1e-4)


def test_another_vocabulary_is_refused_with_the_count_of_words_shared(relu, outputs, tmp_path, look):
    with pytest.raises(
        BowsError,
        match=r"data=circular: its vocabulary .* 0 of the run's \d+ words are shared; these features are not its words",
    ):
        look(tmp_path / "a", f"run={relu}", "data=circular", f"outputs={outputs}")


def test_documents_with_words_of_their_own_are_refused(relu, outputs, tiny_text, tmp_path, look):
    with pytest.raises(BowsError, match=r"data=.*: its vocabulary .* \d+ of the run's \d+ words are shared"):
        look(
            tmp_path / "a",
            f"run={relu}",
            "data=files",
            f"data.train={tiny_text}",
            "data.vocab_size=20",
            "data.min_chars=20",
            f"outputs={outputs}",
        )


def test_one_word_is_explained(relu, outputs, tmp_path, capsys, look):
    folder = look(tmp_path / "word", f"run={relu}", f"outputs={outputs}", "word=january", "context=[snow,February]")
    explained = read_json(folder / "explanation.json")
    assert explained["word"] == "January"  # lower case finds it
    tensors = load_file(relu / "model.safetensors")
    weight, bias = tensors["encoder.weight"].double(), tensors["decoder.bias"].double()
    vocabulary = (relu / "vocabulary.txt").read_text().split()
    january, snow, february = (vocabulary.index(word) for word in ("January", "snow", "February"))
    gram = weight.T @ weight
    assert explained["bias"] == pytest.approx(float(bias[january]), abs=1e-6)
    assert explained["self"] == pytest.approx(float(gram[january, january]), abs=1e-5)
    assert explained["contributions"] == pytest.approx(
        {"snow": float(gram[january, snow]), "February": float(gram[january, february])}, abs=1e-5
    )
    points = explained["pre_activation"]
    context = float(gram[january, snow] + gram[january, february] + bias[january])
    assert points["context_without_word"] == pytest.approx(context, abs=1e-5)
    assert points["with_context"] == pytest.approx(context + explained["self"], abs=1e-5)
    assert points["alone"] == pytest.approx(explained["bias"] + explained["self"], abs=1e-5)
    assert explained["not_additive"] == pytest.approx(0, abs=1e-5)
    row = next(row for row in pq.read_table(relu / "words.parquet").to_pylist() if row["word"] == "January")
    assert explained["r2"] == pytest.approx(row["r2"], abs=1e-5)
    assert explained["r2_one_hot"] == pytest.approx(row["r2_one_hot"], abs=1e-4)
    assert explained["held_out"]["filtered"] == pytest.approx(row["filtered"], abs=1e-9)
    assert explained["helped_by"] == row["helped_by"]
    assert f"its loss would rise most without the interference of: {row['helped_by']}" in (
        printed := capsys.readouterr().out
    )
    windows = explained["held_out"]["windows_with"] + explained["held_out"]["windows_without"]
    assert explained["held_out"]["windows_with"] / windows == pytest.approx(row["frequency"])
    histogram = pq.read_table(folder / "histogram.parquet").to_pydict()
    assert sum(histogram["with_word"]) == explained["held_out"]["windows_with"]
    assert sum(histogram["without_word"]) == explained["held_out"]["windows_without"]
    parts = pq.read_table(folder / "explanation.parquet").to_pylist()
    assert [part["part"] for part in parts] == ["bias", "self", "context", "context"]
    assert (folder / "figures" / "explanation.png").is_file()
    for text in ("bias", "itself (January)", "snow", "random contexts", "R² over the one-word bags", "the ReLU sets"):
        assert text in printed


def test_a_word_alone_needs_no_context(linear, outputs, tmp_path, capsys, look):
    folder = look(tmp_path / "word", f"run={linear}", f"outputs={outputs}", "word=May")
    explained = read_json(folder / "explanation.json")
    assert explained["context"] == []
    assert "random_contexts" not in explained
    assert explained["held_out"]["removed_by_relu"] is None
    assert "no ReLU" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (["word=Januray"], "word=Januray: there is no such word .* nearest spellings: January"),
        (["word=qqqqq"], "word=qqqqq: there is no such word .* it has .* words"),
        (["word=May", "context=[snwo]"], "context=snwo: .* nearest spellings: snow"),
        (["word=May", "context=[snow,may]"], "context=May: each word may be given once"),
        (["word=May", "context=[snow,snow]"], "context=snow: each word may be given once"),
        (["context=[snow]"], "a context needs a word"),
        (["against=[pca,pca]"], "against=pca: it is given twice"),
    ],
)
def test_words_that_cannot_be_explained(relu, outputs, tmp_path, asked, said, look):
    with pytest.raises(BowsError, match=said):
        look(tmp_path / "word", f"run={relu}", f"outputs={outputs}", *asked)
    assert list((tmp_path / "word").iterdir()) == []


def test_models_of_one_size_side_by_side(relu, linear, outputs, tmp_path, capsys, look):
    folder = look(tmp_path / "against", f"run={relu}", f"outputs={outputs}", f"against=[pca,{linear}]")
    with (folder / "comparison.csv").open(newline="") as file:
        rows = {row["metric"]: row for row in csv.DictReader(file)}
    names = [name for name in rows["reconstruction/r2"] if name != "metric"]
    assert names == ["tied wd=0.1", "pca", "pca_relu", "tied wd=0.1 (2)"]
    for name, run in ((names[0], relu), (names[3], linear)):
        summary = read_json(run / "summary.json")
        for key in ("reconstruction/r2", "interference/gap", "packing/coherence", "alignment/rsa"):
            assert float(rows[key][name]) == pytest.approx(summary[key], rel=1e-6)
    # PCA is the best linear model of its size on the training windows; its W^T W is a projector.
    assert float(rows["capacity/participation_ratio"]["pca"]) == pytest.approx(4, abs=1e-4)
    words = {row["word"]: row for row in pq.read_table(folder / "comparison_words.parquet").to_pylist()}
    own = {row["word"]: row for row in pq.read_table(relu / "words.parquet").to_pylist()}
    other = {row["word"]: row for row in pq.read_table(linear / "words.parquet").to_pylist()}
    for word in ("January", "snow"):
        assert words[word][f"gain over {names[3]}"] == pytest.approx(own[word]["r2"] - other[word]["r2"], abs=1e-6)
        assert words[word]["regime"] == own[word]["regime"]
    gains = (folder / "comparison_gains.csv").read_text().splitlines()
    assert len(gains) == 4
    gain, low, high = (float(cell) for cell in gains[1].replace('"', "").split(",")[1:4])
    assert low < gain < high
    assert gain == pytest.approx(
        float(rows["reconstruction/r2"][names[0]]) - float(rows["reconstruction/r2"]["pca"]), abs=1e-5
    )
    for name in ("comparison_deciles", "gain_by_word_1", "gain_by_word_2", "gain_by_word_3"):
        assert (folder / "figures" / f"{name}.png").is_file()
    for name in ("comparison_deciles.csv", "comparison_regimes.csv"):
        assert (folder / name).read_text().count("\n") > 1
    printed = capsys.readouterr().out
    assert "gain most" in printed
    assert "absent: R² < 0.05" in printed


def test_a_comparison_on_words_that_are_in_every_window(tmp_path, text_file, trained, look, capsys):
    text = text_file(["alpha beta gamma"] * 40)
    words = ["data=files", "data.min_chars=0", "data.window=1", "latent=2", "epochs=1", "logger=none", "analysis=none"]
    run = trained(
        tmp_path / "run", *words, f"data.train={text}", f"outputs={tmp_path}", f"data.folder={tmp_path / 'c'}"
    )
    folder = look(tmp_path / "against", f"run={run}", f"outputs={tmp_path}", "against=[pca]")
    assert "R² is defined of no word" in capsys.readouterr().out
    assert "regime/words" in (folder / "comparison.csv").read_text()
    assert not list(folder.glob("figures/comparison_deciles*"))


def test_models_of_other_sizes_are_not_compared(relu, words, outputs, tmp_path, trained, look):
    larger = trained(tmp_path / "larger", *words, "latent=5", "epochs=1", "analysis=none")
    with pytest.raises(BowsError, match=r"against=.*larger: it has 5 latent dimensions, run=.* has 4"):
        look(tmp_path / "a", f"run={relu}", f"outputs={outputs}", f"against=[{larger}]")


@pytest.mark.parametrize(
    ("model", "further"),
    [
        ("untied", []),
        ("deep", ["model.hidden=6"]),
        ("pca", []),
        ("relu_latent", []),
        ("sigmoid", []),
        ("tied", ["model.bias=false"]),
        ("gain", ["latent=30"]),  # as many as words: a matrix and its transpose have one shape
    ],
)
def test_every_kind_of_model_comes_back_from_its_file(model, further, words, outputs, tmp_path, trained, look):
    folder = trained(tmp_path / model, *words, f"model={model}", "epochs=1", "analysis.figures=false", *further)
    again = look(tmp_path / "again", f"run={folder}", f"outputs={outputs}")
    before, after = read_json(folder / "summary.json"), read_json(again / "summary.json")
    for name, value in after.items():
        if not name.startswith("speed/"):
            assert value == pytest.approx(before[name], rel=1e-6, abs=1e-9), name


def test_what_is_no_finished_run_is_refused(copied, outputs, tmp_path, composed, look):
    asked = composed("analyze", "run=x", f"outputs={outputs}", "analysis=none")

    def refused(folder, said):
        with pytest.raises(BowsError, match=said) as error:
            analyze({**asked, "run": str(folder)}, {"run"}, tmp_path / "a")
        assert "\n" not in str(error.value)

    vocabulary = (copied / "vocabulary.txt").read_bytes()
    (copied / "vocabulary.txt").write_bytes(vocabulary[: vocabulary[:-1].rindex(b"\n") + 1])
    refused(copied, r"model.safetensors: it is of 30 words, but vocabulary.txt has 29: one is damaged")
    (copied / "vocabulary.txt").write_bytes(b"\xff\xfe")
    refused(copied, "its vocabulary.txt cannot be read")
    (copied / "vocabulary.txt").write_bytes(vocabulary)
    refused(tmp_path / "nowhere", "run=.*nowhere: there is no such folder")
    refused(outputs / "corpora", r"this is not a run folder \(it has no status.json\)")
    status = (copied / "status.json").read_text()
    write_json(copied / "status.json", {"state": "failed", "error": "diverged"})
    refused(copied, "not finished .*failed: diverged.* resume=")
    write_json(copied / "status.json", {"state": "running", "error": None})
    refused(copied, "not finished .*running")
    (copied / "status.json").write_text("{")
    refused(copied, "status.json is damaged: it is not JSON; copy the run again")
    (copied / "status.json").write_text(status)
    look(tmp_path / "a", f"run={copied}", f"outputs={outputs}", "analysis=none")  # moved, it is still a run
    for name in ("model.safetensors", "vocabulary.txt", ".hydra/config.yaml"):
        hidden = copied / name
        content = hidden.read_bytes()
        hidden.unlink()
        refused(copied, f"the run folder lacks {name}")
        hidden.write_bytes(content)
    config = read_json(copied / ".hydra" / "config.yaml")
    write_json(copied / ".hydra" / "config.yaml", {**config, "model": {**config["model"], "sparsity": 3}})
    refused(copied, r"its model cannot be made: .*another version of bows \(0.1.0\)")
    write_json(copied / ".hydra" / "config.yaml", {**config, "data": {**config["data"], "charm": 3}})
    refused(copied, "its data cannot be made: .*another version")
    write_json(copied / ".hydra" / "config.yaml", {"seed": 0})
    refused(copied, "has no data; it is of another version")
    write_json(copied / ".hydra" / "config.yaml", {**config, "model": {**config["model"], "latent": 7}})
    refused(copied, r"encoder.weight has the shape \(4, .* ask for \(7, ")
    write_json(copied / ".hydra" / "config.yaml", config)
    (copied / "model.safetensors").write_bytes(b"spoilt")
    refused(copied, "model.safetensors is damaged: it is not a safetensors file")
    save_file({"decoder.bias": torch.zeros(30)}, copied / "model.safetensors")
    refused(copied, "it has no encoder.weight")


def test_a_run_is_analyzed_on_its_own_corpus_though_its_text_is_gone_or_has_changed(
    words, outputs, tiny_text, text_file, tmp_path, caplog, trained, look
):
    text = text_file(tiny_text.read_text(encoding="utf-8").splitlines(), "mine.txt")
    run = trained(tmp_path / "run", *words, f"data.train={text}", f"outputs={tmp_path}", "epochs=1", "analysis=quick")
    lines = text.read_text(encoding="utf-8").splitlines()
    text.write_text("".join(f"{line}\n" for line in lines[::-1]), encoding="utf-8")
    autoencoder = load_autoencoder(find_run(run))
    assert autoencoder.features > 10
    changed = look(tmp_path / "changed", f"run={run}", f"outputs={tmp_path}", "analysis=quick")
    text.rename(tmp_path / "moved.txt")
    gone = look(tmp_path / "gone", f"run={run}", f"outputs={tmp_path}", "analysis=quick")
    losses = [read_json(folder / "summary.json")["reconstruction/loss"] for folder in (run, changed, gone)]
    assert losses == [losses[0]] * 3
    shutil.rmtree(tmp_path / "corpora")
    with pytest.raises(BowsError, match=r"the corpus of run=.* cannot be opened: .*mine.txt.*; give data=<option>"):
        look(tmp_path / "a", f"run={run}", f"outputs={tmp_path}", "analysis=quick")
    # The same rows in another order: the words of the training part are others, or others are held out.
    (tmp_path / "moved.txt").rename(text)
    with pytest.raises(BowsError, match="its vocabulary is not that of"):
        look(tmp_path / "b", f"run={run}", f"outputs={tmp_path}", "analysis=none")


def test_what_the_run_set_for_its_analysis_stays_set(words, outputs, tmp_path, trained, look):
    run = trained(
        tmp_path / "run", *words, "+analysis.sets.pair=[snow,frost,rain]", "epochs=1", "analysis=quick", "seed=5"
    )
    again = look(tmp_path / "again", f"run={run}", f"outputs={outputs}")
    summary = read_json(again / "summary.json")
    assert "ring/pair/order" in summary
    assert (
        summary["ring/months/order_p"] == read_json(run / "summary.json")["ring/months/order_p"]
    )  # 99 permutations, seed 5


CIRCULAR = ["data=circular", "data.relabel=true", "latent=3", "lr=1e-2", "wd=1", "epochs=40", "optimizer.clip_norm=1",
            "trainer=cpu", "logger=none", "analysis=none"]  # fmt: skip


def test_a_ring_that_nobody_named_is_found_with_its_order(outputs, tmp_path, capsys, trained, look):
    run = trained(tmp_path / "run", f"outputs={outputs}", *CIRCULAR, "model=linear")
    assert find_run(run).vocabulary != [f"feature{number}" for number in range(12)]  # the index does not tell the place
    folder = look(tmp_path / "scan", f"run={run}", f"outputs={outputs}", "scan=true")
    rings = [row for row in pq.read_table(folder / "found_sets.parquet").to_pylist() if row["kind"] == "ring"]
    assert rings[0]["q"] < 0.05
    places = [int(word.removeprefix("feature")) for word in rings[0]["words"]]
    assert sorted(places) == list(range(12))
    steps = {(after - before) % 12 for before, after in zip(places, [*places[1:], places[0]], strict=True)}
    assert steps in ({1}, {11})
    assert (folder / "figures" / "found_sets.png").is_file()
    assert "found at a false discovery rate under 0.05: " in capsys.readouterr().out


def test_nothing_is_found_where_nothing_is(outputs, tmp_path, capsys, trained, look):
    run = trained(tmp_path / "run", f"outputs={outputs}", *CIRCULAR, "data=iid", "epochs=10")
    folder = look(tmp_path / "scan", f"run={run}", f"outputs={outputs}", "scan=true")
    assert pq.read_table(folder / "found_sets.parquet").num_rows == 0
    assert (folder / "figures" / "found_sets.png").is_file()  # it says that nothing was found
    assert "0 found at a false discovery rate" in capsys.readouterr().out


def test_a_refused_command_is_one_line_and_leaves_nothing(relu, outputs, run_command):
    before = sorted(relu.rglob("*"))
    for asked, said in (
        ([], "run is not set and has no default; give run=<value>"),
        ([f"run={relu}", "word=Januray"], "word=Januray: there is no such word"),
        ([f"run={relu}", "data.window=3"], "data.window: no data is chosen; give data=<option> with it"),
        ([f"run={relu}", "against=[nowhere]"], "against=nowhere: there is no such folder"),
        ([f"run={relu}", "word=null"], "word=null: no word is given"),
        ([f"run={relu}", "model=tied"], "model: there is no such setting"),
        ([f"run={relu}", "data=circular"], "data=circular: its vocabulary is not that of"),
    ):
        done = run_command(["bows.analyze", *asked], env=environment(BOWS_OUTPUTS=str(outputs)))
        assert done.returncode == 2, done.stderr
        assert done.stderr.startswith(f"error: {said}")
        assert done.stderr.count("\n") == 1
    assert sorted(relu.rglob("*")) == before
