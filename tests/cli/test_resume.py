"""Sweeps that are started again: the same command finds its folder, resume=<sweep folder> takes its command up."""

import json
import subprocess
from pathlib import Path

import pytest
from filelock import FileLock

from bows.cli.resume import PLAIN_SWEEPER, resume_from_folder, resume_if_interrupted
from bows.config.launchers import register_launchers
from bows.errors import DataError, SettingError
from bows.files import read_json

from ..support.commands import environment

COMMAND = ["data=circular", "model=tied,linear", "wd=1"]


@pytest.fixture
def outputs(tmp_path, monkeypatch):
    register_launchers()
    monkeypatch.setenv("BOWS_OUTPUTS", str(tmp_path / "out"))
    return tmp_path / "out"


def broken_off(folder: Path, command: list[str], states: tuple[str, ...] = ("completed", "running"), **noted) -> Path:
    """A sweep's folder as a start that was killed leaves it."""
    for number, state in enumerate(states):
        (folder / str(number)).mkdir(parents=True)
        (folder / str(number) / "status.json").write_text(json.dumps({"state": state}))
    jobs = [{"folder": str(number), "overrides": [], "config": str(number)} for number in range(len(states))]
    noted = {"command": command, "launching": [], "sweeper": PLAIN_SWEEPER, **noted}
    (folder / "jobs.json").write_text(json.dumps({**noted, "jobs": jobs}))
    return folder


def where(words: list[str]) -> str | None:
    """The folder of a command line, where it names one."""
    given = [word for word in words if word.startswith("hydra.sweep.dir=")]
    return given[-1].partition("=")[2].strip("'") if given else None


def test_the_same_command_goes_on_in_its_newest_folder(outputs, capsys):
    broken_off(outputs / "sweeps" / "2026-01-01" / "23-00-00", COMMAND)
    newest = broken_off(outputs / "sweeps" / "2026-01-02" / "01-00-00", COMMAND)
    broken_off(outputs / "sweeps" / "2026-01-03" / "01-00-00", [*COMMAND, "seed=1"])
    assert where(resume_if_interrupted(COMMAND)) == str(newest)
    (line,) = capsys.readouterr().err.splitlines()
    assert str(newest) in line
    assert "1 of 2 jobs completed" in line
    assert "resume=null" in line


def test_what_changes_no_result_makes_no_other_command(outputs):
    folder = broken_off(outputs / "sweeps" / "day" / "time", [*COMMAND, "logger=none"])
    words = [*COMMAND, "trainer.threads=1", "hydra/launcher=joblib", "hydra.launcher.n_jobs=1", "debug=true"]
    assert resume_if_interrupted(words) == [*words, f"hydra.sweep.dir='{folder}'"]


@pytest.mark.parametrize(
    "words", [["resume=null"], ["hydra.sweep.dir=here"], ["seed=1"], ["hydra.sweeper.max_batch_size=2"]]
)
def test_another_command_starts_anew(outputs, words):
    broken_off(outputs / "sweeps" / "day" / "time", COMMAND)
    assert resume_if_interrupted([*COMMAND, *words]) == [*COMMAND, *(word for word in words if word != "resume=null")]


def test_a_sweep_done_to_its_end_is_done_anew(outputs):
    broken_off(outputs / "sweeps" / "day" / "1", COMMAND)
    assert where(resume_if_interrupted(COMMAND)) is not None
    broken_off(outputs / "sweeps" / "day" / "2", COMMAND, ("completed", "completed"))
    assert resume_if_interrupted(COMMAND) == COMMAND


def test_a_sweep_that_a_process_holds_is_left_to_it(outputs):
    older = broken_off(outputs / "sweeps" / "day" / "1", COMMAND)
    newer = broken_off(outputs / "sweeps" / "day" / "2", COMMAND)
    with FileLock(newer / ".lock"):
        assert where(resume_if_interrupted(COMMAND)) == str(older)
    assert where(resume_if_interrupted(COMMAND)) == str(newer)


@pytest.mark.parametrize(
    "sweeper", [{"_target_": "hydra_plugins.optuna.Sweeper", "n_trials": 20}, {**PLAIN_SWEEPER, "max_batch_size": 4}]
)
def test_sweeps_of_other_sweepers_are_not_taken_for_this_one(outputs, sweeper):
    broken_off(outputs / "sweeps" / "day" / "time", COMMAND, sweeper=sweeper)
    assert resume_if_interrupted(COMMAND) == COMMAND


def test_files_of_other_versions_and_damaged_ones_do_not_stand_in_the_way(outputs):
    old = broken_off(outputs / "sweeps" / "day" / "1", COMMAND)
    content = read_json(old / "jobs.json")
    del content["launching"], content["sweeper"]
    (old / "jobs.json").write_text(json.dumps(content))
    for name, text in (("2", "{"), ("3", "[]"), ("4", '{"command": 3, "jobs": []}')):
        (outputs / "sweeps" / "day" / name).mkdir()
        (outputs / "sweeps" / "day" / name / "jobs.json").write_text(text)
    assert where(resume_if_interrupted(COMMAND)) == str(old)


