"""The interface of every autoencoder: bags in; a latent, a pre-activation and a reconstruction out.

A variant is a subclass that defines how it encodes and which weights it decodes with.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any, ClassVar, Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

OutputActivation = Literal["relu", "identity", "sigmoid"]
LatentActivation = Literal["identity", "relu"]
Loss = Literal["squared_error", "cross_entropy"]
BiasStart = Literal["zero", "frequency"]

# Members that define what a model computes, and the statements about it that hold for that computation alone.
FORMULA = {"encode", "encoder_weight", "decoder_weight", "forward", "decode", "loss", "losses"}
STATEMENTS = {"stackable": False, "linear_parameters": ()}


class AutoencoderOutput(NamedTuple):
    """latent: (batch, m). pre_activation: (batch, V), before the output activation. reconstruction: (batch, V), after it."""

    latent: Tensor
    pre_activation: Tensor
    reconstruction: Tensor


def affine(values: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Return values weight^T + bias, (batch, k), of (batch, n) values and a (k, n) weight.

    With a leading dimension of models, (models, k, n) weight and (models, k) bias, compute it for all models at once; values are then
    (batch, n), the same for each model, or (models, batch, n).
    """
    if weight.ndim == 2:
        return functional.linear(values, weight, bias)
    if bias is None:
        return values @ weight.mT
    if values.ndim == 2:
        values = values.expand(len(weight), *values.shape)
    return torch.baddbmm(bias.unsqueeze(-2), values, weight.mT)


def activate(values: Tensor, activation: str) -> Tensor:
    """Return relu, sigmoid or identity of the values, by the activation's name."""
    if activation == "relu":
        return functional.relu(values)
    if activation == "sigmoid":
        return torch.sigmoid(values)
    return values


def kaiming_uniform(rows: int, columns: int) -> nn.Parameter:
    """Return a (rows, columns) parameter, uniform in +-sqrt(6 / columns) (He et al. 2015, for a layer of `columns` inputs)."""
    weight = torch.empty(rows, columns)
    nn.init.kaiming_uniform_(weight)
    return nn.Parameter(weight)


