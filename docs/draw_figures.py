"""python docs/draw_figures.py: draw the figures of the pages again, by the commands that stand under them.

Under a figure, `% figure: <file> from <picture>` before a block of commands says that the last command's folder holds the picture.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from bows_docs.blocks import PAGES, marked

RUN = "outputs/runs/<date>/<run>"


def main() -> None:
    done: dict[str, Path] = {}
    outputs = Path(tempfile.mkdtemp())
    for block in marked("figure"):
        name, _, picture = block.marks["figure"].partition(" from ")
        folder = Path()
        for words in block.commands:
            words = [word.replace(RUN, str(folder)) for word in words]
            folder = done.get(" ".join(words)) or run(words, outputs)
            done[" ".join(words)] = folder
        shutil.copyfile(folder / "figures" / picture, PAGES / "figures" / name)
        print(PAGES / "figures" / name)
    shutil.rmtree(outputs)


def run(words: list[str], outputs: Path) -> Path:
    """Run a command of bows and return the folder that it prints last."""
    environment = {**os.environ, "BOWS_OUTPUTS": str(outputs)}
    done = subprocess.run(
        [sys.executable, "-m", *words, "logger=none"], env=environment, stdout=subprocess.PIPE, text=True, check=True
    )
    return Path(done.stdout.strip().splitlines()[-1])


if __name__ == "__main__":
    main()
