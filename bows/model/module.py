"""The one LightningModule: trains any autoencoder."""

from typing import Any

from pytorch_lightning import LightningModule
from torch import Tensor, nn

from bows.model.autoencoder import Autoencoder, AutoencoderOutput
from bows.model.optimizers import OptimizerSettings, make_optimizer, make_schedule


class BagsModule(LightningModule):
    """Trains an autoencoder on (batch, V) bags.

    autoencoder: what is trained. optimizer: its settings. steps: optimizer steps of the whole training, over which the learning rate
    runs its course (given, since asking Lightning for it sets up the batches before a resumed run has told them where they were).
    compile: compile the forward pass with torch.compile.
    """

    def __init__(self, autoencoder: Autoencoder, optimizer: OptimizerSettings, *, steps: int, compile: bool = False):
        super().__init__()
        self.autoencoder = autoencoder
        self.optimizer_settings = optimizer
        self.steps = steps
        if compile:
            autoencoder.compile()  # in place: the names of the weights stay

    def forward(self, bags: Tensor) -> AutoencoderOutput:
        return self.autoencoder(bags)

    def training_step(self, bags: Tensor, batch_index: int) -> Tensor:
        return self.autoencoder.loss(self(bags), bags)

    def validation_step(self, bags: Tensor, batch_index: int) -> AutoencoderOutput:
        return self(bags)

    def configure_optimizers(self) -> Any:
        settings = self.optimizer_settings
        # Fused updates undo a loss scale of their own, after clipping: with one, clipping needs the plain kind.
        scaled = str(self.trainer.precision) == "16-mixed" and settings.clip_norm is not None
        optimizer = make_optimizer(self.autoencoder.named_parameters(), settings, fused=not scaled)
        schedule = make_schedule(optimizer, settings, self.steps)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def configure_gradient_clipping(self, optimizer, gradient_clip_val=None, gradient_clip_algorithm=None) -> None:
        # Not by Lightning's own clipping, which refuses fused optimizers under bf16, where there is no loss scale to undo.
        if self.optimizer_settings.clip_norm is not None:
            nn.utils.clip_grad_norm_(self.autoencoder.parameters(), self.optimizer_settings.clip_norm)
