"""What every autoencoder is: bags in; a latent, a pre-activation and a reconstruction out.

A variant is a final subclass that says how it encodes and which weights it decodes with; nothing is overridden twice.
"""

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

OutputActivation = Literal["relu", "identity", "sigmoid"]
LatentActivation = Literal["identity", "relu"]
Loss = Literal["squared_error", "cross_entropy"]


class AutoencoderOutput(NamedTuple):
    """latent: (batch, m). pre_activation: (batch, V), before the output activation. reconstruction: (batch, V), after it."""

    latent: Tensor
    pre_activation: Tensor
    reconstruction: Tensor


def affine(values: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """values weight^T + bias: (batch, n) values and (k, n) weight to (batch, k).

    With a dimension of models in front, (models, k, n) weight and (models, k) bias, for all of them at once: values are (batch, n), the
    same for each model, or (models, batch, n).
    """
    if weight.ndim == 2:
        return functional.linear(values, weight, bias)
    if bias is None:
        return values @ weight.mT
    if values.ndim == 2:
        values = values.expand(len(weight), *values.shape)
    return torch.baddbmm(bias.unsqueeze(-2), values, weight.mT)


def activate(values: Tensor, activation: str) -> Tensor:
    if activation == "relu":
        return functional.relu(values)
    if activation == "sigmoid":
        return torch.sigmoid(values)
    return values


def kaiming_uniform(rows: int, columns: int) -> nn.Parameter:
    """(rows, columns), uniform in +-sqrt(6 / columns): He et al. 2015, for a layer of `columns` inputs."""
    weight = torch.empty(rows, columns)
    nn.init.kaiming_uniform_(weight)
    return nn.Parameter(weight)


class Autoencoder(nn.Module, ABC):
    """An autoencoder of V features through m latent dimensions. The output bias is free, the latent has none.

    A class that is `stackable` takes weights with a dimension of models in front, too (torch.func.functional_call), and everything that
    comes out then has it; and rows of zeros, which pad a smaller model, pass on and get zeros only.

    features: V. latent: m. output_activation: relu, identity or sigmoid. loss: squared_error (mean over cells) or cross_entropy
    (binary, mean over cells, on the pre-activation: for sigmoid outputs).
    """

    stackable: ClassVar[bool] = False

    def __init__(self, features: int, latent: int, output_activation: OutputActivation, loss: Loss):
        super().__init__()
        self.features = features
        self.latent = latent
        self.output_activation = output_activation
        self.loss_name = loss
        self.bias = nn.Parameter(torch.zeros(features))

    @abstractmethod
    def encode(self, bags: Tensor) -> Tensor:
        """(batch, V) bags to a (batch, m) latent."""

    @property
    @abstractmethod
    def encoder_weight(self) -> Tensor:
        """(m, V): column i is the direction in which feature i is written."""

    @property
    @abstractmethod
    def decoder_weight(self) -> Tensor:
        """(V, m): row i is the direction along which feature i is read."""

    @property
    @abstractmethod
    def tied(self) -> bool:
        """Whether the decoder is the encoder's transpose."""

    def forward(self, bags: Tensor) -> AutoencoderOutput:
        latent = self.encode(bags)
        # Written so that a tied weight gets both its gradients in the weight's own layout: adding them is then one plain pass
        # (a linear layer on weight.T costs a strided one, a tenth of the step at V = 10,000).
        decoder = self.decoder_weight
        if decoder.ndim == 2:
            pre_activation = torch.addmm(self.bias, latent, decoder.T)
        else:
            pre_activation = torch.baddbmm(self.bias.unsqueeze(-2), latent, decoder.mT)
        return AutoencoderOutput(latent, pre_activation, activate(pre_activation, self.output_activation))

    def loss(self, output: AutoencoderOutput, bags: Tensor) -> Tensor:
        """Scalar: the mean over all cells."""
        if self.loss_name == "cross_entropy":
            return functional.binary_cross_entropy_with_logits(output.pre_activation, bags)
        return functional.mse_loss(output.reconstruction, bags)

    def losses(self, output: AutoencoderOutput, bags: Tensor) -> Tensor:
        """(models,): the loss of each model, of an output with a dimension of models in front."""
        if self.loss_name == "cross_entropy":
            cells = functional.binary_cross_entropy_with_logits(
                output.pre_activation, bags.expand_as(output.pre_activation), reduction="none"
            )
        else:
            cells = (output.reconstruction - bags).square()
        return cells.mean(dim=(-2, -1))


def weights(autoencoder: Any) -> tuple[torch.Tensor, torch.Tensor | None]:
    """The encoder (m, V), and the decoder (V, m) or None where the two are tied."""
    encoder = autoencoder.encoder_weight.detach().float()
    return encoder, None if autoencoder.tied else autoencoder.decoder_weight.detach().float()
