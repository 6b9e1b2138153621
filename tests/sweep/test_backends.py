"""What carries a sweep out: options compose, and an engine that cannot be had is one line."""

import os
import re
import shlex
import subprocess
import sys

import pytest

from bows.config.hydra_internals import LAUNCHER
from bows.config.identity import config_key
from bows.config.launchers import LAUNCHERS
from bows.files import read_json

from ..support.commands import HUNG, environment, wait_for


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


# The programs of Slurm that submitit calls, for a cluster that is this test: sbatch keeps a copy of what it is given, and the test starts
# the tasks.
SLURM = {
    "sbatch": """
        for file; do :; done
        cp "$file" "$(dirname "$0")/copy" && mv "$(dirname "$0")/copy" "$(dirname "$0")/submitted"
        echo "Submitted batch job 7"
        """,
    "sacct": "echo 'JobID|State|NodeList'; echo '7_0|RUNNING|localhost'; echo '7_1|RUNNING|localhost'",
    "scontrol": "echo localhost",
    "srun": "exit 1",  # submitit looks whether it is there
}


def slurm_task(task: int) -> dict[str, str]:
    """Return the variables that Slurm, and the script of sbatch, set for a task of an array of single processes."""
    one = {"NTASKS": "1", "PROCID": "0", "LOCALID": "0", "NODEID": "0", "JOB_NUM_NODES": "1", "JOB_NAME": "train"}
    nodes = {"JOB_NODELIST": "localhost", "NODELIST": "localhost"}
    job = {"JOB_ID": str(7 + task), "ARRAY_JOB_ID": "7", "ARRAY_TASK_ID": str(task)}
    return {"SUBMITIT_EXECUTOR": "slurm"} | {f"SLURM_{name}": value for name, value in (one | nodes | job).items()}


def test_a_sweep_goes_through_slurm(tmp_path, monkeypatch, run_command, compose):
    """The cores of a task limit its threads: small products get one, large ones all. The configuration of a job stays as it was asked."""
    for name, text in SLURM.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    folder, submitted, said = tmp_path / "sweep", tmp_path / "submitted", tmp_path / "said.txt"
    job = [
        "data=circular", "data.features=1000", "data.train_rows=600", "data.validation_rows=100", "data.batch_size=512", "epochs=2",
        "logger=none", "analysis=none",
    ]  # fmt: skip
    words = [
        "-m", *job, "latent=2,3,50",  # 512 x 1,000 x 50 = 25.6 million multiplications: large
        "hydra/launcher=submitit_slurm", "hydra.launcher.partition=long", "hydra.launcher.cpus_per_task=3",
        "hydra.launcher.vectorized=true", "hydra.launcher.stack_members=2", f"hydra.sweep.dir={folder}",
    ]  # fmt: skip
    with said.open("w") as stderr:
        launcher = run_command.popen(["bows.train", *words], stderr=stderr, env=environment(OMP_NUM_THREADS="8"))
        wait_for(launcher, submitted.is_file)
        asked = submitted.read_text()
        (command,) = (shlex.split(line) for line in asked.splitlines() if line.startswith("srun "))
        module = command[command.index("-m") + 1 :]
        stack = run_command.popen(module, env=environment(**slurm_task(0)))
        # A process of its own, as torch reads OMP_NUM_THREADS on import.
        single = subprocess.Popen([sys.executable, "-m", *module], env=environment(**slurm_task(1)))
        assert [task.wait(HUNG) for task in (stack, single)] == [
            0,
            0,
        ]  # the launcher would wait for ever for a task that fails
        assert launcher.wait() == 0, said.read_text()
    assert "sweep of 3 jobs: 3 completed" in said.read_text()
    threads = {}
    for latent in (2, 3, 50):
        key = config_key(compose(*job, f"latent={latent}"))
        (run,) = folder.glob(f"*-{key[:8]}")
        status = read_json(run / "status.json")
        assert (status["state"], status["config"]) == ("completed", key)
        (threads[latent],) = re.findall(r"training on (.+)", (run / "train.log").read_text())
    assert threads[2] == threads[3]
    assert threads[2].startswith("1 CPU thread (")
    assert threads[2].endswith("under 25 million)")
    number, reason = threads[50].split(" ", 1)
    assert min(2, os.cpu_count()) <= int(number) <= 3  # torch uses no more than there are cores
    assert reason.endswith("(products of 25.6 million multiplications, at least 25 million; OMP_NUM_THREADS=3)")
    assert "#SBATCH --partition=long" in asked
    assert "#SBATCH --cpus-per-task=3" in asked
    assert "#SBATCH --array=0-1" in asked  # a stack of two jobs, and a single one


def test_settings_are_printed_of_one_job_not_of_a_sweep(run_command):
    done = run_command(["bows.train", "-m", "wd=1,2", "--cfg", "job"])
    assert done.returncode == 2
    assert done.stderr.strip() == "error: --cfg job: it prints the settings of one job; leave -m out"
