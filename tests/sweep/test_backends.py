"""What carries a sweep out: options compose, and an engine that cannot be had is one line."""

import os

import pytest

from bows.config.hydra_internals import LAUNCHER
from bows.config.launchers import LAUNCHERS
from bows.files import read_json


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
def test_launchers_compose_with_their_settings(launcher, setting, value, run_command):
    words = [
        f"hydra/launcher={launcher}",
        f"hydra.launcher.{setting}={value}",
        "--cfg",
        "hydra",
        "-p",
        "hydra.launcher",
    ]
    done = run_command(["bows.train", *words])
    assert done.returncode == 0, done.stderr
    printed = dict(line.split(": ", 1) for line in done.stdout.splitlines() if ": " in line)
    assert printed[setting] == value
    assert printed["_target_"] == LAUNCHER
    assert printed["engine"] == ("basic" if launcher == "vectorized" else launcher)
    assert printed.keys() >= set(vars(LAUNCHERS[launcher]())) - {"additional_parameters"}


def test_without_a_cluster_slurm_is_refused_in_one_line(tmp_path, monkeypatch, run_command):
    monkeypatch.setenv("PATH", str(tmp_path))
    folder = tmp_path / "sweep"
    words = ["-m", "hydra/launcher=submitit_slurm", "hydra.launcher.partition=x", "wd=1,2", f"hydra.sweep.dir={folder}"]
    done = run_command(["bows.train", *words])
    assert done.returncode == 2
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("error: hydra/launcher=submitit_slurm: this machine has no sbatch")
    assert not list(folder.glob("*/status.json"))


# The programs of Slurm that submitit calls, for a cluster that is this machine: sbatch starts each task of an array at once, from a copy,
# as Slurm does: submitit moves its own file when sbatch ends, which may be before a task has opened it.
SLURM = {
    "sbatch": """
        for file; do :; done
        last=$(sed -n 's/^#SBATCH --array=0-\\([0-9]*\\).*/\\1/p' "$file")
        cp "$file" "$(dirname "$0")/submitted"
        for task in $(seq 0 "${last:-0}"); do
          SLURM_JOB_ID=$((7 + task)) SLURM_ARRAY_JOB_ID=7 SLURM_ARRAY_TASK_ID=$task SLURM_NTASKS=1 SLURM_PROCID=0 SLURM_LOCALID=0 \\
          SLURM_NODEID=0 SLURM_JOB_NAME=train SLURM_JOB_NUM_NODES=1 SLURM_JOB_NODELIST=localhost SLURM_NODELIST=localhost \\
          sh "$(dirname "$0")/submitted" > /dev/null 2>&1 &
        done
        echo "Submitted batch job 7"
        """,
    "srun": """
        while true; do
          case "$1" in
            --output|--error) shift 2;;
            -*) shift;;
            *) break;;
          esac
        done
        exec "$@"
        """,
    "sacct": "echo 'JobID|State|NodeList'; echo '7_0|RUNNING|localhost'; echo '7_1|RUNNING|localhost'",
    "scontrol": "echo localhost",
}


def test_a_sweep_goes_through_slurm(tmp_path, monkeypatch, run_command):
    for name, text in SLURM.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    folder = tmp_path / "sweep"
    words = [
        "-m", "data=circular", "data.train_rows=300", "data.validation_rows=100", "wd=1,2,3", "epochs=2",
        "logger=none", "analysis=none",
        "hydra/launcher=submitit_slurm", "hydra.launcher.partition=long", "hydra.launcher.cpus_per_task=3",
        "hydra.launcher.vectorized=true", "hydra.launcher.stack_members=2", f"hydra.sweep.dir={folder}",
    ]  # fmt: skip
    done = run_command(["bows.train", *words])
    assert done.returncode == 0, done.stderr
    assert "sweep of 3 jobs: 3 completed" in done.stderr
    assert [read_json(path)["state"] for path in folder.glob("*/status.json")] == ["completed"] * 3
    asked = (tmp_path / "submitted").read_text()
    assert "#SBATCH --partition=long" in asked
    assert "#SBATCH --cpus-per-task=3" in asked
    assert "#SBATCH --array=0-1" in asked  # a stack of two jobs, and a single one


def test_settings_are_printed_of_one_job_not_of_a_sweep(run_command):
    done = run_command(["bows.train", "-m", "wd=1,2", "--cfg", "job"])
    assert done.returncode == 2
    assert done.stderr.strip() == "error: --cfg job: it prints the settings of one job; leave -m out"
