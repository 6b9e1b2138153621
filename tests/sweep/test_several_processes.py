"""A sweep of models that each train in several processes: all processes of a job are of that job, also where others are passed over."""

import json
from pathlib import Path

import pytest

from bows.config.identity import config_key
from bows.files import read_json

WORDS = [
    "data=circular", "data.train_rows=512", "data.validation_rows=100", "lr=1e-2", "epochs=3", "logger=none", "analysis=none",
    "trainer.threads=1",
]  # fmt: skip
TWO = ["trainer=ddp", "trainer.accelerator=cpu", "trainer.devices=2"]


def sweep(run_command, folder: Path, *words: str) -> None:
    done = run_command(["bows.train", "-m", *WORDS, *words, f"hydra.sweep.dir={folder}"])
    assert done.returncode == 0, done.stderr


def losses(folder: Path) -> dict[str, float]:
    """Held-out loss by the number of the job."""
    return {path.parent.name[0]: read_json(path)["reconstruction/loss"] for path in folder.glob("*/summary.json")}


def test_all_processes_of_a_job_are_of_that_job(tmp_path, run_command, compose):
    sweep(run_command, tmp_path / "one", "latent=2,3")
    two = tmp_path / "two"
    (two / "0").mkdir(parents=True)
    done = {"state": "completed", "config": config_key(compose(*WORDS, *TWO, "latent=2"))}
    (two / "0" / "status.json").write_text(json.dumps(done))
    (two / "0" / "summary.json").write_text(json.dumps({"reconstruction/loss": 0.5}))
    sweep(run_command, two, *TWO, "latent=2,3")  # the first is skipped by both processes
    assert losses(two)["1"] == pytest.approx(losses(tmp_path / "one")["1"], rel=1e-3)
    assert losses(two)["0"] == 0.5
    assert {path.parent.name[0] for path in two.glob("*/train_ddp_process_1.log")} == {"1"}
