"""Run a command that stops at one chosen moment and waits there, so that a test can signal it then on any machine.

Usage: pause.py MOMENT FILE module word ...

MOMENT is `step:N` (N optimizer steps are done) or `write:COUNT:PATTERN:TEXT` (the COUNT-th file whose path matches PATTERN and that
contains TEXT was renamed into place). FILE is then made, and the command continues when FILE is removed.
"""

import fnmatch
import os
import runpy
import sys
import time
from pathlib import Path


def wait(file: Path) -> None:
    file.touch()
    while file.exists():
        time.sleep(0.005)


def pause_at_step(step: int, file: Path) -> None:
    import pytorch_lightning as pl

    class Pause(pl.Callback):
        def on_train_batch_end(self, trainer: pl.Trainer, *arguments: object) -> None:
            if trainer.global_step == step:
                wait(file)

    fit = pl.Trainer.fit

    def paused_fit(self: pl.Trainer, *arguments, **settings) -> None:
        self.callbacks.append(Pause())
        fit(self, *arguments, **settings)

    pl.Trainer.fit = paused_fit


def pause_at_write(count: int, pattern: str, text: str, file: Path) -> None:
    replace, written = os.replace, set()

    def paused_replace(source, target, **settings) -> None:
        replace(source, target, **settings)
        if (
            len(written) < count
            and fnmatch.fnmatch(str(target), pattern)
            and text.encode() in Path(target).read_bytes()
        ):
            written.add(str(target))
            if len(written) == count:
                wait(file)

    os.replace = paused_replace


def main() -> None:
    kind, _, value = sys.argv[1].partition(":")
    file = Path(sys.argv[2])
    if kind == "step":
        pause_at_step(int(value), file)
    else:
        count, pattern, text = value.split(":")
        pause_at_write(int(count), pattern, text, file)
    sys.argv = sys.argv[3:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
