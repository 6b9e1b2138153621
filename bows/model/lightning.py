"""The one LightningModule: trains any autoencoder."""

from typing import Any

import torch
from pytorch_lightning import LightningModule
from torch import Tensor, nn

from bows.model.autoencoder import Autoencoder, AutoencoderOutput
from bows.model.memory_layout import MemoryOrder
from bows.model.optimizers import OptimizerSettings, make_optimizer, make_schedule
from bows.model.sparse_loss import SparseLoss
from bows.sparse_bags import SparseBags


class BagsModule(LightningModule):
    """Trains an autoencoder on (batch, V) bags, or, after `train_sparsely`, on SparseBags; validates it on (batch, V) bags.

    autoencoder: what is trained. optimizer: its settings. steps: optimizer steps of the whole training, over which the learning rate
    runs its course (given, since asking Lightning for it sets up the batches before a resumed run has told them where they were).
    compile: compile the forward pass with torch.compile.
    """

    def __init__(self, autoencoder: Autoencoder, optimizer: OptimizerSettings, *, steps: int, compile: bool = False):
        super().__init__()
        self.autoencoder = autoencoder
        self.optimizer_settings = optimizer
        self.steps = steps
        self._sparse_loss: SparseLoss | None = None
        self._memory_order = MemoryOrder()
        if compile:
            autoencoder.compile()  # in place: the names of the weights stay

    def forward(self, bags: Tensor) -> AutoencoderOutput:
        return self.autoencoder(bags)

    def setup(self, stage: str) -> None:
        # Lightning itself does so only after it has loaded a checkpoint, whose weights would be rounded to the model's first precision.
        self.trainer.precision_plugin.convert_module(self)

    def train_sparsely(self) -> None:
        """Train on SparseBags from now on. For the autoencoders that bows.model.sparse_loss can train."""
        self._sparse_loss = SparseLoss(self.autoencoder)

    def training_step(self, bags: Tensor | SparseBags, batch_index: int) -> Tensor:
        if isinstance(bags, SparseBags):
            assert self._sparse_loss is not None, "call train_sparsely first"
            return self._sparse_loss(bags)
        return self.autoencoder.loss(self(bags), bags)

    def validation_step(self, bags: Tensor, batch_index: int) -> AutoencoderOutput:
        return self(bags)

    def configure_optimizers(self) -> Any:
        settings = self.optimizer_settings
        # Fused updates undo a loss scale of their own, after clipping: with one, clipping needs the plain kind.
        scaled = str(self.trainer.precision) == "16-mixed" and settings.clip_norm is not None
        optimizer = make_optimizer(self.autoencoder.named_parameters(), settings, fused=not scaled)
        optimizer.register_step_post_hook(self._memory_order.after_update)
        schedule = make_schedule(optimizer, settings, self.steps)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        self._memory_order.before_update(optimizer)

    def optimizer_zero_grad(self, epoch: int, batch_idx: int, optimizer: torch.optim.Optimizer) -> None:
        if self._sparse_loss is not None:
            self._sparse_loss.keep_gradients()
        optimizer.zero_grad()

    def configure_gradient_clipping(self, optimizer, gradient_clip_val=None, gradient_clip_algorithm=None) -> None:
        # Not by Lightning's own clipping, which refuses fused optimizers under bf16, where there is no loss scale to undo.
        if self.optimizer_settings.clip_norm is not None:
            nn.utils.clip_grad_norm_(self.autoencoder.parameters(), self.optimizer_settings.clip_norm)
