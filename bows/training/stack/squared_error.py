"""Compute the squared error of many linear autoencoders at once, and its gradients, in fewer passes than autograd."""

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from bows.model.autoencoder import Autoencoder


def can_train(autoencoder: Autoencoder) -> bool:
    """Return whether `SquaredErrors` is this autoencoder's loss."""
    return (
        autoencoder.is_linear
        and autoencoder.output_activation in {"identity", "relu"}
        and autoencoder.loss_name == "squared_error"
    )


class SquaredErrors(torch.autograd.Function):
    """(K,): the mean squared error over all cells of each of K models with h = E f, f^ = s(D h + b), s the identity or a ReLU.

    Arguments of `apply`: bags (V, batch) where all models see the same, or (K, V, batch). encoder (K, m, V). decoder (K, V, m), or None
    where it is the encoder's transpose. bias (K, V). rectified: whether s is a ReLU.

    Everything has the batch along its rows: products of small models are then up to six times as fast as with the batch along the
    columns (K = 56, m = 7, V = 12, batch 256). Bags that are shared are multiplied once, with the encoders of all models as one matrix.
    """

    @staticmethod
    def forward(ctx, bags: Tensor, encoder: Tensor, decoder: Tensor | None, bias: Tensor, rectified: bool) -> Tensor:
        models, latents, _ = encoder.shape
        latent = (encoder.flatten(0, 1) @ bags).view(models, latents, -1) if bags.ndim == 2 else encoder @ bags
        cells = torch.baddbmm(bias.unsqueeze(2), encoder.mT if decoder is None else decoder, latent)
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
        of_latent = (encoder if decoder is None else decoder.mT) @ cells
        of_encoder = (of_latent.flatten(0, 1) @ bags.T).view_as(encoder) if bags.ndim == 2 else of_latent @ bags.mT
        of_bias = cells.sum(2)
        if decoder is None:
            return None, of_encoder.add_(latent @ cells.mT), None, of_bias, None
        return None, of_encoder, cells @ latent.mT, of_bias, None


class LinearSquaredErrors(torch.autograd.Function):
    """What SquaredErrors is for s the identity, from the batch's second moments alone, without a single reconstruction.

    With A = D E - I, the error of a bag f is A f + b, and the mean of its square over cells (tr(A S A^T) + 2 b A mu + b^2) / V, where
    S = mean of f f^T and mu = mean of f, of which models on the same bags need one. Worth it where the batch is larger than V.

    Arguments of `apply`: second (K, V, V) and first (K, V), the moments S and mu. encoder, decoder, bias as of SquaredErrors.
    """

    @staticmethod
    def forward(ctx, second: Tensor, first: Tensor, encoder: Tensor, decoder: Tensor | None, bias: Tensor) -> Tensor:
        words = bias.shape[1]
        apart = (encoder.mT if decoder is None else decoder) @ encoder
        apart.diagonal(dim1=1, dim2=2).sub_(1.0)
        mean_error = torch.baddbmm(bias.unsqueeze(2), apart, first.unsqueeze(2)).squeeze(2)
        crossed = torch.baddbmm(bias.unsqueeze(2) * first.unsqueeze(1), apart, second)  # mean of error times bag
        ctx.save_for_backward(encoder, decoder, mean_error, crossed)
        return ((crossed * apart).sum(dim=(1, 2)) + (mean_error * bias).sum(1)) / words

    @staticmethod
    @once_differentiable
    def backward(ctx, gradients: Tensor) -> tuple[Tensor | None, ...]:
        encoder, decoder, mean_error, crossed = ctx.saved_tensors
        factor = gradients * (2 / crossed.shape[1])
        crossed, of_bias = crossed * factor.view(-1, 1, 1), mean_error * factor.view(-1, 1)
        if decoder is None:
            return None, None, encoder @ (crossed + crossed.mT), None, of_bias
        return None, None, decoder.mT @ crossed, crossed @ encoder.mT, of_bias
