"""No name that other tools rely on is lost: files of run, sweep and corpus folders, keys, columns, settings, options, commands, flags.

names.json holds the names of the version that made the folders in tests/contract/old. A new name is allowed. To add the new names, run
BOWS_ADD_NAMES=1 python -m pytest -n 0 tests/contract/test_names.py
"""

import argparse
import csv
import importlib
import importlib.util
import json
import os
import re
import sys
import tomllib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from ..support.commands import environment

ROOT = Path(__file__).resolve().parents[2]
NAMES = Path(__file__).with_name("names.json")
TEXT = Path(__file__).parent / "old" / "text.txt"

SMALL = ["trainer=cpu", "logger=csv", "analysis=full", "analysis.permutations=19", "analysis.null_permutations=19"]
SMALL_TEXT = [
    "data=files", f"data.train={TEXT}", "data.vocab_size=60", "data.window=5", "data.min_chars=20", "data.val_fraction=0.3",
    "data.batch_size=16", "latent=6", "epochs=2", "lr=1e-2", *SMALL,
]  # fmt: skip
MODELS = {
    "tied": ["model=tied", "data.split=overlapping"],
    "relu_latent": ["model=relu_latent"],
    "deep": ["model=deep", "model.hidden=8"],
    "pca": ["model=pca"],
    "linear": ["model=linear"],
}
PAIRS = [
    "data=modular_addition", "model=pair_classifier", "data.modulus=11", "data.batch_size=8", "latent=6", "epochs=1", *SMALL,
]  # fmt: skip
MODULES = ("train", "analyze", "corpus", "collect", "report", "dashboard", "reproduce", "bench", "vectors")
# Lists of words: they are data, not settings.
WORD_LISTS = ("analysis.sets", "analysis.categories")


