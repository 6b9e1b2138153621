"""Render the figures of a run, in this process or in others. Imports no torch, which the other processes would wait for."""

from __future__ import annotations

import atexit
import gc
import os
import signal
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from importlib import import_module
from multiprocessing import get_context, parent_process
from pathlib import Path
from typing import Any, NamedTuple

from bows.figures.font import Warned
from bows.figures.style import file_stem, new_figure, save, style


class Picture(NamedTuple):
    """A figure to be drawn. make: a function of bows.figures. arguments: arrays, names and numbers."""

    make: Callable[..., Any]
    arguments: tuple[Any, ...]


def draw(folder: Path, pictures: Mapping[str, Picture]) -> dict[str, Path]:
    """Draw pictures into a folder. Return the PNG files by name; a PDF and an SVG are next to each."""
    return {name: save(make(*arguments), folder / file_stem(name))[0] for name, (make, arguments) in pictures.items()}


class Drawers:
    """Processes that draw: `with Drawers(2) as drawers: drawers.draw(folder, pictures).result()`.

    They are spawned, as a fork would copy the threads of torch; they ignore Ctrl-C, and end with the process that started them, however
    that ends.
    """

    def __init__(self, processes: int, modules: Sequence[str] = ()) -> None:
        """Start the processes. modules: what the pictures need besides matplotlib, imported while the models train."""
        context = get_context("spawn")
        Warned.flag = context.Event()
        self._executor = ProcessPoolExecutor(processes, context, _begin, (Warned.flag,))
        for _ in range(processes):  # started now, they import matplotlib while the models train
            self._executor.submit(_warm_up, modules)

    def __enter__(self) -> Drawers:
        return self

    def __exit__(self, *error: object) -> None:
        self._executor.shutdown(cancel_futures=True)

    def draw(self, folder: Path, pictures: Mapping[str, Picture]) -> Future[dict[str, Path]]:
        """`draw`, in one of the processes."""
        return self._executor.submit(draw, folder, pictures)


def _begin(warned: Any) -> None:
    """Prepare a process of `Drawers`."""
    Warned.flag = warned
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    atexit.register(
        gc.freeze
    )  # the end of a run waits for the end of this process: no search for cycles among its modules
    parent = parent_process()
    assert parent is not None

    def end_with_parent() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=end_with_parent, daemon=True).start()


def _warm_up(modules: Sequence[str]) -> None:
    for module in modules:
        import_module(module)
    with style():
        new_figure(1, 1).text(0, 0, "text").get_window_extent()
