"""The LightningModule that trains a classifier of pairs."""

from typing import NamedTuple

from torch import Tensor, nn

from bows.model.lightning import OptimizedModule
from bows.model.optimizers import OptimizerSettings
from bows.model.pair_classifier import PairClassifier


class PairScores(NamedTuple):
    """Sums over the pairs of a batch."""

    loss: Tensor
    """Cross-entropy in nats, summed."""
    right: Tensor
    """Number of pairs assigned to their class."""


class PairModule(OptimizedModule):
    """Trains a PairClassifier by cross-entropy on (batch, 3) rows (first item, second item, class); validation returns PairScores.

    The arguments are those of BagsModule.
    """

    def __init__(self, classifier: PairClassifier, optimizer: OptimizerSettings, *, steps: int, compile: bool = False):
        super().__init__(optimizer, steps)
        self.classifier = classifier
        if compile:
            classifier.compile()  # in place: the names of the weights stay

    def training_step(self, rows: Tensor, batch_index: int) -> Tensor:
        return nn.functional.cross_entropy(self.classifier(rows[:, :2]), rows[:, 2])

    def validation_step(self, rows: Tensor, batch_index: int) -> PairScores:
        logits, classes = self.classifier(rows[:, :2]), rows[:, 2]
        loss = nn.functional.cross_entropy(logits.float(), classes, reduction="sum")
        return PairScores(loss, (logits.argmax(1) == classes).sum())
