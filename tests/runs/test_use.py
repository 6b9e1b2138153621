"""A run folder is written by one process, and never over a completed run."""

import signal
from pathlib import Path

from bows.files import read_json
from bows.runs.lock import LOCK

from ..support.commands import Paused

WORDS = [
    "bows.train", "data=circular", "data.train_rows=300", "data.validation_rows=100", "latent=3", "lr=1e-2", "epochs=3",
    "logger=none", "analysis=none",
]  # fmt: skip


def refused(done) -> str:
    assert done.returncode == 2, done.stderr
    (line,) = done.stderr.strip().splitlines()
    return line


def test_a_run_that_is_being_trained_is_not_resumed_and_a_killed_one_is(tmp_path, run_command):
    folder = tmp_path / "run"
    training = Paused(run_command.popen, "step:2", tmp_path / "paused", [*WORDS, f"hydra.run.dir={folder}"])
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    line = refused(run_command(["bows.train", f"resume={folder}"]))
    assert line.startswith(f"error: {folder}: process {training.process.pid} on ")
    assert "is training this run" in line
    assert {path: path.read_bytes() for path in before} == before
    line = refused(run_command([*WORDS, "seed=1", f"hydra.run.dir={folder}"]))
    assert line.startswith(f"error: hydra.run.dir={folder}: process {training.process.pid} on ")
    training.end_by(signal.SIGKILL)
    done = run_command(["bows.train", f"resume={folder}"])
    assert done.returncode == 0, done.stderr
    assert read_json(folder / "status.json")["state"] == "completed"


def test_a_completed_run_is_not_overwritten(tmp_path, run_command):
    folder = tmp_path / "run"
    assert run_command([*WORDS, f"hydra.run.dir={folder}"]).returncode == 0
    weights = (folder / "model.safetensors").read_bytes()
    line = refused(run_command([*WORDS, "seed=1", f"hydra.run.dir={folder}"]))
    assert line == f"error: hydra.run.dir={folder}: this folder contains a completed run; choose another folder"
    assert (folder / "model.safetensors").read_bytes() == weights
    assert "completed; start a new run" in refused(run_command(["bows.train", f"resume={folder}"]))


def test_a_group_may_read_and_lock_a_run(tmp_path, run_command):
    folder = tmp_path / "run"
    script = tmp_path / "shared.py"
    start = "runpy.run_module('bows.train', run_name='__main__')"
    script.write_text(f"import os, runpy, sys\nos.umask(0o002)\nsys.argv = sys.argv[1:]\n{start}\n")
    done = run_command([script, *WORDS, f"hydra.run.dir={folder}"])
    assert done.returncode == 0, done.stderr
    for name in (LOCK, "model.safetensors", "status.json", "vocabulary.txt", "metrics.csv"):
        assert Path(folder / name).stat().st_mode & 0o777 == 0o664, name
