"""A job that a process is doing is not done by another; a claim ends with its process, however that ends."""

import json
import signal

import pytest

from bows.config.identity import config_key
from bows.files import read_json
from bows.sweep.locks import Claimed, claim, claimed
from bows.sweep.plan import Job, plan

from ..support.commands import wait_for

HOLDER = """
import sys, time
from pathlib import Path
from bows.sweep.locks import claim
with claim(Path(sys.argv[2]), sys.argv[3:]):
    Path(sys.argv[1]).touch()
    time.sleep(600)
"""
JOBS = [
    "data=circular", "data.train_rows=300", "data.validation_rows=100", "wd=0,2", "lr=1e-2", "epochs=2", "logger=none", "analysis=none",
]  # fmt: skip


def test_a_claim_ends_with_its_process_however_it_ends(tmp_path, run_command):
    process = run_command.popen(["-c", HOLDER, tmp_path / "held", tmp_path, "3", "5"])
    wait_for(process, (tmp_path / "held").exists)
    held = claimed(tmp_path)
    assert held.keys() == {"3", "5"}
    assert set(held.values()) == {held["3"]}
    assert f"process {process.pid} " in held["3"]
    with pytest.raises(Claimed, match=f"process {process.pid} .* is doing this job"), claim(tmp_path, ["4", "5"]):
        pass
    with claim(tmp_path, ["4"]):
        assert claimed(tmp_path).keys() == {"3", "4", "5"}
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert claimed(tmp_path) == {}
    with claim(tmp_path, ["5", "3"]), pytest.raises(Claimed), claim(tmp_path, ["3"]):
        pass
    assert {path.name for path in (tmp_path / ".running").iterdir()} <= {
        ".guard",
        "3.lock",
        "3.json",
    }  # what was killed


def test_a_claimed_job_is_planned_as_running(tmp_path):
    jobs = [Job(number, [], {}, key) for number, key in enumerate("ab")]
    for each in jobs:
        (tmp_path / str(each.number)).mkdir()
        (tmp_path / str(each.number) / "status.json").write_text(json.dumps({"state": "running", "config": each.key}))
    with claim(tmp_path, ["1"]):
        plan(tmp_path, jobs)
    assert [each.state for each in jobs] == ["begun", "running"]


@pytest.mark.parametrize("completed", [True, False])
def test_a_sweep_waits_for_a_job_that_another_process_does(tmp_path, compose, completed, run_command):
    folder, said = tmp_path / "sweep", tmp_path / "said.txt"
    config = compose(*(word.replace("wd=0,2", "wd=0") for word in JOBS))
    (folder / "0").mkdir(parents=True)
    # A job of an earlier start, whose launcher is gone and which goes on by itself.
    status = {"state": "running", "config": config_key(config), "started": "2026-01-01T00:00:00+00:00"}
    (folder / "0" / "status.json").write_text(json.dumps(status))
    with claim(folder, ["0"]), said.open("w") as stderr:
        process = run_command.popen(["bows.train", "-m", *JOBS, f"hydra.sweep.dir={folder}"], stderr=stderr)
        wait_for(process, lambda: "being done by another process" in said.read_text())
        assert read_json(folder / "1" / "status.json")["state"] == "completed"  # meanwhile it did the other
        assert not (folder / "0" / "checkpoints").exists()
        if completed:
            (folder / "0" / "summary.json").write_text('{"reconstruction/loss": 0.5}')
            (folder / "0" / "status.json").write_text(json.dumps({**status, "state": "completed"}))
    assert process.wait() == 0, said.read_text()
    assert "sweep of 2 jobs: 2 completed" in said.read_text()
    assert read_json(folder / "0" / "status.json")["state"] == "completed"
    assert (folder / "0" / "model.safetensors").exists() is not completed
