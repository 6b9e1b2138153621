"""A copy of the folders that an earlier version of bows made."""

import shutil
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
