"""The LightningModules: one base that optimizes any model, and those that train autoencoders on bags and classifiers on pairs."""

from typing import Any, NamedTuple

import torch
from pytorch_lightning import LightningModule
from torch import Tensor, nn

from bows.model.autoencoder import Autoencoder, AutoencoderOutput
from bows.model.optimizers import OptimizerSettings, make_optimizer, make_schedule
from bows.model.pair_classifier import PairClassifier
from bows.model.sparse_loss import MemoryOrder, SparseLoss
from bows.sparse_bags import SparseBags


class OptimizedModule(LightningModule):
    """Precision, optimizer, schedule and clipping of a module whose parameters are all trained.

    Args:
        optimizer: The settings.
        steps: Optimizer steps of the whole training, the length of the learning-rate schedule. An argument, since
            Trainer.estimated_stepping_batches would create the batches before a resumed run has restored their position.
    """

    def __init__(self, optimizer: OptimizerSettings, steps: int):
        super().__init__()
        self.optimizer_settings = optimizer
        self.steps = steps

    def setup(self, stage: str) -> None:
        # Lightning converts the module only after it has loaded a checkpoint, whose weights would be rounded to the first precision.
        self.trainer.precision_plugin.convert_module(self)

    def configure_optimizers(self) -> Any:
        settings = self.optimizer_settings
        # A fused update reverts the loss scale of 16-mixed itself, after clipping: with both, the update must not be fused.
        scaled = str(self.trainer.precision) == "16-mixed" and settings.clip_norm is not None
        optimizer = make_optimizer(self.parameters(), settings, fused=not scaled)
        schedule = make_schedule(optimizer, settings, self.steps)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def configure_gradient_clipping(self, optimizer, gradient_clip_val=None, gradient_clip_algorithm=None) -> None:
        # Lightning's own clipping refuses fused optimizers under bf16, where there is no loss scale.
        if self.optimizer_settings.clip_norm is not None:
            nn.utils.clip_grad_norm_(self.parameters(), self.optimizer_settings.clip_norm)


class BagsModule(OptimizedModule):
    """Trains an autoencoder on (batch, V) bags or, after `train_sparsely`, on SparseBags; validates it on (batch, V) bags.

    `compile`: compile the forward pass with torch.compile.
    """

    def __init__(self, autoencoder: Autoencoder, optimizer: OptimizerSettings, *, steps: int, compile: bool = False):
        super().__init__(optimizer, steps)
        self.autoencoder = autoencoder
        self._sparse_loss: SparseLoss | None = None
        self._memory_order = MemoryOrder()
        if compile:
            autoencoder.compile()  # in place: the names of the weights stay

    def forward(self, bags: Tensor) -> AutoencoderOutput:
        return self.autoencoder(bags)

    def train_sparsely(self, products: torch.dtype = torch.float32) -> None:
        """Train on SparseBags from now on, as SparseLoss does. Requires an autoencoder that `why_dense` accepts."""
        self._sparse_loss = SparseLoss(self.autoencoder, products)

    def training_step(self, bags: Tensor | SparseBags, batch_index: int) -> Tensor:
        if isinstance(bags, SparseBags):
            assert self._sparse_loss is not None, "call train_sparsely first"
            return self._sparse_loss(bags)
        return self.autoencoder.loss(self(bags), bags)

    def validation_step(self, bags: Tensor, batch_index: int) -> AutoencoderOutput:
        return self(bags)

    def configure_optimizers(self) -> Any:
        configured = super().configure_optimizers()
        configured["optimizer"].register_step_post_hook(self._memory_order.after_update)
        return configured

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        self._memory_order.before_update(optimizer)

    def optimizer_zero_grad(self, epoch: int, batch_idx: int, optimizer: torch.optim.Optimizer) -> None:
        if self._sparse_loss is not None:
            self._sparse_loss.keep_gradients()
        optimizer.zero_grad()


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
