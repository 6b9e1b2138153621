"""Sweeps by the real command: stacks and back ends give the same runs, and each job is run once, however often and by how many processes
the sweep is launched."""

import json
import re
import shutil
import signal
import subprocess
from pathlib import Path

import pytest
from pyarrow.parquet import read_table

from bows.config.identity import config_key
from bows.files import read_json
from bows.runs.lock import lock_runs
from bows.sweep.units import pieces, stacks

from ..support.commands import Paused, wait_for

GRID = [
    "data=circular", "data.train_rows=300", "data.validation_rows=100", "model=tied,linear", "wd=0,2", "latent=3,5", "lr=1e-2",
    "epochs=2", "logger=none", "analysis=none",
]  # fmt: skip
FOUR = [*GRID, "model=tied"]


@pytest.fixture(scope="module")
def sweep(run_command):
    def run_sweep(folder: Path, *words: str) -> subprocess.CompletedProcess:
        return run_command(["bows.train", "-m", *words, f"hydra.sweep.dir={folder}"])

    return run_sweep


def losses(folder: Path) -> dict[str, float]:
    """Held-out loss by the key of the configuration."""
    return {
        read_json(path.parent / "status.json")["config"]: read_json(path)["reconstruction/loss"]
        for path in folder.glob("*/summary.json")
    }


def jobs_in(folder: Path) -> list[str]:
    """The names of the jobs' folders: number and key of the configuration."""
    return sorted(path.parent.name for path in folder.glob("*/status.json"))


@pytest.fixture(scope="module")
def by_one(tmp_path_factory, sweep):
    """The grid one after another."""
    folder = tmp_path_factory.mktemp("sweep") / "basic"
    done = sweep(folder, *GRID)
    assert done.returncode == 0, done.stderr
    assert len(losses(folder)) == 8
    return folder


