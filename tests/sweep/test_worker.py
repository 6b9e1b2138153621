"""What a worker does with a job: by what stands in the job's folder when it begins, not when the sweep was planned."""

import json
import sys

import pytest
from omegaconf import OmegaConf

from bows.runs.lock import RunInUse, is_locked, lock_runs
from bows.sweep.worker import SweepTask


@pytest.fixture
def begin(tmp_path, monkeypatch):
    """Lets a worker begin with job 3, whose folder holds a status; the settings that its task is called with, and its result."""

    def worker(state: str | None, loss: float | None = None):
        folder = tmp_path / "3"
        folder.mkdir(exist_ok=True)
        if state:
            (folder / "status.json").write_text(json.dumps({"state": state}))
        if loss:
            (folder / "summary.json").write_text(json.dumps({"reconstruction/loss": loss}))
        hydra = {"runtime": {"output_dir": str(folder)}, "overrides": {"task": ["wd=1"]}, "run": {"dir": "elsewhere"}}
        monkeypatch.setattr("bows.sweep.worker.HydraConfig.get", lambda: OmegaConf.create(hydra))
        called = []

        def task(config):
            called.append((config.resume, sys.argv[1:], is_locked(folder)))
            return 0.25

        return SweepTask(task, {})(OmegaConf.create({"resume": None})), called

    return worker


def test_a_new_job_runs_under_its_own_command_line_and_lock(begin, tmp_path):
    before = sys.argv
    result, called = begin(None)
    assert result == 0.25
    assert called == [(None, ["wd=1"], True)]
    assert sys.argv is before
    assert not is_locked(tmp_path / "3")


@pytest.mark.parametrize("state", ["running", "failed"])
def test_a_job_that_a_cluster_stopped_and_starts_again_goes_on(begin, tmp_path, state):
    folder = str(tmp_path / "3")
    _, ((resume, words, _),) = begin(state)
    assert resume == folder
    assert words == ["wd=1", f"resume='{folder}'"]


def test_what_another_process_completed_is_not_done_again(begin):
    result, called = begin("completed", loss=0.5)
    assert result == 0.5
    assert called == []


def test_what_another_process_is_doing_is_left_to_it(begin, tmp_path):
    with lock_runs([tmp_path / "3"]), pytest.raises(RunInUse):
        begin("running")
