"""The squared error of many tied or untied autoencoders at once, and its gradients, in fewer passes than autograd's."""

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from bows.model.autoencoder import Autoencoder
from bows.model.tied import Tied
from bows.model.untied import Untied


def can_train(autoencoder: Autoencoder) -> bool:
    """Whether `SquaredErrors` is this autoencoder's loss."""
    return (
        isinstance(autoencoder, Tied | Untied)
        and autoencoder.latent_activation == "identity"
        and autoencoder.output_activation in {"identity", "relu"}
        and autoencoder.loss_name == "squared_error"
    )


class SquaredErrors(torch.autograd.Function):
    """(K,): the mean squared error over all cells of each of K models with h = E f, f^ = s(D h + b), s the identity or a ReLU.

    Arguments of `apply`: bags (batch, V) where all models see the same, or (K, batch, V). encoder (K, m, V). decoder (K, V, m), or None
    where it is the encoder's transpose. bias (K, V). rectified: whether s is a ReLU.

    Cells become errors, and errors gradients, in the same memory, in the order in which autograd computes them alone for one model, so that
    rounding is the same.
    """

    @staticmethod
    def forward(ctx, bags: Tensor, encoder: Tensor, decoder: Tensor | None, bias: Tensor, rectified: bool) -> Tensor:
        latent = _written(bags, encoder)
        cells = torch.baddbmm(bias.unsqueeze(1), latent, encoder if decoder is None else decoder.mT)
        if rectified:
            passed = cells.relu_()
            cells = passed - bags
            losses = cells.square().mean(dim=(1, 2))
            cells = torch.ops.aten.threshold_backward(cells, passed, 0)  # no gradient where the ReLU is shut
        else:
            cells -= bags
            losses = cells.square().mean(dim=(1, 2))
        ctx.save_for_backward(bags, encoder, decoder, latent, cells)
        return losses

    @staticmethod
    @once_differentiable
    def backward(ctx, gradients: Tensor) -> tuple[Tensor | None, ...]:
        bags, encoder, decoder, latent, cells = ctx.saved_tensors
        cells = cells * (gradients * (2 / cells[0].numel())).view(-1, 1, 1)
        of_latent = cells @ (encoder.mT if decoder is None else decoder)
        of_encoder = _outer(of_latent, bags, encoder.shape)
        of_bias = cells.sum(1)
        if decoder is None:
            return None, of_encoder.add_(latent.mT @ cells), None, of_bias, None
        return None, of_encoder, cells.mT @ latent, of_bias, None


def _written(bags: Tensor, encoder: Tensor) -> Tensor:
    """(K, batch, m): the latents. Of bags that all models share, by one product."""
    if bags.ndim == 3:
        return bags @ encoder.mT
    models, latent, words = encoder.shape
    return (bags @ encoder.view(models * latent, words).T).view(len(bags), models, latent).transpose(0, 1)


def _outer(of_latent: Tensor, bags: Tensor, shape: torch.Size) -> Tensor:
    """(K, m, V): the encoder's gradient, of latents' gradients (K, batch, m)."""
    if bags.ndim == 3:
        return of_latent.mT @ bags
    models, latent, _ = shape
    return (of_latent.transpose(0, 1).reshape(len(bags), models * latent).T @ bags).view(shape)
