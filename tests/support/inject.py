"""Run a command in which one fault happens at a chosen event of its own.

Usage: inject.py KIND NUMBER FILE module word ...

An event is an operation of this process that changes a folder (a file opened for writing, a rename, a removal, a new folder or link) or
the end of an optimizer step, so the same command has the same events on every machine. KIND is one of

    count   no fault; the number of events is written to FILE as the command ends
    kill    SIGKILL before event NUMBER
    full    from event NUMBER on, every operation that needs space fails as on a full disk
    size    writing beyond NUMBER bytes into a file fails, also by libraries that are not written in Python
    tear    the process is killed as it writes beyond NUMBER bytes into a file
    user    the command runs as the user NUMBER, who owns nothing; 0 for the present user
"""

import atexit
import errno
import os
import resource
import runpy
import signal
import sys
from collections.abc import Callable
from pathlib import Path

# Operations by their names in Python's audit events; those that need space on the disk are marked.
OPERATIONS = {
    "os.rename": True,
    "os.mkdir": True,
    "os.link": True,
    "os.remove": False,
    "os.rmdir": False,
    "os.truncate": False,
}
PASSING = ("/dev/", "/proc/", "/sys/")


def on_events(act: Callable[[int, bool, str], None]) -> None:
    """Call `act(number, needs_space, path)` before each event; an error that it raises is that of the operation."""
    number, process = 0, os.getpid()

    def event(needs_space: bool, path: str) -> None:
        nonlocal number
        if os.getpid() == process:
            number += 1
            act(number, needs_space, path)

    def audit(name: str, arguments: tuple) -> None:
        if name == "open":
            path, _, flags = arguments
            if not isinstance(path, str | bytes | os.PathLike) or not flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
                return
            path = os.fsdecode(path)
            if not path.startswith(PASSING):
                event(bool(flags & os.O_CREAT), path)
        elif name in OPERATIONS and isinstance(arguments[0], str | bytes | os.PathLike):
            event(OPERATIONS[name], os.fsdecode(arguments[0]))

    import pytorch_lightning as pl

    class Steps(pl.Callback):
        def on_train_batch_end(self, *arguments: object) -> None:
            event(False, "")

    fit = pl.Trainer.fit

    def counted_fit(self: pl.Trainer, *arguments, **settings) -> None:
        self.callbacks.append(Steps())
        fit(self, *arguments, **settings)

    pl.Trainer.fit = counted_fit
    sys.addaudithook(audit)


def inject(kind: str, number: int, file: Path) -> None:
    def full(event: int, needs_space: bool, path: str) -> None:
        if event >= number and needs_space:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)

    def kill(event: int, needs_space: bool, path: str) -> None:
        if event == number:
            os.kill(os.getpid(), signal.SIGKILL)

    if kind == "count":
        seen = [0]
        atexit.register(lambda: file.write_text(str(seen[0])))
        on_events(lambda event, needs_space, path: seen.__setitem__(0, event))
    elif kind in ("kill", "full"):
        on_events({"kill": kill, "full": full}[kind])
    elif kind in ("size", "tear"):
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN if kind == "size" else signal.SIG_DFL)
        resource.setrlimit(resource.RLIMIT_FSIZE, (number, number))
    elif kind == "user" and number:
        os.setgroups([])
        os.setgid(number)
        os.setuid(number)


def main() -> None:
    kind, number, file = sys.argv[1:4]
    inject(kind, int(number), Path(file))
    sys.argv = sys.argv[4:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