@pytest.mark.parametrize(
    ("launcher", "jobs"),
    [
        (["vectorized"], 8),
        (["joblib", "hydra.launcher.n_jobs=2", "hydra.launcher.vectorized=true"], 4),
        (["submitit_local"], 1),  # in a Python of its own
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_launchers_give_the_same_numbers(by_one, tmp_path, launcher, jobs, sweep):
    grid = {8: GRID, 4: FOUR, 1: [*FOUR, "wd=0", "latent=3"]}[jobs]
    if launcher[0] == "joblib":  # with one job completed before, its two processes get a stack and a single job
        (first,) = by_one.glob("0-*")
        shutil.copytree(first, tmp_path / "sweep" / first.name)
    done = sweep(tmp_path / "sweep", *grid, f"hydra/launcher={launcher[0]}", *launcher[1:])
    assert done.returncode == 0, done.stderr
    if launcher[0] == "joblib":
        assert "4 jobs: 1 completed (skipped)" in done.stderr
        assert re.findall(r"a stack of (\d+) jobs", done.stderr) == ["2", "1"]
    ours, theirs = losses(tmp_path / "sweep"), losses(by_one)
    assert len(ours) == jobs
    assert ours.keys() <= theirs.keys()
    for asked, loss in ours.items():
        assert loss == pytest.approx(theirs[asked], rel=1e-5)
    for job in read_json(tmp_path / "sweep" / "jobs.json")["jobs"]:
        status = read_json(tmp_path / "sweep" / job["folder"] / "status.json")
        assert status["state"] == "completed"
        assert status["config"] == job["config"]


def test_completed_jobs_are_not_done_again_wherever_they_stand_in_the_new_grid(by_one, tmp_path, sweep):
    folder = tmp_path / "sweep"
    shutil.copytree(by_one, folder)
    before = {path.parent.name: path.stat().st_mtime_ns for path in folder.glob("*/status.json")}
    wider = [word.replace("wd=0,2", "wd=1,0,2") for word in GRID]
    done = sweep(folder, *wider, "hydra/launcher=vectorized")
    assert done.returncode == 0, done.stderr
    assert "12 jobs: 8 completed (skipped), 0 resuming, 0 running elsewhere" in done.stderr
    assert {name: (folder / name / "status.json").stat().st_mtime_ns for name in before} == before
    assert len(losses(folder)) == 12  # nothing lost, nothing twice
    keys = [read_json(path)["config"] for path in folder.glob("*/status.json")]
    assert len(set(keys)) == 12
    again = sweep(folder, *wider)
    assert "12 jobs: 12 completed" in again.stderr
    assert len(list(folder.glob("*/status.json"))) == 12


def test_a_killed_sweep_goes_on(tmp_path, sweep, run_command):
    folder = tmp_path / "sweep"
    words = ["bows.train", "-m", *FOUR, f"hydra.sweep.dir={folder}"]
    moment = "write:2:*/summary.json:"
    assert Paused(run_command.popen, moment, tmp_path / "paused", words).end_by(signal.SIGKILL) == -signal.SIGKILL
    completed = {path.parent.name for path in folder.glob("*/status.json") if read_json(path)["state"] == "completed"}
    assert 1 <= len(completed) < 4
    before = {name: (folder / name / "model.safetensors").stat().st_mtime_ns for name in completed}
    done = sweep(folder, *FOUR)
    assert done.returncode == 0, done.stderr
    assert len(losses(folder)) == 4
    assert {name: (folder / name / "model.safetensors").stat().st_mtime_ns for name in completed} == before
    assert {read_json(path)["state"] for path in folder.glob("*/status.json")} == {"completed"}


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("stack_members=0", "1 or more"),
        ("stack_members=-2", "1 or more"),
        ("stack_gigabytes=0", "above 0"),
        ("stack_gigabytes=-1", "above 0"),
        ("stack_gigabytes=nan", "above 0"),
        ("nonsense=1", "nonsense"),
        ("engine=slurm", "submitit_slurm"),
    ],
)
def test_a_launcher_that_cannot_be_is_refused_in_one_line(tmp_path, word, said, sweep):
    added = "+" if word.startswith("nonsense") else ""
    done = sweep(tmp_path / "sweep", *GRID, "hydra/launcher=vectorized", f"{added}hydra.launcher.{word}")
    assert done.returncode == 2, done.stderr
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith(f"error: hydra.launcher.{word.partition('=')[0]}")
    assert said in line
    assert not list((tmp_path / "sweep").glob("*/status.json"))


def test_a_stack_has_no_more_members_than_it_may(by_one, tmp_path, sweep):
    done = sweep(tmp_path / "sweep", *FOUR, "hydra/launcher=vectorized", "hydra.launcher.stack_members=2")
    assert done.returncode == 0, done.stderr
    sizes = [int(line.split("a stack of ")[1].split()[0]) for line in done.stderr.splitlines() if "a stack of" in line]
    assert sizes == [2, 2]
    ours, theirs = losses(tmp_path / "sweep"), losses(by_one)
    assert len(ours) == 4
    assert ours == pytest.approx({asked: theirs[asked] for asked in ours}, rel=1e-5)


def test_two_processes_divide_the_jobs_of_a_sweep(tmp_path, by_one, run_command):
    folder = tmp_path / "sweep"
    words = ["bows.train", "-m", *FOUR, f"hydra.sweep.dir={folder}"]
    first = Paused(run_command.popen, "write:1:*/summary.json:", tmp_path / "paused", words)
    with (tmp_path / "said.txt").open("w") as said:
        second = run_command.popen(words, stderr=said)
        wait_for(second, lambda: "waiting for 1 jobs that run elsewhere" in (tmp_path / "said.txt").read_text())
    assert states(folder) == ["completed"] * 3 + ["running"]  # the second process ran all but that of the first
    written = {path: path.stat().st_mtime_ns for path in folder.glob("*/model.safetensors")}
    first.file.unlink()
    assert (first.process.wait(), second.wait()) == (0, 0)
    assert {path: path.stat().st_mtime_ns for path in written} == written
    ours, theirs = losses(folder), losses(by_one)
    assert len(ours) == 4
    assert ours == pytest.approx({asked: theirs[asked] for asked in ours}, rel=1e-5)
    assert jobs_in(folder) == jobs_in(by_one)[:4]
    assert "sweep of 4 jobs: 4 completed" in (tmp_path / "said.txt").read_text()


