"""The inputs of an evaluation, and what one pass over the held-out windows leaves for every group of metrics."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Tensor

from bows.analysis.cooccurrence import Cooccurrence
from bows.analysis.directions import directions
from bows.analysis.gated_map import GatedMap, gated_map
from bows.analysis.interference import InterferenceSums, strata_edges
from bows.analysis.packing import CosineExtremes, WordGeometry, cosine_extremes, self_terms, word_geometry
from bows.analysis.read_out import FOLDS, ReadOut, ReadOutSums, folds
from bows.analysis.reconstruction import ReconstructionSums
from bows.config.schema import Analysis
from bows.data.datamodule import BagsDataModule
from bows.data.windows import SPARSE_BATCH, Windows, spread
from bows.model.autoencoder import Autoencoder, AutoencoderOutput, weights
from bows.model.sparse_loss import why_dense
from bows.runs.folder import RunFolder

SAMPLE = 2000  # windows that a quantity needs which is the mean over many of them, or their quantiles


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


def encoder_by_word(autoencoder: Autoencoder, windows: Windows, batch_size: int, device: torch.device) -> Tensor | None:
    """Return the encoder as (V, m), each word's direction in contiguous memory, to encode nearly empty bags by sums of directions.

    None where the dense product is as fast, or the latent is not such a sum.
    """
    reason = why_dense(autoencoder, windows.density(), batch_size, device, "32-true", compiled=False)
    return autoencoder.encoder_weight.detach().T.contiguous() if reason is None else None


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
        self.rectified = ReconstructionSums(words, self.device)
        self.interference = self.interference_sums()

    def interference_sums(self) -> InterferenceSums:
        """Return empty sums for this model, with the strata of the held-out windows."""
        autoencoder = self.autoencoder
        terms, relu = self_terms(self.encoder, self.decoder), autoencoder.output_activation == "relu"
        return InterferenceSums(autoencoder.bias, terms, self.analysis.threshold, relu, self.edges)

    def add_interference(self, sums: InterferenceSums, bags: Tensor, output: AutoencoderOutput) -> None:
        """Add a batch to sums, with the self terms of its own active units where the encoder has rectified units."""
        terms = None if self.gated is None else self.gated.self_terms(self.active_units(bags))
        sums.update(bags, output.pre_activation, output.reconstruction, terms)

    @cached_property
    def gated(self) -> GatedMap | None:
        """The effective map of an encoder with rectified units; None for an affine encoder, whose map is the same for all bags."""
        if self.autoencoder.active_units(torch.zeros(1, self.autoencoder.features, device=self.device)) is None:
            return None
        return gated_map(*self.autoencoder.unit_weights, self.autoencoder.decoder_weight)

    def active_units(self, bags: Tensor) -> Tensor:
        """Return which rectified units are active: (B, G); only for an encoder that has some."""
        active = self.autoencoder.active_units(bags)
        assert active is not None
        return active

    @cached_property
    def edges(self) -> Tensor:
        """Edges between strata of the number of words in a held-out window, from at most 2,000 windows, evenly spaced."""
        windows = self.data.windows("validation")
        sizes = [bags.sum(1).cpu() for bags in windows.batches(self.data.evaluation_batch_size, self.device, SAMPLE)]
        return strata_edges(torch.cat(sizes))

    def independent_bags(self) -> Iterator[Tensor]:
        """Yield bags (B, V) of independent words with the held-out frequencies: as many as held-out windows, at most 2,000."""
        generator = torch.Generator().manual_seed(self.seed)
        frequency = torch.from_numpy(self.natural.frequency().filled(0.0)).float()
        for numbers in torch.arange(min(self.natural.windows, SAMPLE)).split(self.data.evaluation_batch_size):
            yield (torch.rand(len(numbers), len(frequency), generator=generator) < frequency).float().to(self.device)

    @cached_property
    def read_out(self) -> ReadOut | None:
        """The linear read-out of the latent, fitted on at most `analysis.read_out_windows` training windows, evenly spaced.

        The folds of its cross-validation are blocks of consecutive windows taken in turn, so that each has windows of all parts of the
        text, as the held-out documents are: a quarter of a text may have other topics than the rest, which asks for a penalty that is too
        large. A document is in one fold but for the ends of blocks, which are few: see :func:`bows.analysis.read_out.folds`.
        """
        if "read_out" not in self.groups:
            return None
        sums = ReadOutSums(self.autoencoder.latent, self.autoencoder.features, self.device, FOLDS)
        windows = self.training.windows("train")
        numbers = spread(len(windows), self.analysis.read_out_windows)
        size = self.training.evaluation_batch_size
        by_word = encoder_by_word(self.autoencoder, windows, size, self.device)
        of_window = folds(len(numbers), windows.bags.rows, windows.window)
        for fold in range(FOLDS):
            chosen = numbers[of_window == fold]
            for some in chosen.split(size if by_word is None else SPARSE_BATCH) if len(chosen) else ():
                if by_word is None:
                    bags = windows.multi_hot(some, self.device)
                    sums.update(self.autoencoder.encode(bags), bags, fold)
                else:
                    bags = windows.sparse(some)
                    sums.update(bags.sum_words(by_word), bags, fold)
        return sums.solve(self.analysis.ridge)

    def outputs(self, autoencoder: Autoencoder | None = None) -> Iterator[tuple[Tensor, AutoencoderOutput]]:
        """Yield the held-out bags (B, V), on the device, with the output of a model for them: this run's, or another one's."""
        autoencoder = autoencoder or self.autoencoder
        windows, size = self.data.windows("validation"), self.data.evaluation_batch_size
        by_word = encoder_by_word(autoencoder, windows, size, self.device)
        for numbers in torch.arange(len(windows)).split(size):
            bags = windows.multi_hot(numbers, self.device)
            if by_word is None:
                yield bags, autoencoder(bags)
            else:
                yield bags, autoencoder.decode(windows.sparse(numbers).sum_words(by_word))

    @cached_property
    def cooccurrence(self) -> Cooccurrence:
        """Counts of word pairs over the held-out windows."""
        windows = self.data.windows("validation")
        return Cooccurrence(windows.sparse_batches, windows.words)

    @cached_property
    def extremes(self) -> CosineExtremes | None:
        """Extreme cosines between unit directions; None with fewer than two words that have a direction."""
        unit, _ = directions(self.encoder)
        return cosine_extremes(unit) if unit.shape[1] > 1 else None

    @cached_property
    def word_geometry(self) -> WordGeometry:
        """How each word's direction lies to the others."""
        return word_geometry(self.encoder, self.extremes)
