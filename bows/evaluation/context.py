"""The inputs of an evaluation, and what one pass over the held-out windows leaves for every group of metrics."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Tensor

from bows.analysis.cooccurrence import Cooccurrence
from bows.analysis.directions import directions
from bows.analysis.interference import InterferenceSums
from bows.analysis.packing import CosineExtremes, WordGeometry, cosine_extremes, self_terms, word_geometry
from bows.analysis.read_out import ReadOut, ReadOutSums
from bows.analysis.reconstruction import ReconstructionSums
from bows.config.schema import Analysis
from bows.data.datamodule import BagsDataModule
from bows.model.autoencoder import Autoencoder, weights
from bows.runs.folder import RunFolder


@dataclass(frozen=True)
class LoadedRun:
    """A finished run with everything that an analysis of it reads."""

    run: RunFolder
    autoencoder: Autoencoder
    data: BagsDataModule
    """Its held-out windows are evaluated."""
    training: BagsDataModule
    """Its training windows fit baselines and read-outs; another one than `data` where other documents are evaluated."""
    device: torch.device
    seed: int
    """Of every random draw."""

    @property
    def vocabulary(self) -> list[str]:
        """The V words in index order."""
        return self.run.vocabulary

    def held_out(self) -> Iterator[Tensor]:
        """Yield the held-out bags (B, V), on the device."""
        return self.data.windows("validation").batches(self.data.evaluation_batch_size, self.device)

    def training_bags(self) -> Iterator[Tensor]:
        """Yield the training bags (B, V), on the device."""
        return self.training.windows("train").batches(self.training.evaluation_batch_size, self.device)


@dataclass
class Context:
    """What a group of metrics is computed from; anything expensive that two groups share is computed once, on first use."""

    autoencoder: Autoencoder
    data: BagsDataModule
    training: BagsDataModule
    sets: Mapping[str, Sequence[int]]
    analysis: Analysis
    seed: int
    device: torch.device
    groups: frozenset[str]
    columns: dict = field(default_factory=dict)
    """Columns of the word table so far, by name: (V,) each."""

    def __post_init__(self) -> None:
        self.encoder, self.decoder = weights(self.autoencoder)
        words = self.autoencoder.features
        self.natural = ReconstructionSums(words, self.device)
        self.linear = ReconstructionSums(words, self.device)
        self.interference = InterferenceSums(
            self.autoencoder.bias, self_terms(self.encoder, self.decoder), self.analysis.threshold
        )

    def held_out(self) -> Iterator[Tensor]:
        """Yield the held-out bags (B, V), on the device."""
        return self.data.windows("validation").batches(self.data.evaluation_batch_size, self.device)

    @cached_property
    def read_out(self) -> ReadOut | None:
        """The linear read-out of the latent, fitted on at most `analysis.read_out_windows` training windows, evenly spaced."""
        if "read_out" not in self.groups:
            return None
        sums = ReadOutSums(self.autoencoder.latent, self.autoencoder.features, self.device)
        windows, size = self.training.windows("train"), self.training.evaluation_batch_size
        for bags in windows.batches(size, self.device, self.analysis.read_out_windows):
            sums.update(self.autoencoder.encode(bags), bags)
        return sums.solve(self.analysis.ridge)

    @cached_property
    def cooccurrence(self) -> Cooccurrence:
        """Counts of word pairs over the held-out windows."""
        return Cooccurrence(self.held_out, self.autoencoder.features)

    @cached_property
    def extremes(self) -> CosineExtremes | None:
        """Extreme cosines between unit directions; None with fewer than two words that have a direction."""
        unit, _ = directions(self.encoder)
        return cosine_extremes(unit) if unit.shape[1] > 1 else None

    @cached_property
    def word_geometry(self) -> WordGeometry:
        """How each word's direction lies to the others."""
        return word_geometry(self.encoder, self.extremes)