def test_resume_takes_the_noted_command_up(outputs):
    launching = ["hydra/launcher=joblib", "hydra.launcher.n_jobs=2"]
    folder = broken_off(outputs / "it's a sweep", [*COMMAND, "logger=csv"], launching=launching)
    resume = f'resume="{folder}"'
    place = f"hydra.sweep.dir='{folder}'".replace("it's", "it\\'s")
    assert resume_from_folder([resume], multirun=True) == [*COMMAND, "logger=csv", *launching, place]
    assert resume_from_folder([resume, "logger=none", "wd=1"], multirun=True) == [
        "data=circular", "model=tied,linear", *launching, "logger=none", "wd=1", place
    ]  # fmt: skip
    fewer = resume_from_folder([resume, "hydra.launcher.n_jobs=1"], multirun=True)
    assert fewer[-3:] == [launching[0], "hydra.launcher.n_jobs=1", place]
    other = resume_from_folder([resume, "hydra/launcher=vectorized"], multirun=True)
    assert other[-3:] == ["logger=csv", "hydra/launcher=vectorized", place]
    assert resume_from_folder(COMMAND, multirun=True) == COMMAND


@pytest.mark.parametrize(
    "word",
    [
        "wd=2",
        "wd=1,2",
        "seed=1",
        "trainer=cpu",
        "trainer.threads=1,2",
        "~logger",
        "hydra.sweep.dir=x",
        "hydra.sweeper.max_batch_size=1",
    ],
)
def test_what_would_make_it_another_sweep_is_refused(outputs, word):
    folder = broken_off(outputs / "sweep", COMMAND)
    with pytest.raises(SettingError, match="not in the command stored in") as raised:
        resume_from_folder([f"resume={folder}", word], multirun=True)
    assert str(raised.value).startswith(word)


def test_a_folder_that_is_no_sweep_is_said(outputs):
    run = outputs / "run"
    (run / ".hydra").mkdir(parents=True)
    (run / ".hydra" / "overrides.yaml").write_text("[]")
    with pytest.raises(SettingError, match="folder of one run; leave -m out"):
        resume_from_folder([f"resume={run}"], multirun=True)
    with pytest.raises(SettingError, match="not the folder of a sweep"):
        resume_from_folder([f"resume={outputs}"], multirun=True)
    for multirun in (True, False):
        with pytest.raises(SettingError, match=r"nowhere: there is no such folder; give one of outputs/"):
            resume_from_folder([f"resume={outputs / 'nowhere'}"], multirun=multirun)
    with pytest.raises(SettingError, match="several folders are given; give one"):
        resume_from_folder([f"resume={run},{run}"], multirun=True)
    sweep = broken_off(outputs / "sweep", [])
    (sweep / "jobs.json").write_text('{"jobs": []}')
    with pytest.raises(DataError, match="it has no command"):
        resume_from_folder([f"resume={sweep}"], multirun=True)


@pytest.fixture
def train(run_command):
    def run_train(outputs: Path, *words: str) -> subprocess.CompletedProcess:
        return run_command(["bows.train", *words], env=environment(BOWS_OUTPUTS=str(outputs)))

    return run_train


def test_by_command(tmp_path, train):
    outputs = tmp_path / "out"
    # The second job cannot be done; the first is.
    grid = [
        "data=circular", "data.train_rows=300", "data.validation_rows=100", "epochs=2", "lr=1e-2", "logger=none", "analysis=none",
        "wd=1,-1", "hydra/launcher=vectorized", "-m",
    ]  # fmt: skip
    assert train(outputs, *grid).returncode == 1
    (folder,) = (outputs / "sweeps").glob("*/*")
    (first,) = folder.glob("0-*/status.json")
    before = first.stat().st_mtime_ns
    again = train(outputs, *grid)
    assert again.returncode == 1
    assert f"resuming {folder}" in again.stderr
    by_name = train(outputs, "-m", f"resume={folder}", "logger=csv", "hydra.launcher.stack_members=1")
    assert by_name.returncode == 1
    for done in (again, by_name):
        assert "2 jobs: 1 completed (skipped), 1 resuming" in done.stderr
    assert list((outputs / "sweeps").glob("*/*")) == [folder]
    assert first.stat().st_mtime_ns == before
    noted = read_json(folder / "jobs.json")
    assert noted["launching"] == ["hydra/launcher=vectorized", "hydra.launcher.stack_members=1"]
    assert noted["command"] == [*(word for word in grid if word[:2] not in {"hy", "lo", "-m"}), "logger=csv"]
    alone = train(outputs, f"resume={folder}")
    assert alone.returncode == 2
    assert alone.stderr.strip() == f"error: resume={folder}: this is the folder of a sweep; add -m"
    assert train(outputs, *grid, "resume=null").returncode == 1
    assert len(list((outputs / "sweeps").glob("*/*"))) == 2
