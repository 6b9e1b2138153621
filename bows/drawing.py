"""Drawing a run's figures: here, or in processes beside this one. Imports no torch, which such a process would wait for."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ProcessPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple


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

    They end with the block, and with the process that began them, however it ends.
    """

    def __init__(self, processes: int) -> None:
        # Spawned: a fork of a process that has trained would hold copies of its locks.
        self._pool = ProcessPoolExecutor(processes, multiprocessing.get_context("spawn"), initializer=_begin)
        self._processes = processes

    def __enter__(self) -> Drawers:
        # Processes are begun by the first pictures; these make them read matplotlib while the models train.
        for _ in range(self._processes):
            self._pool.submit(_prepare)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._pool.shutdown(cancel_futures=True)

    def draw(self, folder: Path, pictures: Mapping[str, Picture]) -> Future[dict[str, Path]]:
        """`draw`, in one of the processes."""
        return self._pool.submit(draw, folder, pictures)


def _begin() -> None:
    # Ctrl-C reaches every process of the terminal; the one that began this one decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _prepare() -> None:
    from bows.figures.style import new_figure, style

    with style():
        new_figure(1, 1).text(0, 0, "text").get_window_extent()
