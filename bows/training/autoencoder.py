"""The task of an autoencoder of bags: trained by gradient steps, or fitted in closed form."""

import logging
import time
from collections.abc import Mapping
from pathlib import Path

import pytorch_lightning as pl
import torch

from bows.analysis.geometry import GROUPS
from bows.analysis.ordered_sets import whole_sets
from bows.config.resolve import instantiate_plain
from bows.config.schema import TrainConfig
from bows.data.datamodule import BagsDataModule
from bows.evaluation.evaluate import Evaluation, evaluate
from bows.evaluation.inexpensive import inexpensive
from bows.evaluation.save import write_evaluation
from bows.figures.render_pool import Picture
from bows.files import write_whole
from bows.model.autoencoder import Autoencoder
from bows.model.lightning import BagsModule
from bows.model.sparse_loss import product_type, why_dense
from bows.runs.weights import make_autoencoder, save_model
from bows.training.callbacks.checkpoints import MONITOR
from bows.training.callbacks.geometry import GeometryMonitor
from bows.training.callbacks.losses import ReconstructionMonitor, TrainingLoss
from bows.training.callbacks.nan_guard import LossGuard
from bows.training.callbacks.throughput import MEGABYTE, peak_memory_bytes
from bows.training.checkpoint_files import CHECKPOINTS, LAST
from bows.training.task import RunTask, largest_product, training_steps

log = logging.getLogger(__name__)

# Share of the vocabulary in the validation split under which the log states it.
FEW_HELD_OUT = 0.9


class AutoencoderTask(RunTask[BagsDataModule]):
    """Trains an autoencoder and evaluates its reconstruction and its geometry. `data`: opened already, as members of a stack share it."""

    objective = MONITOR
    autoencoder: Autoencoder
    geometry: GeometryMonitor

    def __init__(self, settings: TrainConfig, folder: Path, data: BagsDataModule | None = None):
        super().__init__(settings, folder)
        self.data = data or open_bags(settings)
        self.vocabulary = self.data.corpus.vocabulary
        self.words = len(self.vocabulary)

    @property
    def data_hash(self) -> str:
        return self.data.corpus.hash

    @property
    def stored_hash(self) -> str | None:
        return self.data.corpus.stored_hash

    @property
    def work(self) -> float:
        model, data = self.autoencoder, self.data
        if model.closed_form:  # co-occurrences of every word with every word
            return float(data.evaluation_batch_size * model.features**2)
        return largest_product(data.batch_size, model)

    @property
    def evaluation_work(self) -> float:
        return float(self.autoencoder.features**2 * self.autoencoder.latent)

    def build(self, quiet: bool = False) -> None:
        """Create the model and find the ordered sets in the vocabulary; quiet: without a log line on incomplete sets."""
        self.autoencoder = make_autoencoder(self.settings.model, len(self.vocabulary))
        if self.autoencoder.bias_start == "frequency":
            self.autoencoder.start_bias(self.data.windows("train").frequency())
        analysis, seed = self.settings.analysis, self.settings.seed
        sets = whole_sets(analysis.ordered_sets, self.vocabulary, quiet=quiet)
        groups = sorted(set(analysis.groups) & set(GROUPS)) if analysis.looks != 0 else []
        self.geometry = GeometryMonitor(sets, analysis.permutations, seed, analysis.looks, groups, analysis.linear_sets)

    def monitors(self) -> list[pl.Callback]:
        geometry = [self.geometry] if self.geometry.groups else []
        return [TrainingLoss(), ReconstructionMonitor(), *geometry, LossGuard()]

    def module(self, trainer: pl.Trainer) -> BagsModule:
        compiled = self.settings.trainer.compile
        steps = training_steps(self.settings, self.data)
        module = BagsModule(self.autoencoder, self.settings.optimizer, steps=steps, compile=compiled)
        if not self.autoencoder.closed_form:
            choose_bags(trainer, module, self.data, compiled, self.settings.trainer.precision)
        return module

    def fit(self, trainer: pl.Trainer, checkpoint: Path | None) -> None:
        if self.autoencoder.closed_form:
            self._fit_closed_form(trainer)
        else:
            super().fit(trainer, checkpoint)
            self.take_best(trainer)
        # In the precision and the order of memory of model.safetensors, so that the evaluation can be repeated on the stored weights.
        self.autoencoder.float()
        for weight in self.autoencoder.parameters():
            weight.data = weight.data.contiguous()

    def evaluate(self, trainer: pl.Trainer) -> Evaluation:
        return self.evaluate_on(trainer.strategy.root_device)

    def evaluate_on(self, device: torch.device) -> Evaluation:
        """Evaluate the model on a device, after the evaluations of the geometry during training."""
        settings, before = self.settings, self.geometry.seconds
        found = evaluate(
            self.autoencoder, self.data, self.geometry.sets, settings.analysis, settings.seed, device, before
        )
        began = time.perf_counter()
        frequency = found.words.column("frequency").to_numpy().copy()
        more = inexpensive(self.autoencoder, self.data, frequency, settings.analysis, settings.seed, device)
        if more:
            found.metrics.update(more)
            found.metrics["speed/analysis_seconds"] += time.perf_counter() - began
        return found

    def write(self, evaluation: Evaluation, summary: Mapping[str, float]) -> dict[str, Picture]:
        corpus, sets, analysis = self.data.corpus, self.geometry.sets, self.settings.analysis
        save_model(self.folder / "model.safetensors", self.autoencoder)
        write_whole(self.folder / "vocabulary.txt", "".join(f"{word}\n" for word in corpus.vocabulary))
        return write_evaluation(self.folder, self.autoencoder, corpus, evaluation, summary, sets, analysis)

    def _fit_closed_form(self, trainer: pl.Trainer) -> None:
        """Fit the model to the training windows, then validate and save it as a trained one."""
        module, windows = self.module(trainer), self.data.windows("train")
        began = time.perf_counter()
        # Large batches: counting co-occurrences is one matrix product per batch.
        self.autoencoder.fit(windows.batches(self.data.evaluation_batch_size, trainer.strategy.root_device))
        seconds = time.perf_counter() - began
        metrics = trainer.validate(module, datamodule=self.data, verbose=False)[0]
        trainer.save_checkpoint(self.folder / CHECKPOINTS / LAST)
        speed = {
            "speed/windows_per_second": len(windows) / seconds,
            "speed/seconds": seconds,
            "speed/peak_memory_mb": peak_memory_bytes() / MEGABYTE,
        }
        for logger in trainer.loggers:
            logger.log_metrics({**metrics, **speed, "epoch": 0}, step=0)


