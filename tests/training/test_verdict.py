"""A run whose result is poor states so, with what to try; trainer.weights=best measures the weights of the lowest held-out loss."""

import json
from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import load_file

from bows.config.identity import config_key
from bows.config.validate import check
from bows.runs.status import RunStatus
from bows.tracking.run_labels import Labels
from bows.training.run import complete, train
from bows.training.stack.members import StackJob
from bows.training.stack.train_stack import train_stack
from bows.training.verdict import held_out_losses, verdicts

# A learning rate so high that the held-out loss is lowest after four epochs of seven, and 20 % higher at the end.
OVERFITTED = ["data.vocab_size=60", "data.window=1", "data.min_chars=20", "data.batch_size=16", "latent=4", "epochs=7", "lr=0.3",
              "optimizer.schedule=constant", "wd=0", "logger=none", "analysis=none"]  # fmt: skip


def test_the_lines_name_the_numbers_and_what_to_try():
    assert verdicts({"reconstruction/r2": 0.2}, [(5, 3.0), (11, 2.0), (17, 2.03)], best=False) == []
    below, rose = verdicts({"reconstruction/r2": -0.09}, [(5, 3.0), (11, 2.0), (17, 2.5)], best=False)
    assert below.startswith(
        "held-out R² is -0.09: worse than predicting each word by its frequency; more text, a smaller"
    )
    assert rose.startswith("the held-out loss rose from 2 at step 11 to 2.5: ")
    assert "trainer.weights=best" in rose
    assert verdicts({"reconstruction/r2": 0.2}, [(5, 3.0), (11, 2.0), (17, 2.5)], best=True) == []
    assert verdicts({}, [], best=False) == []


def test_the_validations_are_those_with_a_held_out_loss():
    rows = [(0, {"train/loss": 1.0}), (4, {"reconstruction/loss": 0.5, "epoch": 0}), (9, {"reconstruction/loss": 0.25})]
    assert held_out_losses(rows) == [(4, 0.5), (9, 0.25)]


@pytest.fixture
def words(tiny_text):
    return ["data=files", f"data.train={tiny_text}", *OVERFITTED]


def test_a_loss_that_rose_is_in_status_in_the_report_and_in_the_loggers(compose, words, tmp_path):
    kept = []
    logger = SimpleNamespace(log_files=lambda folder, warnings: kept.extend(warnings))
    status = RunStatus.start(tmp_path, resumed=False)
    train(check(compose(*words)), tmp_path, status, finish=lambda _, warnings: complete(status, [logger], warnings))
    stored = json.loads((tmp_path / "status.json").read_text())["warnings"]
    assert any("the held-out loss rose from" in warning for warning in stored)
    assert kept == stored
    assert "the held-out loss rose from" in (tmp_path / "report.html").read_text()


@pytest.mark.parametrize("stacked", [False, True])
def test_the_best_weights_are_measured_and_saved_where_they_are_asked_for(compose, words, tmp_path, stacked):
    """Alone, and in a stack, whose members have the weights of a run alone."""
    folders = {name: tmp_path / name for name in ("last", "best")}
    for name, folder in folders.items():
        folder.mkdir()
        settings = check(compose(*words, f"trainer.weights={name}"))
        if stacked:
            (outcome,) = train_stack([StackJob(folder, settings, Labels(name, "sweep"))], tmp_path / f"scratch-{name}")
            assert isinstance(outcome, float)
        else:
            train(settings, folder, RunStatus.start(folder, resumed=False))
    weights = {name: load_file(folder / "model.safetensors") for name, folder in folders.items()}
    for name, file in (("best", "best.ckpt"), ("last", "last.ckpt")):
        state = torch.load(folders["last"] / "checkpoints" / file, weights_only=True)["state_dict"]
        assert torch.equal(weights[name]["encoder.weight"], state["autoencoder.weight"].float())
    assert not torch.equal(weights["best"]["encoder.weight"], weights["last"]["encoder.weight"])
    losses = [json.loads((folder / "summary.json").read_text())["reconstruction/loss"] for folder in folders.values()]
    assert losses[1] < losses[0]


def test_runs_of_earlier_versions_keep_their_key(compose, words):
    config = compose(*words)
    earlier = {**config, "trainer": {name: value for name, value in config["trainer"].items() if name != "weights"}}
    assert config_key(earlier) == config_key(config)
    assert config_key(compose(*words, "trainer.weights=best")) != config_key(config)
