"""A sweep of models that each train in several processes: all processes of a job are of that job, also where others are passed over."""

from pathlib import Path

import pytest

from bows.files import read_json

from ..support.commands import fresh

WORDS = [
    "data=circular", "data.train_rows=512", "data.validation_rows=100", "lr=1e-2", "epochs=3", "logger=none", "analysis=none",
    "trainer.threads=1",
]  # fmt: skip
TWO = ["trainer=ddp", "trainer.accelerator=cpu", "trainer.devices=2"]


def sweep(run, folder: Path, *words: str) -> None:
    done = run(["bows.train", "-m", *WORDS, *words, f"hydra.sweep.dir={folder}"])
    assert done.returncode == 0, done.stderr


def losses(folder: Path) -> dict[str, float]:
    return {path.parent.name: read_json(path)["reconstruction/loss"] for path in folder.glob("*/summary.json")}


def test_all_processes_of_a_job_are_of_that_job(tmp_path, run_command):
    sweep(run_command, tmp_path / "one", "latent=2,3")
    sweep(fresh, tmp_path / "two", *TWO, "latent=2")
    sweep(fresh, tmp_path / "two", *TWO, "latent=2,3")  # the first is skipped
    assert losses(tmp_path / "two") == pytest.approx(losses(tmp_path / "one"), rel=1e-3)
    for number in ("0", "1"):
        assert (tmp_path / "two" / number / "train_ddp_process_1.log").exists()
