"""The LightningModule that trains a classifier of pairs."""

from typing import Any, NamedTuple

from pytorch_lightning import LightningModule
from torch import Tensor, nn

from bows.model.optimizers import OptimizerSettings, make_optimizer, make_schedule
from bows.model.pair_classifier import PairClassifier


class PairScores(NamedTuple):
    """Sums over the pairs of a batch."""

    loss: Tensor
    """Cross-entropy in nats, summed."""
    right: Tensor
    """How many pairs got their class."""


class PairModule(LightningModule):
    """Trains a PairClassifier by cross-entropy on (batch, 3) rows (first item, second item, class); validation gives PairScores.

    classifier: what is trained. optimizer: its settings. steps: optimizer steps of the whole training, over which the learning rate runs
    its course. compile: compile the forward pass with torch.compile.
    """

    def __init__(self, classifier: PairClassifier, optimizer: OptimizerSettings, *, steps: int, compile: bool = False):
        super().__init__()
        self.classifier = classifier
        self.optimizer_settings = optimizer
        self.steps = steps
        if compile:
            classifier.compile()  # in place: the names of the weights stay

    def setup(self, stage: str) -> None:
        # Lightning itself does so only after it has loaded a checkpoint, whose weights would be rounded to the model's first precision.
        self.trainer.precision_plugin.convert_module(self)

    def training_step(self, rows: Tensor, batch_index: int) -> Tensor:
        return nn.functional.cross_entropy(self.classifier(rows[:, :2]), rows[:, 2])

    def validation_step(self, rows: Tensor, batch_index: int) -> PairScores:
        logits, classes = self.classifier(rows[:, :2]), rows[:, 2]
        loss = nn.functional.cross_entropy(logits.float(), classes, reduction="sum")
        return PairScores(loss, (logits.argmax(1) == classes).sum())

    def configure_optimizers(self) -> Any:
        settings = self.optimizer_settings
        # Fused updates undo a loss scale of their own, after clipping: with one, clipping needs the plain kind.
        scaled = str(self.trainer.precision) == "16-mixed" and settings.clip_norm is not None
        optimizer = make_optimizer(self.classifier.named_parameters(), settings, fused=not scaled)
        schedule = make_schedule(optimizer, settings, self.steps)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def configure_gradient_clipping(self, optimizer, gradient_clip_val=None, gradient_clip_algorithm=None) -> None:
        # Not by Lightning's own clipping, which refuses fused optimizers under bf16.
        if self.optimizer_settings.clip_norm is not None:
            nn.utils.clip_grad_norm_(self.classifier.parameters(), self.optimizer_settings.clip_norm)
