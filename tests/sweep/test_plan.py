"""The plan of a sweep, from what earlier starts left in its folder, however broken."""

import json
from pathlib import Path


from bows.sweep.plan import Job, plan, state_of, write_list


def job(number: int, key: str) -> Job:
    return Job(number, [f"seed={number}"], {}, key)


def left(sweep: Path, folder: str, state: str, key: str) -> None:
    (sweep / folder).mkdir()
    (sweep / folder / "status.json").write_text(json.dumps({"state": state, "config": key}))


def test_a_folder_without_a_readable_status_is_used_anew(tmp_path):
    jobs = [job(number, key) for number, key in enumerate("abcd")]
    plan(tmp_path, jobs)
    write_list(tmp_path, jobs, [])
    (tmp_path / "0").mkdir()  # killed before its first status
    left(tmp_path, "1", "running", "b")
    left(tmp_path, "2", "completed", "c")
    (tmp_path / "3").mkdir()
    (tmp_path / "3" / "status.json").write_text('{"state": "run')
    again = [job(number, key) for number, key in enumerate("abcd")]
    plan(tmp_path, again)
    assert [each.state for each in again] == ["new", "begun", "completed", "new"]
    assert [each.folder for each in again] == ["0", "1", "2", "3"]
    assert state_of(tmp_path / "nowhere") == "new"