@pytest.mark.parametrize("completed", [True, False])
def test_a_job_that_another_process_runs_is_waited_for(tmp_path, compose, completed, run_command):
    words = [word.replace("model=tied,linear", "model=tied").replace("latent=3,5", "latent=3") for word in GRID]
    folder, said = tmp_path / "sweep", tmp_path / "said.txt"
    config = compose(*(word.replace("wd=0,2", "wd=0") for word in words))
    # A job of an earlier launch, in a folder as earlier versions named it, which continues without its launcher.
    (folder / "0").mkdir(parents=True)
    status = {"state": "running", "config": config_key(config), "started": "2026-01-01T00:00:00+00:00"}
    (folder / "0" / "status.json").write_text(json.dumps({**status, "process": "process 7 on node3"}))
    with lock_runs([folder / "0"]), said.open("w") as stderr:
        process = run_command.popen(["bows.train", "-m", *words, f"hydra.sweep.dir={folder}"], stderr=stderr)
        wait_for(process, lambda: "waiting for 1 jobs that run elsewhere (process 7 on node3)" in said.read_text())
        (other,) = folder.glob("1-*/status.json")
        assert read_json(other)["state"] == "completed"  # meanwhile it ran the other job
        assert not (folder / "0" / "checkpoints").exists()
        if completed:
            (folder / "0" / "summary.json").write_text('{"reconstruction/loss": 0.5}')
            (folder / "0" / "status.json").write_text(json.dumps({**status, "state": "completed"}))
    assert process.wait() == 0, said.read_text()
    assert "sweep of 2 jobs: 2 completed" in said.read_text()
    assert read_json(folder / "0" / "status.json")["state"] == "completed"
    assert (folder / "0" / "model.safetensors").exists() is not completed


def test_a_sweep_ends_with_its_tables(by_one):
    table = read_table(by_one / "results.parquet")
    assert table.column("run").to_pylist() == jobs_in(by_one)
    assert set(table.column("state").to_pylist()) == {"completed"}
    summary = read_table(by_one / "summary.parquet").to_pylist()
    assert {row["count"] for row in summary if row["metric"] == "reconstruction/loss"} == {1}
    assert (by_one / "results.csv").is_file()


def test_what_may_share_a_stack(compose):
    configs = [
        compose("data=circular", "wd=1"),
        compose("data=sphere", "latent=7", "seed=3", "lr=0.1", "model=untied"),
        compose("data=circular", "epochs=3"),
        compose("data=circular", "model=pca"),
        compose("data=circular", "trainer.devices=2"),
        compose("data=circular", "data.features=13"),
    ]
    groups, alone = stacks(configs)
    assert groups == [[0, 1]]
    assert alone.keys() == {2, 3, 4, 5}
    assert "epochs=3" in alone[2]
    assert "closed form" in alone[3]
    assert alone[4] == "trainer.devices=2"
    assert "data.features=13" in alone[5]


def test_pieces_fit_and_lose_nobody():
    sizes = [5, 1, 4, 9, 2, 2, 8]
    cut = pieces(sizes, most_bytes=10, most_members=3)
    assert [place for piece in cut for place in piece] == list(range(7))
    assert all(sum(sizes[place] for place in piece) <= 10 and len(piece) <= 3 for piece in cut)
    assert pieces([50, 1], most_bytes=10) == [[0], [1]]  # one that is too large on its own is tried alone


