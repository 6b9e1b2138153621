"""The completed runs of a preset, chosen by their settings."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import torch
from safetensors.torch import load_file
from torch import Tensor

from bows.errors import SettingError
from bows.runs.discover import find_jobs
from bows.runs.folder import RunFolder, find_run
from bows.runs.reload import load_autoencoder, open_data


@dataclass(frozen=True)
class Run:
    """A completed run, read where it is asked for."""

    folder: Path
    dials: dict[str, Any]
    """seed, wd, latent, the options of model and data, and the data's name, shuffle and rewire."""
    summary: dict[str, float]
    corpus: str

    @cached_property
    def vocabulary(self) -> list[str]:
        return (self.folder / "vocabulary.txt").read_text(encoding="utf-8").removesuffix("\n").split("\n")

    # Read anew each time: those of dozens of large runs would not fit memory together.
    @property
    def encoder(self) -> Tensor:
        """(m, V)."""
        return load_file(self.folder / "model.safetensors")["encoder.weight"]

    @property
    def unit(self) -> Tensor:
        """(m, V): unit directions; of a word with a zero column, zeros."""
        return torch.nn.functional.normalize(self.encoder, dim=0)

    @cached_property
    def words(self) -> dict[str, list]:
        """words.parquet by columns."""
        return pq.read_table(self.folder / "words.parquet").to_pydict()

    @cached_property
    def finished(self) -> RunFolder:
        """The run as bows.analyze reads it."""
        return find_run(self.folder)

    @property
    def autoencoder(self) -> Any:
        """The trained autoencoder."""
        return load_autoencoder(self.finished)

    @cached_property
    def data(self) -> Any:
        """Its BagsDataModule. Raises BowsError where the corpus is gone and cannot be built again."""
        return open_data(self.finished.config["data"], self.finished, "run")

    def indices(self, words: Sequence[str]) -> list[int] | None:
        """Of words; None where the vocabulary lacks one of them."""
        places = {word: place for place, word in enumerate(self.vocabulary)}
        found = [places[word] for word in words if word in places]
        return found if len(found) == len(words) else None


def completed(folder: Path) -> list[Run]:
    """The completed runs in a folder, by seed; none where there is none."""
    try:
        jobs = find_jobs([folder])
    except SettingError:
        return []
    runs = []
    for job in jobs:
        if job.state == "completed" and job.config:
            dials = {name: job.config.get(name) for name in ("seed", "wd", "latent")}
            dials |= {name: job.choices.get(name) for name in ("model", "data")}
            dials |= {name: (job.config.get("data") or {}).get(name) for name in ("name", "shuffle", "rewire")}
            runs.append(Run(job.folder, dials, job.summary, str(job.status.get("corpus"))))
    return sorted(runs, key=lambda run: run.dials["seed"] or 0)


def chosen(runs: Sequence[Run], **dials: Any) -> Iterator[Run]:
    """Those with these dials."""
    return (run for run in runs if all(run.dials[name] == value for name, value in dials.items()))


def first(runs: Iterable[Run]) -> Run | None:
    """The run of the lowest seed; None of none."""
    return next(iter(runs), None)
