"""Data flow one way: which part of the package may import which (the rules of the house, in README's file map)."""

import ast
from pathlib import Path

import pytest

import bows

PACKAGE = Path(bows.__file__).parent
SUBPACKAGES = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
MODULES = {path.stem for path in PACKAGE.glob("*.py")}
# What a subpackage may import of its siblings. Modules at the top of the package (the doors) may import anything.
MAY_IMPORT = {
    "data": set(),
    "model": set(),
    "analysis": set(),
    "figures": set(),
    "logger": set(),
    "callbacks": {"analysis", "console"},
    "sweep": (SUBPACKAGES - {"figures", "pages", "bench"}) | MODULES | {"pages.run"},  # a run's page, at its end
    # Of sweeps only what reads finished jobs, of data what opens a finished corpus: a page trains and builds nothing.
    "pages": {
        "analysis",
        "figures",
        "runs",
        "checks",
        "loading",
        "data.synthetic",
        "data.controls",
        "data.corpus",
        "data.windows",
        "sweep.collect_jobs",
        "sweep.collect_dials",
        "sweep.collecting",
    },
    # What runs left, taken apart again and drawn; and what a preset will take, before it is trained.
    "paper": {
        "analysis",
        "figures",
        "pages",
        "runs",
        "loading",
        "ablating",
        "sweep.collect_jobs",
        "command",
        "overrides",
        "sweep.stacking",
        "bench.text",
        "bench.timing",
    },
    # What runs left, and what its metrics say; nothing of W&B's own but its objects.
    "dashboards": {"pages.meanings", "sweep.collect_jobs", "sweep.collecting"},
    "bench": SUBPACKAGES | MODULES,
}
# Modules without logic of their own, which every part may use.
SHARED = {"errors", "places", "sparse_bags", "__version__"}
FORBIDDEN = {
    "analysis": {"pytorch_lightning", "lightning_fabric", "wandb", "matplotlib", "hydra", "omegaconf"},
    "figures": {"torch", "pytorch_lightning", "wandb", "hydra", "omegaconf"},
    "data": {"wandb", "matplotlib", "hydra", "omegaconf"},
    "model": {"wandb", "matplotlib", "hydra", "omegaconf"},
}


def imported(path: Path) -> set[str]:
    """Dotted names of all modules that a file imports, inside functions too."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names |= {f"{node.module}.{alias.name}" for alias in node.names} | {str(node.module)}
    return names


def test_every_subpackage_has_a_rule():
    assert set(MAY_IMPORT) == SUBPACKAGES


@pytest.mark.parametrize("subpackage", sorted(MAY_IMPORT))
def test_imports_run_one_way(subpackage):
    for path in (PACKAGE / subpackage).glob("*.py"):
        for name in imported(path):
            parts = name.split(".")
            if parts[0] == "bows" and len(parts) > 1:
                allowed = SHARED | {subpackage} | MAY_IMPORT[subpackage]
                within = {part for part in allowed if part.startswith(f"{parts[1]}.")}
                parent = len(parts) == 2 and within  # the package itself, named by what is imported from it
                assert parent or {parts[1], ".".join(parts[1:3])} & allowed, f"{path.name} imports {name}"
            assert parts[0] not in FORBIDDEN.get(subpackage, set()), f"{path.name} imports {name}"


def test_configurations_do_not_enter_classes():
    """Hydra's and OmegaConf's types stay in the doors."""
    users = {path.name for path in PACKAGE.rglob("*.py") if {"omegaconf.DictConfig", "omegaconf"} & imported(path)}
    assert users <= {
        "command.py",
        "overrides.py",
        "train.py",
        "training.py",
        "corpus.py",
        "analyze.py",
        "looking.py",
        "loading.py",
        "small_version.py",
        # of bows.sweep: what stands between Hydra and the training of stacks
        "composing.py",
        "engines.py",
        "launching.py",
        "plan.py",
        "settings_files.py",
        "task.py",
    }
