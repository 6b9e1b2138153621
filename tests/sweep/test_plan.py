"""The plan of a sweep, from what earlier starts left in its folder, however broken."""

import json
from pathlib import Path

import pytest

from bows.config.identity import config_key
from bows.errors import DataError
from bows.runs.discover import listed
from bows.sweep.plan import Job, found, plan, state_of, write_list


def job(number: int, key: str) -> Job:
    return Job(number, [f"seed={number}"], {}, key)


def left(sweep: Path, folder: str, state: str, key: str) -> None:
    (sweep / folder).mkdir()
    (sweep / folder / "status.json").write_text(json.dumps({"state": state, "config": key}))


def test_a_folder_without_a_readable_status_is_used_anew(tmp_path):
    jobs = [job(number, key) for number, key in enumerate("abcd")]
    plan(tmp_path, jobs)
    write_list(tmp_path, jobs, {"command": []})
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


@pytest.mark.parametrize(
    "stored",
    ["data: {name: [1, 2", "wd: ${", "wd: ${nowhere}", "- a\n- list", "", "\0"],
    ids=["yaml", "grammar", "interpolation", "list", "empty", "binary"],
)
def test_a_half_written_configuration_is_no_configuration(tmp_path, stored):
    # Of versions that did not note the configuration's key in status.json.
    for name, text in (("0", stored), ("1", "seed: 3\nwd: ${seed}\n")):
        (tmp_path / name / ".hydra").mkdir(parents=True)
        (tmp_path / name / "status.json").write_text('{"state": "running"}')
        (tmp_path / name / ".hydra" / "config.yaml").write_text(text)
    assert found(tmp_path)[config_key({"seed": 3, "wd": 3})] == "1"


@pytest.mark.parametrize(
    "text",
    ["{", "[]", "3", '{"command": []}', '{"jobs": 3}', '{"jobs": [3]}', '{"jobs": [{"folder": "0"}]}', "\0"],
)
def test_an_unreadable_list_of_jobs_is_one_line_with_its_remedy(tmp_path, text):
    (tmp_path / "jobs.json").write_text(text)
    with pytest.raises(DataError) as raised:
        listed(tmp_path)
    assert "\n" not in str(raised.value)
    assert str(tmp_path / "jobs.json") in str(raised.value)
    assert "move it away" in str(raised.value)
