"""Commands whose output is piped into one that stops reading, such as head."""

import os
import sys
from collections.abc import Callable


def quietly(command: Callable[[], int]) -> int:
    """Run a command and give its exit code; 0 where the reader of its output leaves before the end, which is no failure of the command.

    What a command writes to files it should write before it prints: it ends where the reader leaves.
    """
    try:
        code = command()
        sys.stdout.flush()
    except BrokenPipeError:
        # Python flushes once more when it ends, and would complain there.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return code
