"""The task of a pair classifier, whose embeddings are to encode a value of each item."""

import logging
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytorch_lightning as pl

from bows.config.resolve import instantiate_plain
from bows.config.schema import TrainConfig
from bows.data.pairs import PairsDataModule, PairTask
from bows.evaluation.save import read_columns
from bows.figures.ablation import ablation_bars
from bows.figures.curves import training_curves
from bows.figures.probed_places import city_map, residue_ring
from bows.figures.render_pool import Picture
from bows.files import finite, write_json, write_whole
from bows.model.lightning import PairModule
from bows.model.pair_classifier import PairClassifier
from bows.runs.weights import save_tensors
from bows.training.callbacks.losses import ClassificationMonitor, TrainingLoss
from bows.training.callbacks.nan_guard import LossGuard
from bows.training.evaluate_pairs import PairEvaluation, evaluate_pairs
from bows.training.task import RunTask, largest_product, training_steps

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

    @property
    def work(self) -> float:
        return max(
            largest_product(self.data.batch_size, layer) for layer in (self.classifier.hidden, self.classifier.output)
        )

    def build(self) -> None:
        pairs = self.data.task
        self.classifier = instantiate_plain(self.settings.model, items=len(pairs.items), classes=len(pairs.classes))

    def monitors(self) -> list[pl.Callback]:
        return [TrainingLoss(), ClassificationMonitor(), LossGuard()]

    def module(self, trainer: pl.Trainer) -> PairModule:
        steps = training_steps(self.settings, self.data)
        optimizer, compiled = self.settings.optimizer, self.settings.trainer.compile
        return PairModule(self.classifier, optimizer, steps=steps, compile=compiled)

    def fit(self, trainer: pl.Trainer, checkpoint: Path | None) -> None:
        super().fit(trainer, checkpoint)
        self.take_best(trainer)

    def evaluate(self, trainer: pl.Trainer) -> PairEvaluation:
        classifier = self.classifier.to(trainer.strategy.root_device).eval()
        return evaluate_pairs(classifier, self.data.task, self.settings.analysis, self.settings.seed)

    def write(self, evaluation: PairEvaluation, summary: Mapping[str, float]) -> dict[str, Picture]:
        """Write model.safetensors, vocabulary.txt (an item per line), words.parquet (a row per item), summary.json, the tables of figures/.

        The tensors are embedding.weight (items, m), hidden.weight (hidden, 2 m), hidden.bias (hidden), output.weight (classes, hidden) and
        output.bias (classes), float32.
        """
        save_tensors(self.folder / "model.safetensors", self.classifier.state_dict())
        write_whole(self.folder / "vocabulary.txt", "".join(f"{item}\n" for item in self.data.task.items))
        pq.write_table(evaluation.words, self.folder / "words.parquet")
        write_json(self.folder / "summary.json", finite(dict(sorted(summary.items()))))
        return pair_figures(self.folder, self.data.task, evaluation) if self.settings.analysis.figures else {}


def pair_figures(folder: Path, task: PairTask, evaluation: PairEvaluation) -> dict[str, Picture]:
    """Return the training curves, the ablations, and the map or ring; write the tables of the last two into figures/."""
    chosen, r2 = task.coordinates[evaluation.probe.chosen], evaluation.metrics["probe/r2"]
    ablations = ablation_table(evaluation)
    if chosen.order is None:
        name, items = "city_map", evaluation.words
        picture = Picture(city_map, (items.to_pydict(), r2))
    else:
        name, places = "residue_ring", np.empty(len(chosen.order), dtype=np.int64)
        places[chosen.order] = np.arange(len(chosen.order))
        items = evaluation.words.append_column("place", pa.array(places))
        picture = Picture(residue_ring, (items.to_pydict(), r2, int(chosen.frequency or 1)))
    (folder / "figures").mkdir(exist_ok=True)
    pq.write_table(ablations, folder / "figures" / "ablation.parquet")
    pq.write_table(items, folder / "figures" / f"{name}.parquet")
    return {
        "training_curves": Picture(training_curves, (read_columns(folder / "metrics.csv"), "Training")),
        "ablation": Picture(ablation_bars, (ablations.to_pydict(),)),
        name: picture,
    }


def ablation_table(evaluation: PairEvaluation) -> pa.Table:
    """Return a row per accuracy.

    `what` is base, keep, remove, keep_random, remove_random (a row per random plane), the last four also with _frequencies, as in
    keep_frequencies_random, and majority.
    """
    rows = [("base", evaluation.ablation.base)]
    for of, found in (("", evaluation.ablation), ("_frequencies", evaluation.together)):
        if found is not None:
            rows += [(f"keep{of}", found.keep), (f"remove{of}", found.remove)]
            rows += [(f"keep{of}_random", value) for value in found.keep_random]
            rows += [(f"remove{of}_random", value) for value in found.remove_random]
    rows.append(("majority", evaluation.metrics["ablation/accuracy_majority"]))
    return pa.table({"what": [what for what, _ in rows], "accuracy": [value for _, value in rows]})
