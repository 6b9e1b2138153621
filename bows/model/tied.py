"""The paper's autoencoder: one matrix encodes and decodes. The options tied, linear, relu_latent and sigmoid are settings of it."""

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


class Tied(Autoencoder):
    """h = r(W f), f^ = s(W^T h + b), W of shape (m, V). Source: Prieto et al. 2026; Elhage et al. 2022."""

    stackable = True
    linear_parameters = ("weight",)
    tied = True
    matrices = 1

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
        self.weight = kaiming_uniform(latent, features)

    def encode(self, bags: Tensor) -> Tensor:
        return activate(affine(bags, self.weight), self.latent_activation)

    @property
    def encoder_weight(self) -> Tensor:
        return self.weight

    @property
    def decoder_weight(self) -> Tensor:
        return self.weight.mT
