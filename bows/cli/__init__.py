"""The command line: run a Hydra app, check its overrides, resume."""

import io
import os
import sys
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T", int, None)


def ignore_broken_pipe(command: Callable[[], T]) -> T | int:
    """Run a command whose output may be piped into one that stops reading, such as head, and return its exit code.

    A command writes its files before it prints: it ends where the reader stops, with exit code 0. Characters that the output's encoding
    does not have are printed as escapes.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        code = command()
        if sys.stdout is not None:
            sys.stdout.flush()
    except BrokenPipeError:
        # Python flushes once more at exit, which would raise again.
        if sys.stdout is not None:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return code
