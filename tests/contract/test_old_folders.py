"""Folders that an earlier version of bows made are still read: loaded, analyzed, reported, collected, and a sweep of them resumed."""

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import torch
from safetensors.torch import load_file

from bows import collect, report
from bows.errors import SettingError
from bows.runs.folder import find_run
from bows.runs.reload import load_autoencoder

from ..support.commands import environment


def read(path: Path) -> dict:
    return json.loads(path.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def old(old_folders):
    """One copy for the tests that only add to it."""
    return old_folders()


def test_a_run_is_loaded(old):
    run = find_run(old.run)
    assert (run.model, len(run.vocabulary)) == ("tied", 55)
    autoencoder = load_autoencoder(run)
    stored = load_file(old.run / "model.safetensors")
    assert torch.equal(autoencoder.encoder_weight, stored["encoder.weight"])
    assert autoencoder.encoder_weight.shape == (6, 55)


def test_a_run_is_analyzed_and_gives_the_numbers_it_gave(old, look, caplog):
    folder = look(old.root / "analysis", f"run={old.run}", f"outputs={old.outputs}")
    before, after = read(old.run / "summary.json"), read(folder / "summary.json")
    measured = {name for name in before if not name.startswith(("speed/", "train/"))}
    assert measured <= set(after)
    # Without alignment/cka, which earlier versions computed with its bias.
    unchanged = "reconstruction/loss", "reconstruction/r2", "interference/gap", "packing/coherence", "cluster/purity"
    for name in (*unchanged, "capacity/features_per_dimension", "capacity/represented_fraction"):
        assert after[name] == pytest.approx(before[name], rel=1e-4), name
    assert "has changed" not in caplog.text  # the corpus is that of the run


def test_a_classifier_of_pairs_is_known_as_one(old):
    with pytest.raises(SettingError, match=r"model=pair_classifier.* autoencoder"):
        find_run(old.pairs)


@pytest.mark.parametrize("kind", ["run", "pairs", "sweep"])
def test_a_report_is_written(old, kind, capsys):
    folder = getattr(old, kind)
    assert report.main([str(folder)]) == 0
    page = Path(capsys.readouterr().out.strip().splitlines()[-1])
    assert page == folder / "report.html"
    shown = {"run": "reconstruction/r2", "pairs": "classification/accuracy", "sweep": "reconstruction/r2"}
    assert shown[kind] in page.read_text(encoding="utf-8")


def test_a_sweep_is_collected(old, tmp_path):
    assert collect.main([str(old.sweep), "--output", str(tmp_path)]) == 0
    rows = pq.read_table(tmp_path / "results.parquet").to_pylist()
    assert [row["run"] for row in rows] == [str(number) for number in range(8)]
    assert [row["state"] for row in rows] == [
        "completed",
        "completed",
        "failed",
        "missing",
        "completed",
        *["missing"] * 3,
    ]
    assert [(row["model"], row["latent"], row["seed"]) for row in rows] == [
        (model, latent, seed) for model in ("tied", "linear") for latent in (2, 3) for seed in (1, 2)
    ]
    assert rows[2]["error"].startswith("stopped by Ctrl-C")
    assert all(row["reconstruction/r2"] is not None for row in rows if row["state"] == "completed")


def test_runs_are_collected(old, tmp_path):
    assert collect.main([str(old.run), str(old.pairs), "--output", str(tmp_path)]) == 0
    rows = pq.read_table(tmp_path / "results.parquet").to_pylist()
    assert [row["state"] for row in rows] == ["completed", "completed"]
    assert {row["corpus"].partition("-")[0] for row in rows} == {"files", "modular_addition"}


def test_the_same_command_resumes_a_sweep(old_folders, run_command):
    """In its folder: what is completed is not done again, and the rest is done."""
    old = old_folders()
    listed = read(old.sweep / "jobs.json")
    completed = [path.parent for path in old.sweep.glob("*/summary.json")]
    before = {file: file.read_bytes() for folder in completed for file in folder.rglob("*") if file.is_file()}
    # Since then defaults that the results depend on have other values: a job's identity is its configuration.
    default = ["analysis.ridge=0.1", "wd=0.01", f"hydra.sweep.dir={old.sweep}"]
    words = ["bows.train", "-m", *listed["launching"], *listed["command"], *default]
    done = run_command(words, env=environment(BOWS_OUTPUTS=str(old.outputs)))
    assert done.returncode == 0, done.stderr
    assert list((old.outputs / "sweeps").glob("*/*")) == [old.sweep]
    assert {file: file.read_bytes() for file in before} == before
    states = {path.parent.name.partition("-")[0]: read(path)["state"] for path in old.sweep.glob("*/status.json")}
    assert states == {str(number): "completed" for number in range(8)}
    assert len(list(old.sweep.glob("*/status.json"))) == 8