def test_the_key_of_a_configuration_is_of_its_results_alone(compose):
    one = compose("data=circular", "wd=1")
    assert config_key(one) == config_key(json.loads(json.dumps(one)))
    assert config_key(one) == config_key(
        compose("data=circular", "wd=1", "logger=none", "trainer.threads=1", "outputs=elsewhere")
    )
    assert config_key(one) != config_key(compose("data=circular", "wd=2"))
    assert config_key(one) != config_key(compose("data=circular", "wd=1", "trainer.limit_train_batches=3"))
    # A setting that earlier versions lacked counts only where it gives another result than they did.
    before = compose("wd=1")
    del before["model"]["bias_start"], before["model"]["bias"]
    assert config_key(before) == config_key(compose("wd=1"))
    assert config_key(before) != config_key(compose("wd=1", "model.bias_start=frequency"))
    assert config_key(before) != config_key(compose("wd=1", "model.bias=false"))


def test_an_interrupted_stack_goes_on_at_its_step_and_ends_as_an_unbroken_one(tmp_path, sweep, run_command):
    words = [*FOUR, "wd=2", "epochs=6", "hydra/launcher=vectorized"]
    folder = tmp_path / "broken"
    asked = ["bows.train", "-m", *words, f"hydra.sweep.dir={folder}"]
    assert Paused(run_command.popen, "step:3", tmp_path / "paused", asked).end_by(signal.SIGINT) == 130
    assert {read_json(path)["state"] for path in folder.glob("*/status.json")} == {"failed"}
    assert f"hydra.sweep.dir={folder}" in read_json(folder / jobs_in(folder)[0] / "status.json")["error"]
    again = sweep(folder, *words)
    assert again.returncode == 0, again.stderr
    assert "from step" in again.stderr
    unbroken = sweep(tmp_path / "unbroken", *words)
    assert unbroken.returncode == 0, unbroken.stderr
    assert losses(folder) == losses(tmp_path / "unbroken")
    for name in jobs_in(folder):
        ours, theirs = ((each / name / "model.safetensors").read_bytes() for each in (folder, tmp_path / "unbroken"))
        assert ours == theirs
    assert not (folder / ".stacks").exists()


def states(folder: Path) -> list[str]:
    return sorted(read_json(path)["state"] for path in folder.glob("*/status.json"))


def test_a_stack_killed_while_it_finishes_or_beside_new_jobs_goes_on_from_its_checkpoint(tmp_path, sweep, run_command):
    """Its checkpoint is of all its jobs together: also of those that are completed, and whatever else is asked for by then."""
    words = [*FOUR, "wd=2", "hydra/launcher=vectorized"]
    words[words.index("analysis=none")] = "analysis.looks=0"
    words.append("analysis.figures=false")
    unbroken = sweep(tmp_path / "unbroken", *words)
    assert unbroken.returncode == 0, unbroken.stderr
    folder = tmp_path / "broken"
    asked = ["bows.train", "-m", *words, f"hydra.sweep.dir={folder}"]
    Paused(run_command.popen, "write:1:*/status.json:completed", tmp_path / "paused", asked).end_by(signal.SIGKILL)
    assert states(folder).count("completed") == 1
    before = {path: path.read_bytes() for path in folder.glob("*/status.json") if b'"completed"' in path.read_bytes()}
    wider = [word.replace("latent=3,5", "latent=3,5,6,7") for word in words]
    again = sweep(folder, *wider)
    assert again.returncode == 0, again.stderr
    # One as it was, with the member that is completed, and one of the new jobs.
    assert re.findall(r"a stack of 2 jobs: (\d), (\d)", again.stderr) == [("0", "1"), ("2", "3")]
    assert states(folder) == ["completed"] * 4
    assert all(path.read_bytes() == text for path, text in before.items())
    for name in jobs_in(tmp_path / "unbroken"):
        ours, theirs = ((each / name / "model.safetensors").read_bytes() for each in (folder, tmp_path / "unbroken"))
        assert ours == theirs
        rows = [(each / name / "metrics.csv").read_text().splitlines() for each in (folder, tmp_path / "unbroken")]
        assert len(rows[0]) == len(rows[1])
        # How fast it trained is not known where the last step was taken by the process that was killed.
        columns = [[name for name in row[0].split(",") if not name.startswith("speed/")] for row in rows]
        assert columns[0] == columns[1]
    assert not (folder / ".stacks").exists()
    assert not list(folder.rglob("*.tmp"))