def read(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8"))


def files(folder: Path) -> Iterator[str]:
    """Relative paths of a folder's files, with * for times and random names; no locks, and of W&B only what bows logs."""
    for path in folder.rglob("*"):
        name = path.relative_to(folder).as_posix()
        hidden = any(part.startswith(".") and part != ".hydra" for part in name.split("/"))
        if path.is_dir() or hidden or re.search(r"wandb/.*(/logs/|requirements)|wandb/(debug|latest|artifacts)", name):
            continue
        name = re.sub(r"_\d+_[0-9a-f]{20}\.", "_*.", name)  # W&B's names of media: the step and a hash
        yield re.sub(r"(offline-run|run)-[\w-]+", r"\1-*", name)


def keys(value: Any, path: str = "") -> Iterator[str]:
    """Dotted names of the leaves of nested mappings, those in lists as of one item."""
    if isinstance(value, dict) and value and path not in WORD_LISTS:
        for key, inner in value.items():
            yield from keys(inner, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list) and value and isinstance(value[0], dict):
        yield from keys(value[0], f"{path}[]")
    else:
        yield path


def columns(file: Path) -> list[str]:
    if file.suffix == ".parquet":
        return pq.read_schema(file).names
    with file.open(newline="", encoding="utf-8") as rows:
        return next(csv.reader(rows))


def of_folder(kind: str, folder: Path) -> dict[str, Iterable[str]]:
    """Names of one run folder: the keys of its summary, and the columns of its tables where they are not those of the model tied."""
    found: dict[str, Iterable[str]] = {f"keys of summary.json, {kind}": read(folder / "summary.json")}
    for name in ("words.parquet", "regimes.csv", "metrics.csv") if kind in ("tied", "pairs") else ():
        if (folder / name).is_file():
            found[f"columns of {name}, {kind}"] = columns(folder / name)
    return found


def settings() -> dict[str, Iterable[str]]:
    """Options of each group, and the settings of each command composed with every option (experiments only set what options have)."""
    from hydra import compose, initialize_config_dir
    from omegaconf import OmegaConf

    from bows.config.launchers import LAUNCHERS, register_launchers

    register_launchers()
    options: dict[str, list[str]] = {}
    for file in sorted((ROOT / "conf").glob("*/**/*.yaml")):
        group, _, option = file.relative_to(ROOT / "conf").with_suffix("").as_posix().partition("/")
        if group != "hydra" and "shared/" not in option:
            options.setdefault(group, []).append(option)
    options["hydra/launcher"] = list(LAUNCHERS)
    found: dict[str, set[str]] = {"settings of hydra.launcher": set()}

    def add(root: str, *words: str) -> None:
        config = compose(root, [*words], return_hydra_config=True)
        launcher = OmegaConf.to_container(config.hydra.launcher, resolve=False)
        found["settings of hydra.launcher"] |= {str(key) for key in launcher}
        own = OmegaConf.to_container(OmegaConf.masked_copy(config, [key for key in config if key != "hydra"]))
        found.setdefault(f"settings of bows.{root}", set()).update(keys(own))

    with initialize_config_dir(version_base="1.3", config_dir=str(ROOT / "conf")):
        groups = {group: of_group for group, of_group in options.items() if group != "experiment"}
        for number in range(max(map(len, groups.values()))):
            add("train", *(f"{group}={chosen[number]}" for group, chosen in groups.items() if number < len(chosen)))
        add("analyze", "data=files")
        add("corpus", "data=files")
    return {**found, **{f"options of {group}": of_group for group, of_group in options.items()}}


def commands(monkeypatch) -> dict[str, Iterable[str]]:
    """Modules to run, console scripts that lead to a function, and the flags of those that do not read settings."""
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["scripts"]
    functions = {}
    for name, target in scripts.items():
        module, _, function = target.partition(":")
        with suppress(ImportError, AttributeError):
            functions[name] = getattr(importlib.import_module(module), function)
    found: dict[str, Iterable[str]] = {
        "console scripts": list(functions),
        "commands": [f"python -m bows.{name}" for name in MODULES if importlib.util.find_spec(f"bows.{name}")],
    }

    class Asked(BaseException):
        """Ends a command where it would read its arguments."""

    def ask(parser, *_, **__):
        raise Asked(parser)

    monkeypatch.setattr(argparse.ArgumentParser, "parse_known_args", ask)
    bench = importlib.import_module("bows.bench.__main__").main
    for name, function in {**functions, "bows-bench": bench}.items():
        if name in ("bows-train", "bows-analyze", "bows-corpus"):  # Hydra reads their arguments
            continue
        monkeypatch.setattr(sys, "argv", [name])
        with pytest.raises(Asked) as asked:
            function()
        actions = asked.value.args[0]._actions
        flags = [flag for action in actions for flag in action.option_strings or [action.dest]]
        chosen = [f"{action.dest}={choice}" for action in actions for choice in action.choices or ()]
        found[f"flags of {name}"] = [*flags, *chosen]
    return found


@pytest.fixture(scope="module")
def runs(tmp_path_factory, trained, look, composed, run_command) -> dict[str, Iterable[str]]:
    """Names that small runs, a sweep of two jobs and analyses leave."""
    from bows.collect import write_tables
    from bows.config.validate import check
    from bows.reports.run_report import write_report
    from bows.reports.sweep_report import write_sweep_report
    from bows.training.run import train

    place = tmp_path_factory.mktemp("names")
    # The sweep runs in another process while this one trains the rest.
    swept = [*SMALL_TEXT, "seed=1,2", "logger=wandb", "hydra/launcher=vectorized"]
    process = run_command.popen(["bows.train", "-m", *swept], env=environment(BOWS_OUTPUTS=str(place / "sweep")))
    found: dict[str, Iterable[str]] = {}
    for kind, words in MODELS.items():
        folder = trained(place / kind, f"outputs={place}", *SMALL_TEXT, *words, "analysis.figures=false")
        found |= of_folder(kind, folder)
    pairs = composed("train", f"outputs={place}", *PAIRS)
    (place / "pairs").mkdir()
    train(check(pairs), place / "pairs", None)
    found |= {**of_folder("pairs", place / "pairs"), "files of a run, pairs": files(place / "pairs")}
    tied = f"run={place / 'relu_latent'}"
    for kind, words in {"word": ["word=snow", "context=[January]"], "against": ["against=[pca]"]}.items():
        found[f"files of an analysis, {kind}"] = files(look(place / f"by_{kind}", tied, f"outputs={place}", *words))
    assert process.wait() == 0, [file.read_text(encoding="utf-8") for file in place.rglob("train.log")]
    (sweep,) = (place / "sweep" / "sweeps").glob("*/*")
    (job,), (corpus,) = sweep.glob("0-*"), (place / "sweep" / "corpora").glob("files-*")
    write_report(job)
    found["files of a run"] = files(job)
    found["files of a corpus"] = files(corpus)
    found["keys of manifest.json"] = [key for key in keys(read(corpus / "manifest.json")) if "word_counts." not in key]
    found["keys of status.json"] = keys(read(job / "status.json"))
    found["keys of jobs.json"] = keys(read(sweep / "jobs.json"))
    write_tables([sweep])
    write_sweep_report(sweep)
    for name in ("results.parquet", "summary.parquet"):
        found[f"columns of {name}"] = columns(sweep / name)
    found["files of a sweep"] = [name for name in files(sweep) if not name[0].isdigit()]
    return found


def test_no_name_is_lost(runs, monkeypatch):
    present = {
        section: sorted(set(names)) for section, names in {**runs, **settings(), **commands(monkeypatch)}.items()
    }
    known = read(NAMES) if NAMES.is_file() else {}
    if os.environ.get("BOWS_ADD_NAMES"):
        sections = sorted({*known, *present})
        known = {name: sorted({*known.get(name, []), *present.get(name, [])}) for name in sections}
        NAMES.write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8")
    lost = [
        f"{section}: {name}"
        for section, names in known.items()
        for name in names
        if name not in present.get(section, [])
    ]
    assert lost == [], "names that other tools rely on are lost"
