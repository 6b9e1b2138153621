"""Imports run one way: no cycle, and no import against the order of layers, in any file and inside functions too."""

import ast
from pathlib import Path

import pytest

import bows

PACKAGE = Path(bows.__file__).parent
# From the bottom up. A part imports from those above it in this list; parts in one row import none of each other.
LAYERS = [
    {"errors", "console", "files", "sparse_bags", "spelling", "setting_types"},
    {"figures"},
    {"config", "data", "model", "analysis"},
    {"runs"},
    {"tracking", "reports"},
    {"evaluation"},
    {"training"},
    {"sweep"},
    {"cli"},
    {"bench"},
    {"paper"},
    {"train", "analyze", "corpus", "collect", "report", "dashboard", "reproduce", "vectors"},
]
LAYER = {part: number for number, parts in enumerate(LAYERS) for part in parts}
# The foundation's files may use each other; cycles are found by their own test. They know nothing above them.
MAY_IMPORT_WITHIN = {0}
FORBIDDEN = {
    "analysis": {"pytorch_lightning", "lightning_fabric", "wandb", "matplotlib", "hydra", "omegaconf"},
    "figures": {"torch", "pytorch_lightning", "wandb", "hydra", "omegaconf"},
    "data": {"wandb", "matplotlib", "hydra", "omegaconf"},
    "model": {"wandb", "matplotlib", "hydra", "omegaconf"},
}
MODULES = {
    ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(PACKAGE.rglob("*.py"))
}


def imported(path: Path) -> set[str]:
    """Dotted names of all modules that a file imports, inside functions too."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            module = str(node.module)
            names |= {
                f"{module}.{alias.name}" if f"{module}.{alias.name}" in MODULES else module for alias in node.names
            }
    return names


IMPORTS = {module: imported(path) for module, path in MODULES.items()}


def part_of(module: str) -> str:
    return module.split(".")[1]


def test_every_part_has_a_layer():
    assert {part_of(module) for module in MODULES if module != "bows"} == set(LAYER)


@pytest.mark.parametrize("module", sorted(set(MODULES) - {"bows"}))
def test_module_imports_only_lower_layers(module):
    own = part_of(module)
    for name in IMPORTS[module]:
        if not name.startswith("bows."):
            assert name.split(".")[0] not in FORBIDDEN.get(own, set()), f"{module} imports {name}"
        elif part_of(name) != own:
            lower = LAYER[part_of(name)] < LAYER[own]
            same = LAYER[part_of(name)] == LAYER[own] and LAYER[own] in MAY_IMPORT_WITHIN
            assert lower or same, f"{module} imports {name}, which is not below it"


def test_no_import_cycle():
    """Every module can be ordered after all that it imports."""
    left = {module: {name for name in names if name in MODULES} - {module, "bows"} for module, names in IMPORTS.items()}
    while free := [module for module, names in left.items() if not names]:
        for module in free:
            del left[module]
        for names in left.values():
            names.difference_update(free)
    assert not left, f"import cycles among {sorted(left)}"


def test_few_files_at_the_top():
    assert len(list(PACKAGE.glob("*.py"))) <= 14
