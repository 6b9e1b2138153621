"""What carries a sweep out: options compose, and an engine that cannot be had is one line."""

import subprocess
import sys

import pytest

from bows.sweep.launchers import LAUNCHERS


def run(*words: str, **settings) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "bows.train", *words], capture_output=True, text=True, timeout=120, **settings
    )


@pytest.mark.parametrize(
    ("launcher", "setting", "value"),
    [
        ("basic", "stack_members", "3"),
        ("vectorized", "stack_gigabytes", "1.5"),
        ("joblib", "n_jobs", "2"),
        ("submitit_local", "timeout_min", "30"),
        ("submitit_slurm", "partition", "x"),
    ],
)
def test_launchers_compose_with_their_settings(launcher, setting, value):
    words = [
        f"hydra/launcher={launcher}",
        f"hydra.launcher.{setting}={value}",
        "--cfg",
        "hydra",
        "-p",
        "hydra.launcher",
    ]
    done = run(*words)
    assert done.returncode == 0, done.stderr
    printed = dict(line.split(": ", 1) for line in done.stdout.splitlines() if ": " in line)
    assert printed[setting] == value
    assert printed["_target_"] == "hydra_plugins.bows_launcher.SweepLauncher"
    assert printed["engine"] == ("basic" if launcher == "vectorized" else launcher)
    assert printed.keys() >= set(vars(LAUNCHERS[launcher]())) - {"additional_parameters"}


def test_without_a_cluster_slurm_is_refused_in_one_line(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    folder = tmp_path / "sweep"
    words = ["-m", "hydra/launcher=submitit_slurm", "hydra.launcher.partition=x", "wd=1,2", f"hydra.sweep.dir={folder}"]
    done = run(*words)
    assert done.returncode == 2
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("error: hydra/launcher=submitit_slurm: this machine has no sbatch")
    assert not list(folder.glob("*/status.json"))


def test_settings_are_printed_of_one_job_not_of_a_sweep():
    done = run("-m", "wd=1,2", "--cfg", "job")
    assert done.returncode == 2
    assert done.stderr.strip() == "error: --cfg job: it prints the settings of one job; leave -m out"