class Autoencoder(nn.Module, ABC):
    """An autoencoder of V features and m latent dimensions, without a bias on the latent.

    A subclass inherits the class attributes below. One that redefines a member of FORMULA must state `stackable` and
    `linear_parameters` anew, since they hold for the inherited formula only: without that they are False and empty.

    Args:
        features: V.
        latent: m.
        output_activation: relu, identity or sigmoid.
        loss: squared_error (mean over cells) or cross_entropy (binary, mean over cells, on the pre-activation: for sigmoid outputs).
        bias: Whether the output bias is trained; without it is 0.
    """

    trains_on: ClassVar[str] = "bags"
    closed_form: ClassVar[bool] = False
    """Whether `fit` computes the weights from the data; other models are trained by gradient steps."""
    stackable: ClassVar[bool] = False
    """Whether the methods accept weights with a leading dimension of models (torch.func.functional_call) and return results with it;
    rows of zeros, which pad a smaller model, must then produce and receive zeros only."""
    linear_parameters: ClassVar[tuple[str, ...]] = ()
    """Names of the parameters that are E and, unless tied, D, where the model is h = E f, f^ = s(D h + b) for `latent_activation`
    identity. Empty for any other formula. Such models can train by the sparsity of the bags and by the fused loss of stacks."""
    tied: ClassVar[bool] = False
    """Whether the decoder is the encoder's transpose."""
    matrices: ClassVar[int] = 2
    """Number of (V, m) weight matrices: the estimate of a model's memory."""
    latent_activation: LatentActivation = "identity"
    bias_start: BiasStart = "zero"
    """Output bias before the first step: zero, as in the paper, or the one with which an empty latent gives each word's frequency."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if FORMULA & vars(cls).keys():
            for name, neutral in STATEMENTS.items():
                if name not in vars(cls):
                    setattr(cls, name, neutral)

    bias: Tensor
    """(V,) of the output; a buffer of zeros without a trained bias."""

    def __init__(self, features: int, latent: int, output_activation: OutputActivation, loss: Loss, bias: bool = True):
        super().__init__()
        self.features = features
        self.latent = latent
        self.output_activation = output_activation
        self.loss_name = loss
        self.has_bias = bias
        if bias:
            self.bias = nn.Parameter(torch.zeros(features))
        else:
            self.register_buffer("bias", torch.zeros(features))

    @abstractmethod
    def encode(self, bags: Tensor) -> Tensor:
        """Return the (batch, m) latent of (batch, V) bags."""

    @property
    @abstractmethod
    def encoder_weight(self) -> Tensor:
        """(m, V): column i is the direction in which the encoder writes feature i."""

    @property
    @abstractmethod
    def decoder_weight(self) -> Tensor:
        """(V, m): row i is the direction along which the decoder reads feature i."""

    @property
    def is_linear(self) -> bool:
        """Whether h = E f and f^ = s(D h + b), with the parameters that `linear_parameters` names."""
        return bool(self.linear_parameters) and self.latent_activation == "identity"

    def active_units(self, bags: Tensor) -> Tensor | None:
        """Return which of the encoder's G rectified units are active, (batch, G) of zeros and ones; None for an encoder without any.

        Among bags with the same active units g the pre-activation is affine in the bag f: its effective map is M(f) = D L diag(g) U, with
        U and L the `unit_weights`.
        """
        return (self.encode(bags) > 0).to(bags.dtype) if self.latent_activation == "relu" else None

    @property
    def unit_weights(self) -> tuple[Tensor, Tensor | None]:
        """Weights of the rectified units: U (G, V) from a bag to them, L (m, G) from them to the latent, None for the identity."""
        return self.encoder_weight, None

    @torch.no_grad()
    def start_bias(self, frequency: Tensor) -> None:
        """Set the output bias so that a latent of zeros gives (V,) frequencies in (0, 1): log-odds for sigmoid outputs."""
        self.bias.copy_(torch.logit(frequency) if self.output_activation == "sigmoid" else frequency)

    def fit(self, batches: Iterable[Tensor]) -> None:
        """Fit the weights to (batch, V) bags, streamed once. Only for classes with `closed_form`."""
        raise NotImplementedError(f"{type(self).__name__} has no closed form")

    def forward(self, bags: Tensor) -> AutoencoderOutput:
        return self.decode(self.encode(bags))

    def decode(self, latent: Tensor) -> AutoencoderOutput:
        """Return the output of a (batch, m) latent."""
        # In this form both gradients of a tied weight have the weight's own memory layout, so that adding them is one contiguous pass
        # (a linear layer on weight.T needs a strided one, a tenth of the step at V = 10,000).
        decoder = self.decoder_weight
        if decoder.ndim == 2:
            pre_activation = torch.addmm(self.bias, latent, decoder.T)
        else:
            pre_activation = torch.baddbmm(self.bias.unsqueeze(-2), latent, decoder.mT)
        return AutoencoderOutput(latent, pre_activation, activate(pre_activation, self.output_activation))

    def loss(self, output: AutoencoderOutput, bags: Tensor) -> Tensor:
        """Return the scalar loss: the mean over all cells."""
        if self.loss_name == "cross_entropy":
            return functional.binary_cross_entropy_with_logits(output.pre_activation, bags)
        return functional.mse_loss(output.reconstruction, bags)

    def losses(self, output: AutoencoderOutput, bags: Tensor) -> Tensor:
        """Return the loss of each model, (models,), of an output with a leading dimension of models."""
        if self.loss_name == "cross_entropy":
            cells = functional.binary_cross_entropy_with_logits(
                output.pre_activation, bags.expand_as(output.pre_activation), reduction="none"
            )
        else:
            cells = (output.reconstruction - bags).square()
        return cells.mean(dim=(-2, -1))


def weights(autoencoder: Autoencoder) -> tuple[Tensor, Tensor | None]:
    """Return the encoder (m, V), and the decoder (V, m) or None if the two are tied; float32, detached."""
    encoder = autoencoder.encoder_weight.detach().float()
    return encoder, None if autoencoder.tied else autoencoder.decoder_weight.detach().float()
