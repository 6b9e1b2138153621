"""The completed runs of a preset, selected by their settings."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from bows.errors import BowsError, SettingError
from bows.runs.discover import find_jobs
from bows.runs.folder import RunFolder, find_run
from bows.runs.reload import load_autoencoder, open_data


class NotMeasured(BowsError):
    """The runs do not give a value, or what a figure is drawn from."""


@dataclass(frozen=True, eq=False)
class Run:
    """A completed run, with the parts of it that the paper's claims need."""

    files: RunFolder
    settings: dict[str, Any]
    """seed, wd, latent, the options of model and data, and the data's name, shuffle, rewire and remove."""

    @property
    def folder(self) -> Path:
        """The run folder."""
        return self.files.folder

    @property
    def summary(self) -> dict[str, float]:
        """Metric -> its last value."""
        return self.files.summary

    @property
    def vocabulary(self) -> list[str]:
        """The V words in index order."""
        return self.files.vocabulary

    # Read on each access: the weights of dozens of large runs would not fit in memory together.
    @property
    def encoder(self) -> Tensor:
        """(m, V)."""
        return load_file(self.folder / "model.safetensors")["encoder.weight"]

    @property
    def unit(self) -> Tensor:
        """(m, V): unit directions; zeros for a word with a zero column."""
        return torch.nn.functional.normalize(self.encoder, dim=0)

    def directions(self, words: Sequence[str]) -> Tensor:
        """Return the unit directions of words, (m, words) float64. Raises NotMeasured where the vocabulary lacks one."""
        indices = self.indices(words)
        return self.unit[:, indices].double()

    @cached_property
    def words(self) -> dict[str, list]:
        """words.parquet by columns."""
        return self.files.words_table.to_pydict()

    @property
    def autoencoder(self) -> Any:
        """The trained autoencoder."""
        return load_autoencoder(find_run(self.folder))

    @cached_property
    def data(self) -> Any:
        """The run's BagsDataModule. Raises BowsError where the corpus is missing and cannot be built again."""
        found = find_run(self.folder)
        return open_data(found.config["data"], found, "run")

    def known(self, words: Iterable[str]) -> list[str]:
        """Return the words that the vocabulary has."""
        vocabulary = set(self.vocabulary)
        return [word for word in words if word in vocabulary]

    def indices(self, words: Sequence[str]) -> list[int]:
        """Return the indices of words.

        Raises:
            NotMeasured: the vocabulary lacks one of them.
        """
        places = {word: place for place, word in enumerate(self.vocabulary)}
        if missing := [word for word in words if word not in places]:
            found = f"{len(words) - len(missing)} of the {len(words)} words are in this corpus's vocabulary"
            raise NotMeasured(f"{found}; missing: {', '.join(missing)}")
        return [places[word] for word in words]


def completed(folder: Path) -> list[Run]:
    """Return the completed runs in a folder, by seed; an empty list where there are none."""
    try:
        jobs = find_jobs([folder])
    except SettingError:
        return []
    runs = []
    for job in jobs:
        if job.state == "completed" and job.stored_config:
            settings = {name: job.stored_config.get(name) for name in ("seed", "wd", "latent")}
            settings |= {name: job.choices.get(name) for name in ("model", "data")}
            settings |= {name: job.group("data").get(name) for name in ("name", "shuffle", "rewire", "remove")}
            runs.append(Run(job, settings))
    return sorted(runs, key=lambda run: run.settings["seed"] or 0)


def chosen(runs: Sequence[Run], **settings: Any) -> list[Run]:
    """Return the runs with these settings."""
    return [run for run in runs if all(run.settings[name] == value for name, value in settings.items())]


def by_setting(runs: Sequence[Run], name: str) -> Iterator[tuple[Any, list[Run]]]:
    """Yield each value of a setting, rising, with its runs."""
    for value in sorted({run.settings[name] for run in runs}):
        yield value, chosen(runs, **{name: value})


def first(runs: Sequence[Run]) -> Run:
    """Return the run of the lowest seed. Raises NotMeasured where there is none."""
    if not runs:
        raise NotMeasured("no completed run")
    return runs[0]
