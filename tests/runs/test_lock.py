"""One process writes into a run folder; its lock ends with that process, however it ends, and a group can share it."""

import json
import os
import signal
import subprocess
import sys

import pytest

from bows.errors import DataError
from bows.runs.lock import LOCK, RunInUse, is_locked, lock_runs

HOLDER = """
import sys, time
from pathlib import Path
from bows.runs.lock import lock_runs
with lock_runs([Path(folder) for folder in sys.argv[1:]]):
    print("held", flush=True)
    time.sleep(600)
"""


def test_a_lock_ends_with_its_process_however_it_ends(tmp_path):
    three, four, five = folders = [tmp_path / name for name in "345"]
    process = subprocess.Popen([sys.executable, "-c", HOLDER, three, five], stdout=subprocess.PIPE, text=True)
    assert process.stdout
    assert process.stdout.readline() == "held\n"
    assert [is_locked(folder) for folder in folders] == [True, False, True]
    (five / "status.json").write_text(json.dumps({"state": "running", "process": f"process {process.pid} on here"}))
    with pytest.raises(RunInUse, match=f"process {process.pid} on here is training this run"), lock_runs([four, five]):
        pass
    assert not is_locked(four)  # released, as the other could not be had
    with lock_runs([four]):
        assert is_locked(four)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert not any(map(is_locked, folders))
    with lock_runs([five, three]), pytest.raises(RunInUse, match="another process"), lock_runs([three]):
        pass


@pytest.mark.parametrize(("umask", "mode"), [(0o002, 0o664), (0o022, 0o644), (0o077, 0o600)])
def test_the_permissions_of_a_lock_are_those_of_the_umask(tmp_path, umask, mode):
    before = os.umask(umask)
    try:
        with lock_runs([tmp_path / "run"]):
            pass
    finally:
        os.umask(before)
    assert (tmp_path / "run" / LOCK).stat().st_mode & 0o777 == mode


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot be written") as raised, lock_runs([tmp_path / "file" / "run"]):
        pass
    assert "\n" not in str(raised.value)
