"""An autoencoder with separate encoder and decoder matrices."""

from torch import Tensor

from bows.model.autoencoder import (
    Autoencoder,
    BiasStart,
    LatentActivation,
    Loss,
    OutputActivation,
    activate,
    affine,
    kaiming_uniform,
)
from bows.setting_types import Count


class Untied(Autoencoder):
    """h = r(E f), f^ = s(D h + b), E of shape (m, V) and D of shape (V, m)."""

    stackable = True
    linear_parameters = ("encoder", "decoder")

    def __init__(
        self,
        features: int,
        latent: Count,
        output_activation: OutputActivation = "relu",
        latent_activation: LatentActivation = "identity",
        loss: Loss = "squared_error",
        bias_start: BiasStart = "zero",
        bias: bool = True,
    ):
        super().__init__(features, latent, output_activation, loss, bias)
        self.bias_start = bias_start
        self.latent_activation = latent_activation
        self.encoder = kaiming_uniform(latent, features)
        self.decoder = kaiming_uniform(features, latent)

    def encode(self, bags: Tensor) -> Tensor:
        return activate(affine(bags, self.encoder), self.latent_activation)

    @property
    def encoder_weight(self) -> Tensor:
        return self.encoder

    @property
    def decoder_weight(self) -> Tensor:
        return self.decoder
