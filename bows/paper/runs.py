"""The completed runs of a preset, selected by their settings."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from bows.errors import SettingError
from bows.runs.discover import find_jobs
from bows.runs.folder import RunFolder, find_run
from bows.runs.reload import load_autoencoder, open_data


@dataclass(frozen=True, eq=False)
class Run:
    """A completed run, with what the paper's claims ask of it."""

    files: RunFolder
    settings: dict[str, Any]
    """seed, wd, latent, the options of model and data, and the data's name, shuffle and rewire."""

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

    def indices(self, words: Sequence[str]) -> list[int] | None:
        """Return the indices of words; None where the vocabulary lacks one of them."""
        places = {word: place for place, word in enumerate(self.vocabulary)}
        found = [places[word] for word in words if word in places]
        return found if len(found) == len(words) else None


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
            settings |= {name: job.group("data").get(name) for name in ("name", "shuffle", "rewire")}
            runs.append(Run(job, settings))
    return sorted(runs, key=lambda run: run.settings["seed"] or 0)


def chosen(runs: Sequence[Run], **settings: Any) -> Iterator[Run]:
    """Yield the runs with these settings."""
    return (run for run in runs if all(run.settings[name] == value for name, value in settings.items()))


def first(runs: Iterable[Run]) -> Run | None:
    """Return the run of the lowest seed; None where there is none."""
    return next(iter(runs), None)
