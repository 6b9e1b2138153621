"""Commands run for real, and a copy of the folders that an earlier version of bows made."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

OLD = Path(__file__).parent / "old"
# What tests/contract/old/README.md puts in the place of the folder that the runs were made in.
PLACEHOLDER = "OLD"


@dataclass(frozen=True)
class OldFolders:
    """A copy of tests/contract/old whose stored paths point into the copy."""

    root: Path
    outputs: Path
    run: Path
    """A finished run: model=tied, analysis=full, data=files."""
    pairs: Path
    """A finished run: data=modular_addition, model=pair_classifier."""
    sweep: Path
    """Jobs 0, 1 and 4 of 8 are completed, job 2 was interrupted, the others never began."""


@pytest.fixture(scope="session")
def old_folders(tmp_path_factory):
    """Return a function that copies the old folders to a new place."""

    def copy() -> OldFolders:
        root = Path(shutil.copytree(OLD, tmp_path_factory.mktemp("old") / "copy"))
        outputs = root / "outputs"
        for file in outputs.rglob("*"):
            if file.suffix in {".yaml", ".json"}:
                text = file.read_text(encoding="utf-8")
                file.write_text(text.replace(f"{PLACEHOLDER}/", f"{root}/"), encoding="utf-8")
        run, pairs = sorted((outputs / "runs").glob("*/*"))
        (sweep,) = (outputs / "sweeps").glob("*/*")
        return OldFolders(root, outputs, run, pairs, sweep)

    return copy


@pytest.fixture(scope="session")
def start():
    """Return a function that starts `python -m <words>` with its outputs in a folder."""

    def process(outputs: Path, *words: str) -> subprocess.Popen:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("WANDB_", "BOWS_"))}
        environment = kept | {
            "BOWS_OUTPUTS": str(outputs), "NETRC": os.devnull, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1",
        }  # fmt: skip
        return subprocess.Popen(
            [sys.executable, "-m", *words], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    return process
