"""The folders of a sweep's jobs follow from their configurations, whatever earlier launches left, however broken."""

import json
import os
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from bows.errors import DataError
from bows.files import read_json
from bows.runs.discover import listed
from bows.runs.lock import lock_runs
from bows.sweep.plan import Job, plan, progress

KEYS = {name: f"{number:08x}{name * 56}" for number, name in enumerate("abcd", 1)}


def jobs_of(names: str) -> list[Job]:
    jobs = [Job(number, [f"seed={number}"], OmegaConf.create()) for number, _ in enumerate(names)]
    for job, name in zip(jobs, names, strict=True):
        job.key = KEYS[name]
    return jobs


def leave(folder: Path, text: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "status.json").write_text(text)


def test_a_job_keeps_its_folder_wherever_it_is_in_the_new_sweep(tmp_path):
    first = plan(tmp_path, jobs_of("abc"), {"command": ["x"]})
    assert [job.folder.name for job in first] == ["0-00000001", "1-00000002", "2-00000003"]
    wider = plan(tmp_path, jobs_of("dcba"), {"command": ["y"]})
    assert [job.folder.name for job in wider] == ["0-00000004", "2-00000003", "1-00000002", "0-00000001"]
    assert read_json(tmp_path / "jobs.json")["command"] == ["y"]
    assert [job["folder"] for job in listed(tmp_path)] == ["0-00000001", "1-00000002", "2-00000003", "0-00000004"]
    (tmp_path / "jobs.json").unlink()  # moved away: the folders' names are enough
    assert [job.folder for job in plan(tmp_path, jobs_of("dcba"), {})] == [job.folder for job in wider]


def test_jobs_of_one_configuration_are_one(tmp_path):
    assert [job.number for job in plan(tmp_path, jobs_of("aba"), {})] == [0, 1]
    assert len(listed(tmp_path)) == 2


def test_the_state_of_a_job_is_that_of_its_folder(tmp_path):
    completed, interrupted, new, running = plan(tmp_path, jobs_of("abcd"), {})
    leave(completed.folder, json.dumps({"state": "completed", "config": KEYS["a"]}))
    leave(interrupted.folder, json.dumps({"state": "running", "config": KEYS["b"]}))
    leave(new.folder, '{"state": "run')  # killed while it wrote its first status
    with lock_runs([running.folder]):
        assert [job.state for job in plan(tmp_path, jobs_of("abcd"), {})] == [
            "completed",
            "interrupted",
            "new",
            "running",
        ]
    assert progress(tmp_path / "nowhere") == "new"


def test_folders_of_earlier_versions_are_found_by_their_status(tmp_path):
    leave(tmp_path / "0", json.dumps({"state": "completed", "config": KEYS["b"]}))
    leave(tmp_path / "1", json.dumps({"state": "completed"}))
    leave(tmp_path / "2", "[]")
    (tmp_path / "report").mkdir()
    jobs = plan(tmp_path, jobs_of("ab"), {})
    assert [(job.folder.name, job.state) for job in jobs] == [("0-00000001", "new"), ("0", "completed")]


def test_keys_with_equal_digits_get_folders_of_their_own(tmp_path, monkeypatch):
    monkeypatch.setitem(KEYS, "b", KEYS["a"][:8] + "f" * 56)
    for _ in range(2):
        first, second = plan(tmp_path, jobs_of("ab"), {})
        assert [first.folder.name, second.folder.name] == ["0-00000001", "1-00000001"]
        for job in (first, second):
            leave(job.folder, json.dumps({"state": "completed", "config": job.key}))


@pytest.mark.parametrize("text", ["", "{", "[]", "3", '{"command": []}', '{"jobs": 3}', '{"jobs": [3]}',
                                  '{"jobs": [{"folder": "0"}]}', '{"jobs": [{"folder": "../0", "overrides": [], "config": "a"}]}',
                                  "[" * 100_000, "\0"])  # fmt: skip
def test_a_damaged_list_of_jobs_is_one_line_with_its_remedy(tmp_path, text):
    (tmp_path / "jobs.json").write_text(text)
    with pytest.raises(DataError) as raised:
        listed(tmp_path)
    assert "\n" not in str(raised.value)
    assert str(tmp_path / "jobs.json") in str(raised.value)
    assert "move it away" in str(raised.value)


def test_random_bytes_are_a_damaged_list(tmp_path):
    (tmp_path / "jobs.json").write_bytes(os.urandom(1000))
    with pytest.raises(DataError, match="move it away"):
        listed(tmp_path)
