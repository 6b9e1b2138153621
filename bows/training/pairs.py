"""The task of a pair classifier, whose embeddings are to encode a value of each item."""

import logging
from collections.abc import Mapping
from pathlib import Path

import pytorch_lightning as pl

from bows.config.resolve import instantiate_plain
from bows.config.schema import TrainConfig
from bows.data.pairs import PairsDataModule
from bows.evaluation.evaluate import Evaluation
from bows.figures.render_pool import Picture
from bows.model.pair_classifier import PairClassifier
from bows.model.pair_module import PairModule
from bows.training.callbacks.classification import ClassificationMonitor
from bows.training.callbacks.nan_guard import LossGuard
from bows.training.callbacks.training_loss import TrainingLoss
from bows.training.evaluate_pairs import PairEvaluation, evaluate_pairs
from bows.training.save_pairs import write_pair_results
from bows.training.task import RunTask
from bows.training.trainer import training_steps

log = logging.getLogger(__name__)


class PairClassifierTask(RunTask[PairsDataModule]):
    """Trains a classifier of pairs and evaluates its embeddings."""

    objective = "classification/loss"
    classifier: PairClassifier

    def __init__(self, settings: TrainConfig, folder: Path):
        super().__init__(settings, folder)
        self.data = instantiate_plain(settings.data)
        pairs = self.data.task
        counts = {name: f"{len(split):,}" for name, split in pairs.splits.items()}
        log.info(
            "%d items, %d classes; %s training pairs, %d per batch; %s validation pairs",
            len(pairs.items), len(pairs.classes), counts["train"], self.data.batch_size, counts["validation"],
        )  # fmt: skip

    @property
    def data_hash(self) -> str:
        return self.data.task.hash

    def build(self) -> None:
        pairs = self.data.task
        self.classifier = instantiate_plain(self.settings.model, items=len(pairs.items), classes=len(pairs.classes))

    def monitors(self) -> list[pl.Callback]:
        return [TrainingLoss(), ClassificationMonitor(), LossGuard()]

    def module(self, trainer: pl.Trainer) -> PairModule:
        steps = training_steps(self.settings, self.data)
        optimizer, compiled = self.settings.optimizer, self.settings.trainer.compile
        return PairModule(self.classifier, optimizer, steps=steps, compile=compiled)

    def evaluate(self, trainer: pl.Trainer) -> PairEvaluation:
        classifier = self.classifier.to(trainer.strategy.root_device).eval()
        return evaluate_pairs(classifier, self.data.task, self.settings.analysis, self.settings.seed)

    def write(self, evaluation: Evaluation, summary: Mapping[str, float]) -> dict[str, Picture]:
        assert isinstance(evaluation, PairEvaluation)
        figures = self.settings.analysis.figures
        return write_pair_results(self.folder, self.classifier, self.data.task, evaluation, summary, figures)
