"""A tied autoencoder whose encoder has a free gain per feature: between the tied and the untied one."""

import torch
from torch import Tensor, nn

from bows.model.autoencoder import BiasStart, LatentActivation, Loss, OutputActivation, activate, affine
from bows.model.tied import Tied
from bows.setting_types import Count


class Gain(Tied):
    """h = r(W diag(g) f), f^ = s(W^T h + b): the encoder writes word i as g_i w_i, and the decoder reads it along w_i.

    Gains start at 1, where the model is the tied one. Source: Costa & Tolooshams 2026.
    """

    stackable = True
    tied = False
    matrices = 2

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
        super().__init__(features, latent, output_activation, latent_activation, loss, bias_start, bias)
        self.gain = nn.Parameter(torch.ones(features))

    def encode(self, bags: Tensor) -> Tensor:
        return activate(affine(bags, self.encoder_weight), self.latent_activation)

    @property
    def encoder_weight(self) -> Tensor:
        return self.weight * self.gain.unsqueeze(-2)
