"""Finished toy runs: all that a run of words can log, and all that one of pairs does."""

import csv
import json
from pathlib import Path

import pytest
import yaml

WORDS = [
    "analysis=full", "epochs=2", "latent=8", "lr=1e-2", "data.window=4", "data.min_chars=1", "data.batch_size=32", "trainer=cpu",
    "data.split=overlapping",
    "analysis.permutations=19", "analysis.null_permutations=19", "logger.mode=offline",
]  # fmt: skip
CATEGORIES = {
    "months": "January February March April May June July August September October November December",
    "seasons": "snow frost fire flower rain seed beach harvest sun leaf wind fog",
}
PAIRS = [
    "data=modular_addition", "model=pair_classifier", "data.modulus=11", "data.batch_size=8", "latent=6", "epochs=2",
    "trainer=cpu", "logger=none",
]  # fmt: skip


def finished_run(folder: Path, overrides: list[str], categories: dict[str, str]) -> Path:
    """A run trained in this process, which saves the seconds of starting another."""
    from hydra import compose, initialize_config_dir

    from bows.config.paths import CONF
    from bows.config.resolve import plain
    from bows.config.validate import check
    from bows.runs.status import RunStatus
    from bows.training.run import train

    with initialize_config_dir(version_base="1.3", config_dir=str(CONF)):
        config = plain(compose("train", [f"outputs={folder.parent / 'outputs'}", *overrides]))
    # Few words of the named list are in so small a text, and ten words of a kind are needed for the metrics of clusters.
    sets = {name: words.split() for name, words in categories.items() if name == "months"}
    config["analysis"] |= {"words": None, "sets": sets, "categories": categories}
    (folder / ".hydra").mkdir(parents=True)
    (folder / ".hydra" / "config.yaml").write_text(yaml.safe_dump(config))
    settings = check(config)
    status = RunStatus.start(folder, resumed=False)
    train(settings, folder, status)
    status.write("completed")
    return folder


def logged_names(folder: Path) -> set[str]:
    """Every metric of a run folder, read here without the code under test: metrics.csv's columns with a value, and summary.json's keys."""
    with (folder / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    history = {name for row in rows for name, value in row.items() if value} - {"step", "epoch"}
    return history | set(json.loads((folder / "summary.json").read_text()))


@pytest.fixture(scope="session")
def run_of_words(tmp_path_factory, wide_text) -> Path:
    folder = tmp_path_factory.mktemp("dashboards") / "words"
    return finished_run(folder, ["data=files", f"data.train={wide_text}", *WORDS], CATEGORIES)


@pytest.fixture(scope="session")
def run_of_pairs(tmp_path_factory) -> Path:
    return finished_run(tmp_path_factory.mktemp("dashboards") / "pairs", PAIRS, {})
