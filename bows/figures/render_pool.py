"""Drawing a run's figures: here, or in processes beside this one. Imports no torch, which such a process would wait for."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from types import TracebackType
from typing import IO, Any, NamedTuple, cast


class Picture(NamedTuple):
    """A figure that is yet to be drawn. make: a function of bows.figures. arguments: arrays, names and numbers."""

    make: Callable[..., Any]
    arguments: tuple[Any, ...]


def draw(folder: Path, pictures: Mapping[str, Picture]) -> dict[str, Path]:
    """Draw pictures into a folder. Returns the PNG files by name; a PDF lies beside each."""
    from bows.figures.style import save

    return {name: save(make(*arguments), folder / name)[0] for name, (make, arguments) in pictures.items()}


class Drawers:
    """Processes that draw: `with Drawers(2) as drawers: drawers.draw(folder, pictures).result()`.

    Each is a Python of its own that reads pictures from its standard input, and ends with it: when the block ends, or when the process that
    began it does, however that happens. Not by multiprocessing, whose processes depend on how this one was itself begun.
    """

    def __init__(self, processes: int) -> None:
        # The same modules are found; a session of its own, so that Ctrl-C reaches only the process that began it.
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        command = [sys.executable, "-c", "from bows.figures.render_pool import serve; serve()"]
        self._processes = [
            subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, start_new_session=True
            )
            for _ in range(processes)
        ]
        self._free: SimpleQueue[subprocess.Popen[bytes]] = SimpleQueue()
        for process in self._processes:
            self._free.put(process)
        self._threads = ThreadPoolExecutor(processes)

    def __enter__(self) -> Drawers:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._threads.shutdown(cancel_futures=True)
        for process in self._processes:
            process.communicate()

    def draw(self, folder: Path, pictures: Mapping[str, Picture]) -> Future[dict[str, Path]]:
        """`draw`, in one of the processes."""
        return self._threads.submit(self._draw, folder, pictures)

    def _draw(self, folder: Path, pictures: Mapping[str, Picture]) -> dict[str, Path]:
        process = self._free.get()
        try:
            to, back = cast(IO[bytes], process.stdin), cast(IO[bytes], process.stdout)
            pickle.dump((folder, dict(pictures)), to)
            to.flush()
            outcome = pickle.load(back)
        except (OSError, EOFError) as error:
            raise RuntimeError(f"a process that draws figures ended early (exit code {process.poll()})") from error
        finally:
            self._free.put(process)
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome


def serve() -> None:
    """What a process of `Drawers` does: answers each (folder, pictures) with the files drawn, or with the error that kept it from it."""
    source, answers = sys.stdin.buffer, sys.stdout.buffer
    sys.stdout = sys.stderr  # whatever prints must not come between the answers
    from bows.figures.style import new_figure, style

    with style():  # matplotlib is read while the models train
        new_figure(1, 1).text(0, 0, "text").get_window_extent()
    while True:
        try:
            folder, pictures = pickle.load(source)
        except EOFError:
            return
        try:
            outcome: Any = draw(folder, pictures)
        except Exception as error:  # of any kind: it is raised where it was asked for
            outcome = error
        pickle.dump(outcome, answers)
        answers.flush()
