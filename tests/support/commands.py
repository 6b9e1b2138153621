"""Run Python commands in forks of one warmed process (command_server.py), with an interface like that of subprocess."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Any

from .command_server import receive, send

REPOSITORY = Path(__file__).resolve().parents[2]

# What commands import besides bows' own modules: whole libraries that are imported where they are first needed.
LIBRARIES = (
    "torch",
    "torch.profiler",
    "pytorch_lightning",
    "wandb",
    "wandb.apis.public",
    "datasets",
    "sklearn.linear_model",
    "jinja2",
    "requests",
)

# A test that needs this long has hung. Nothing is measured by it, so it is far above what a busy machine takes.
HUNG = 600


def environment(**more: str) -> dict[str, str]:
    """Return the environment of a command: this process's, without what a user may have set for W&B, with one thread."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("WANDB_")}
    return {**kept, "NETRC": os.devnull, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", **more}


class Command:
    """A running command, with the part of subprocess.Popen's interface that tests need."""

    def __init__(self, server: "CommandServer", args: list[str], pid: int):
        self.server, self.args, self.pid = server, args, pid
        self.returncode: int | None = None

    def poll(self) -> int | None:
        if self.returncode is None:
            self.returncode = self.server.ask({"poll": self.pid})["code"]
        return self.returncode

    def wait(self, timeout: float = HUNG) -> int:
        """Wait for the end; a command that has hung is killed and is an error."""
        end, pause = time.monotonic() + timeout, 0.001
        while self.poll() is None:
            if time.monotonic() > end:
                self.kill()
                raise subprocess.TimeoutExpired(self.args, timeout)
            time.sleep(pause)
            pause = min(2 * pause, 0.02)
        assert self.returncode is not None
        return self.returncode

    def send_signal(self, number: signal.Signals) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def wait_for(process: Any, happened: Callable[[], bool]) -> None:
    """Wait until something has happened that a running process does."""
    end = time.monotonic() + HUNG
    while not happened():
        assert process.poll() is None or happened(), f"the process ended with {process.returncode} before"
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.005)


class Paused:
    """A command that has stopped at a moment of pause.py.

    Args:
        start: Starts words of Python and returns the process: `popen` of a server, or of subprocess behind `sys.executable`.
        moment: As pause.py describes it.
        file: A path that does not exist yet.
        words: The command.
    """

    def __init__(self, start: Callable[[list[str]], Any], moment: str, file: Path, words: Sequence[str | Path]):
        script = str(Path(__file__).with_name("pause.py"))
        self.file = file
        self.process = start([script, moment, str(file), *map(str, words)])
        wait_for(self.process, file.exists)

    def end_by(self, number: signal.Signals) -> int:
        """Send a signal, let the command go on, and return its exit code."""
        self.process.send_signal(number)
        self.file.unlink()
        return self.process.wait(HUNG)


class CommandServer:
    """A process that has imported what commands need, and forks a child for each of them.

    Args:
        source: The folder whose bows is imported.
        modules: What the server imports besides bows.
    """

    def __init__(self, source: Path = REPOSITORY, modules: Sequence[str] = LIBRARIES):
        self.source, self.modules = source, modules
        self.process: subprocess.Popen | None = None

    def start(self) -> None:
        ours, theirs = socket.socketpair()
        self.connection = ours
        self.errors = tempfile.TemporaryFile("w+")  # noqa: SIM115  closed with the server
        script = Path(__file__).with_name("command_server.py")
        self.process = subprocess.Popen(
            [sys.executable, str(script), str(theirs.fileno()), *self.modules],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=self.errors, pass_fds=[theirs.fileno()],
            cwd=self.source, env=environment(PYTHONPATH=str(self.source)),
            start_new_session=True,  # Ctrl-C ends the tests, which end the server
        )  # fmt: skip
        theirs.close()
        self.threads = self._answer()["threads"]

    def ask(self, request: dict, descriptors: list[int] | None = None) -> dict:
        send(self.connection, request, descriptors)
        return self._answer()

    def _answer(self) -> dict:
        message, _ = receive(self.connection)
        if message is None:
            self.errors.seek(0)
            raise RuntimeError(f"the server of commands ended:\n{self.errors.read()}")
        return message

    def popen(
        self, words: Sequence[str | Path], *, stdout: IO | int | None = None, stderr: IO | int | None = None,
        cwd: Path | None = None, env: dict[str, str] | None = None,
    ) -> Command:  # fmt: skip
        """Start `python -m <words>`; `python <words>` where the first is -c or a file. What is printed goes nowhere or to a file."""
        if self.process is None:
            self.start()
        args = [str(word) for word in words]
        request = {"argv": args, "cwd": str(cwd or Path.cwd()), "env": environment() if env is None else env}
        with open(os.devnull, "r+b") as null:
            streams = [null, null if stdout is None else stdout, null if stderr is None else stderr]
            descriptors = [each if isinstance(each, int) else each.fileno() for each in streams]
            return Command(self, args, self.ask(request, descriptors)["pid"])

    def __call__(
        self, words: Sequence[str | Path], *, stdout: IO | int | None = None, timeout: float = HUNG, **settings
    ) -> subprocess.CompletedProcess:
        """Run a command to its end, as subprocess.run with capture_output and text; stdout may go to a file instead."""
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            command = self.popen(words, stdout=out if stdout is None else stdout, stderr=err, **settings)
            code = command.wait(timeout)
            for file in (out, err):
                file.seek(0)
            return subprocess.CompletedProcess(command.args, code, out.read().decode(), err.read().decode())

    def close(self) -> None:
        """End the server and, with it, every command still running."""
        if self.process is not None:
            self.connection.close()
            self.process.wait()
            self.errors.close()


def fresh(words: Sequence[str | Path], **settings) -> subprocess.CompletedProcess:
    """Run a command in a Python of its own, which takes seconds: where start-up, signals or other processes are what is tested."""
    settings = {"env": environment(), "timeout": HUNG} | settings
    return subprocess.run([sys.executable, "-m", *map(str, words)], capture_output=True, text=True, **settings)


def wandb_records(command: CommandServer, folder: Path) -> list[dict]:
    """Return the records of the offline W&B run in a folder, by W&B's own reader."""
    (path,) = folder.rglob("run-*.wandb")
    done = command(["wandb", "leet", "inspect", "--json", path])
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
