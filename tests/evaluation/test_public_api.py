"""The public API: the same content as the files of a run folder, the same metrics as bows.analyze, and a light import."""

import json
import subprocess
import sys

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from safetensors.numpy import load_file

import bows
from bows.errors import SettingError

SMALL = [
    "data=files", "data.vocab_size=60", "data.window=4", "data.val_fraction=0.3", "data.min_chars=20", "data.batch_size=16",
    "latent=4", "epochs=3", "lr=1e-2", "trainer=cpu", "logger=none", "analysis=full", "analysis.permutations=49",
    "analysis.null_permutations=49", "seed=5",
]  # fmt: skip


@pytest.fixture(scope="module", params=["tied", "untied"])
def run(request, tmp_path_factory, tiny_text, trained):
    place = tmp_path_factory.mktemp("api")
    model = f"model={request.param}"
    return bows.load_run(trained(place / "run", f"outputs={place}", f"data.train={tiny_text}", *SMALL, model))


def test_a_loaded_run_has_the_content_of_its_files(run):
    tensors = load_file(run.folder / "model.safetensors")
    encoder = tensors["encoder.weight"]
    np.testing.assert_array_equal(run.encoder.numpy(), encoder)
    np.testing.assert_array_equal(run.decoder.numpy(), tensors.get("decoder.weight", encoder.T))
    np.testing.assert_array_equal(run.bias.numpy(), tensors["decoder.bias"])
    assert run.vocabulary == (run.folder / "vocabulary.txt").read_text(encoding="utf-8").split("\n")[:-1]
    assert run.words.equals(pq.read_table(run.folder / "words.parquet"))
    assert run.metrics == json.loads((run.folder / "summary.json").read_text(encoding="utf-8"))
    assert run.config["latent"] == 4
    assert "train/loss" in run.history.column_names
    assert isinstance(run.autoencoder, bows.Autoencoder)
    assert isinstance(run.data.corpus, bows.Corpus)


def test_evaluate_repeats_the_metrics_of_the_run(run):
    found = run.evaluate()
    skipped = ("speed/", "train/")
    expected = {name: value for name, value in run.metrics.items() if not name.startswith(skipped) and name != "epoch"}
    assert {name: found.metrics[name] for name in expected} == pytest.approx(expected, rel=1e-9)
    assert found.words.equals(run.words)


def test_overrides_of_evaluate_are_those_of_the_command(run):
    found = run.evaluate("analysis.groups=[capacity]")
    groups = {name.partition("/")[0] for name in found.metrics}
    assert groups == {"reconstruction", "capacity", "speed"}
    with pytest.raises(SettingError, match=r"analysis\.groups"):
        run.evaluate("analysis.groups=[none_such]")
    with pytest.raises(SettingError, match="not of the form setting=value"):
        run.evaluate("capacity")


def test_any_autoencoder_is_evaluated_on_any_data(run):
    ours = bows.evaluate(run.autoencoder, run.data, seed=5)
    bags = torch.cat(list(run.data.windows("validation").batches(64)))
    rebuilt = torch.relu(bags @ run.encoder.T @ run.decoder.T + run.bias)
    r2 = 1 - (bags - rebuilt).square().sum() / (bags - bags.mean(0)).square().sum()
    assert ours.metrics["reconstruction/r2"] == pytest.approx(float(r2), abs=1e-5)
    assert ours.metrics["capacity/effective_rank"] == pytest.approx(run.metrics["capacity/effective_rank"])


def test_a_folder_that_is_not_a_run_is_refused(tmp_path):
    with pytest.raises(SettingError, match="there is no such folder"):
        bows.load_run(tmp_path / "none")


def test_importing_bows_imports_none_of_its_parts():
    code = (
        "import sys, bows; print(bows.__version__, sorted({'torch', 'pyarrow', 'hydra'} & set(sys.modules)), dir(bows))"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert printed.split(" ", 1)[1].strip() == f"[] {sorted(bows.__all__)}"


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'load_runs'"):
        _ = bows.load_runs
