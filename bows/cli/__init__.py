"""The command line: run a Hydra app, check its overrides, resume."""

import atexit
import gc
import io
import os
import sys
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T", int, None)


def open_standard_streams() -> None:
    """Connect each standard stream that was closed (`2>&-`) to nothing.

    The next file opened would get its number, and what a library writes to standard error would be written into that file.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest number that is free, which is this one
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, "r" if name == "stdin" else "w", closefd=False))  # noqa: SIM115


def ignore_broken_pipe(command: Callable[[], T]) -> T | int:
    """Run a command whose output may be piped into one that stops reading, such as head, and return its exit code.

    A command writes its files before it prints: it ends where the reader stops, with exit code 0. Characters that the output's encoding
    does not have are printed as escapes.
    """
    open_standard_streams()
    # At its end Python looks for cycles among all objects, those of torch's modules too: a second, for memory that goes anyway.
    atexit.register(gc.freeze)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        code = command()
        if sys.stdout is not None:
            sys.stdout.flush()
    except BrokenPipeError:
        from bows.console import discard_output  # start-up time: it imports rich

        discard_output()
        return 0
    return code
