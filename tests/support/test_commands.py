"""A command in a fork of the server ends, prints and reads as one in a Python of its own."""

import os
import signal
import sys

import pytest

from .commands import environment, fresh

LEAVE = """
import atexit, threading
atexit.register(print, "exit handler")
threading.Thread(target=lambda: (threading.Event().wait(0.05), print("thread"))).start()
print("main")
"""


@pytest.mark.parametrize("code", ["", "raise SystemExit(3)", "raise SystemExit('a reason')", "1 / 0", "exit()", LEAVE])
def test_ends_and_prints_as_a_fresh_python_does(run_command, code):
    ours, theirs = run_command(["-c", code]), fresh_code(code)
    assert (ours.returncode, ours.stdout) == (theirs.returncode, theirs.stdout)
    assert ours.stderr.splitlines()[-1:] == theirs.stderr.splitlines()[-1:]


def fresh_code(code: str):
    import subprocess

    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)


def test_reads_its_own_words_folder_and_environment(run_command, tmp_path):
    code = "import os, sys; print(sys.argv, os.getcwd(), os.environ['ANY'], 'OTHER' in os.environ)"
    done = run_command(["-c", code, "a b"], cwd=tmp_path, env=environment(ANY="1"))
    assert done.stdout == f"['-c', 'a b'] {tmp_path} 1 False\n"
    assert (done.returncode, done.stderr) == (0, "")


def test_nothing_of_a_command_is_left_for_the_next(run_command):
    run_command(["-c", "import os, bows; bows.mark = 1; os.environ['MARK'] = '1'; os.chdir('/')"])
    done = run_command(["-c", "import os, bows; print(hasattr(bows, 'mark'), 'MARK' in os.environ, os.getcwd())"])
    assert done.stdout == f"False False {os.getcwd()}\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_signals_end_a_command_as_they_end_a_fresh_python(run_command, tmp_path, number):
    with (tmp_path / "out").open("w+") as out:
        code = "import pathlib, time; pathlib.Path('ready').touch(); time.sleep(600)"
        running = run_command.popen(["-c", code], stdout=out, cwd=tmp_path)
        other = run_command(["-c", "print(1)"])  # side by side
        while not (tmp_path / "ready").exists():
            assert running.poll() is None
        running.send_signal(number)
        assert running.wait() == -number
    assert other.stdout == "1\n"


def test_the_server_forks_without_threads(run_command):
    run_command(["-c", ""])
    assert run_command.threads == 1


def test_a_module_is_run_as_main(run_command):
    assert run_command(["json.tool", "--help"]).stdout == fresh(["json.tool", "--help"]).stdout
