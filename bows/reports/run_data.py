"""A run folder as its page reads it: each part when it is asked for, and what is missing or damaged as an error in one line."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from bows.analysis.clusters import category_labels
from bows.analysis.ordered_sets import resolve
from bows.errors import DataError
from bows.reports.selection import chosen_words
from bows.runs.discover import read_job
from bows.runs.varied import resolved


@dataclass(frozen=True)
class Weights:
    """Of an autoencoder, or of the embedding of a classifier of pairs."""

    encoder: Tensor
    """(m, V) float32: column i is the direction of word (or item) i."""
    decoder: Tensor | None
    """(V, m), None where it is the encoder's transpose."""
    bias: Tensor | None
    """(V,) of the output; None for a classifier of pairs."""


class RunFolder:
    """What a folder of a run tells, however little. Everything but `job` raises DataError where it cannot be read."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.job = read_job(folder)

    @cached_property
    def settings(self) -> dict[str, dict[str, Any]]:
        """The groups of the configuration, values behind interpolations in their place."""
        if not self.job.config:
            raise DataError(".hydra/config.yaml is missing or damaged")
        groups = {name: node for name, node in self.job.config.items() if isinstance(node, Mapping)}
        return {
            name: dict(node) if name == "analysis" else resolved(node, self.job.config) for name, node in groups.items()
        }

    def group(self, name: str) -> dict[str, Any]:
        """The settings of a group; empty where the run has none to read."""
        try:
            return self.settings.get(name, {})
        except DataError:
            return {}

    @property
    def of_pairs(self) -> bool:
        """Whether the run trained a classifier of pairs: its words are items."""
        return str(self.group("model").get("_target_", "")).endswith("PairClassifier")

    @property
    def table(self) -> pa.Table:
        """The per-word table: of the run, or of bows.analyze where that knows more of the same words on the run's own text."""
        return self._tables[0]

    @property
    def looked_again(self) -> str | None:
        """The folder in `analysis` that `table` is of; None where it is the run's own."""
        return self._tables[1]

    @cached_property
    def _tables(self) -> tuple[pa.Table, str | None]:
        own = _word_table(self.folder / "words.parquet")
        if _has_regimes(own):
            return own, None
        for folder in sorted(self.folder.glob("analysis/*/"), reverse=True):
            if _of_other_text(folder):
                continue
            try:
                table = _word_table(folder / "words.parquet")
            except DataError:  # another kind of look, or one that did not end
                continue
            if _has_regimes(table) and table.column("word").to_pylist() == own.column("word").to_pylist():
                return table, folder.name
        return own, None

    @cached_property
    def words(self) -> list[str]:
        """The V words in index order, of words.parquet or else vocabulary.txt."""
        try:
            return [str(word) for word in self.table.column("word").to_pylist()]
        except DataError as damaged:
            try:
                text = (self.folder / "vocabulary.txt").read_text(encoding="utf-8")
            except (OSError, UnicodeDecodeError):
                raise damaged from None
            return text.removesuffix("\n").split("\n")

    @cached_property
    def weights(self) -> Weights:
        """The weights, of as many words as `words`."""
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        file = self.folder / "model.safetensors"
        if not file.is_file():
            raise DataError("model.safetensors is missing")
        try:
            stored = load_file(file)
            if "embedding.weight" in stored:
                weights = Weights(stored["embedding.weight"].T.float(), None, None)
            else:
                decoder = stored.get("decoder.weight")
                weights = Weights(
                    stored["encoder.weight"].float(),
                    None if decoder is None else decoder.float(),
                    stored["decoder.bias"].float(),
                )
        except (OSError, SafetensorError) as error:
            raise DataError("model.safetensors is damaged") from error
        except KeyError as error:
            raise DataError(f"model.safetensors has no {error.args[0]}; it is of another model or version") from error
        count, words = weights.encoder.shape[-1], len(self.words)
        if count != words:
            raise DataError(
                f"model.safetensors is of {count:,} words, the run of {words:,}: one of its files is damaged"
            )
        given = [each for each in (weights.encoder, weights.decoder, weights.bias) if each is not None]
        if not all(bool(torch.isfinite(each).all()) for each in given):
            raise DataError("the weights are infinite or not numbers")
        return weights

    @cached_property
    def sets(self) -> dict[str, list[int]]:
        """Word indices of the ordered sets that are wholly in the vocabulary; none of items, whose names only look like words."""
        if self.of_pairs:
            return {}
        found = {
            name: resolve([str(word) for word in words], self.words)
            for name, words in _mapping(self.group("analysis").get("sets")).items()
        }
        return {
            name: place.indices
            for name, place in found.items()
            if not place.missing and len(set(place.indices)) == len(place.indices) >= 3
        }

    @cached_property
    def categories(self) -> dict[str, list[str]]:
        """Words of each category of `analysis.categories`."""
        given = _mapping(self.group("analysis").get("categories"))
        return {
            name: words.split() if isinstance(words, str) else [str(word) for word in words or ()]
            for name, words in given.items()
        }

    @cached_property
    def chosen(self) -> np.ndarray:
        """(n,) indices of the words that the page looks at closely."""
        words = self.words
        labels = category_labels(self.categories, words, least=3)
        categories = {name: np.flatnonzero(labels.labels == place).tolist() for place, name in enumerate(labels.names)}
        asked = resolve([str(word) for word in self.group("analysis").get("nearest_to") or ()], words).indices
        return chosen_words(len(words), self.sets, categories, asked, self.frequency)

    @cached_property
    def frequency(self) -> np.ndarray | None:
        """(V,) share of the held-out windows with each word, NaN where not known; None where the run has no such column."""
        try:
            table = self.table
        except DataError:
            return None
        if "frequency" not in table.column_names or table.column("frequency").null_count == len(table):
            return None
        return table.column("frequency").cast(pa.float64()).to_numpy(zero_copy_only=False)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _word_table(file: Path) -> pa.Table:
    from pyarrow import parquet

    if not file.is_file():
        raise DataError(f"{file.name} is missing")
    try:
        table = parquet.read_table(file)
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{file.name} is damaged") from error
    if "word" not in table.column_names:
        raise DataError(f"{file.name} is damaged: it has no column word")
    return table


def _has_regimes(table: pa.Table) -> bool:
    return "regime" in table.column_names and table.column("regime").null_count < len(table)


def _of_other_text(folder: Path) -> bool:
    """Whether an analysis was asked to measure other documents, or what it was asked cannot be read."""
    try:
        overrides = (folder / ".hydra" / "overrides.yaml").read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return True
    return any(line.lstrip("- '\"+~").startswith(("data=", "data.")) for line in overrides.splitlines())