def open_bags(settings: TrainConfig, quiet: bool = False) -> BagsDataModule:
    """Open the corpus of the settings and cut it into windows, so that a window longer than a split is refused before anything else."""
    data: BagsDataModule = instantiate_plain(settings.data)
    data.setup("fit")
    if not quiet:
        windows = f"{len(data.windows('train')):,}"
        log.info("%s windows of %d rows, %d per batch", windows, data.window, data.batch_size)
        if (share := data.corpus.held_out_words()) < FEW_HELD_OUT:
            log.info(
                "the validation split contains %.0f %% of the vocabulary: nothing is measured of the other words on held-out text; "
                "give a smaller data.vocab_size or more data.validation",
                100 * share,
            )
    return data


def choose_bags(trainer: pl.Trainer, module: BagsModule, data: BagsDataModule, compiled: bool, precision: str) -> None:
    """Set module and data to train on SparseBags if that is faster, else on (batch, V) bags, and log which; validation stays dense.

    `compiled` and `precision` are the settings `trainer.compile` and `trainer.precision`.
    """
    density = data.windows("train").density()
    batch = -(-data.batch_size // trainer.world_size)
    device, autoencoder = trainer.strategy.root_device, module.autoencoder
    reason = why_dense(autoencoder, density, batch, device, str(trainer.precision), compiled)
    if reason:
        log.info("training uses dense bags: %s", reason)
        return
    products = product_type(autoencoder, batch, precision)
    reduced = f", products in bfloat16 (trainer.precision={precision})" if products == torch.bfloat16 else ""
    log.info("training uses the sparsity of the bags (%.1f %% full)%s", density * 100, reduced)
    data.sparse_training = True
    module.train_sparsely(products)
