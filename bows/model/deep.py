"""An autoencoder with a two-layer encoder, to test whether the geometry depends on a linear encoder."""

import torch
from torch import Tensor
from torch.nn import functional

from bows.model.autoencoder import Autoencoder, BiasStart, Loss, OutputActivation, affine, kaiming_uniform
from bows.setting_types import Count


class Deep(Autoencoder):
    """h = B relu(A f + a), f^ = s(D h + b), A of shape (hidden, V), B of shape (m, hidden), D of shape (V, m).

    A deep encoder has no single matrix of feature directions. `encoder_weight` is its mean Jacobian, B diag(p) A, where p is the share of
    training bags in which each hidden unit is active: the average effect on h of adding one word. p is a running mean over batches.
    """

    stackable = True
    GATE_MEMORY = 0.99

    def __init__(
        self,
        features: int,
        latent: Count,
        hidden: Count,
        output_activation: OutputActivation = "relu",
        loss: Loss = "squared_error",
        bias_start: BiasStart = "zero",
    ):
        super().__init__(features, latent, output_activation, loss)
        self.bias_start = bias_start
        self.input_weight = kaiming_uniform(hidden, features)
        self.input_bias = torch.nn.Parameter(torch.zeros(hidden))
        self.hidden_weight = kaiming_uniform(latent, hidden)
        self.decoder = kaiming_uniform(features, latent)
        self.gates: Tensor
        self.register_buffer("gates", torch.full((hidden,), 0.5))

    def encode(self, bags: Tensor) -> Tensor:
        hidden = functional.relu(affine(bags, self.input_weight, self.input_bias))
        if self.training:
            on = (hidden.detach() > 0).to(self.gates.dtype).mean(dim=-2)
            self.gates.lerp_(on, 1 - self.GATE_MEMORY)
        return affine(hidden, self.hidden_weight)

    def active_units(self, bags: Tensor) -> Tensor:
        return (affine(bags, self.input_weight, self.input_bias) > 0).to(bags.dtype)

    @property
    def unit_weights(self) -> tuple[Tensor, Tensor]:
        return self.input_weight, self.hidden_weight

    @property
    def encoder_weight(self) -> Tensor:
        return (self.hidden_weight * self.gates.unsqueeze(-2)) @ self.input_weight

    @property
    def decoder_weight(self) -> Tensor:
        return self.decoder
