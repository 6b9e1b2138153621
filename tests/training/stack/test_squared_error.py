"""The hand-written loss of a block: autograd's, to rounding."""

import pytest
import torch

from bows.model.tied import Tied
from bows.model.untied import Untied
from bows.training.stack import block as blocks
from bows.training.stack.block import Block, Member
from bows.training.stack.squared_error import LinearSquaredErrors, SquaredErrors, can_train
from bows.training.stack.stack_data import StackBatch


def _block(kind, activation, datasets, words=12, latents=(2, 5, 3, 5, 4, 2)):
    torch.manual_seed(0)
    members = [
        Member(kind(words, latent, output_activation=activation), place % datasets)
        for place, latent in enumerate(latents)
    ]
    for member in members:
        member.autoencoder.bias.data.normal_(0, 0.3)
    return Block(members)


def _losses_and_gradients(block, bags):
    for weight in block.parameters():
        weight.grad = None
    losses = block.losses(StackBatch(bags, None))
    (losses * torch.arange(1.0, len(losses) + 1)).sum().backward()
    return losses.detach(), [weight.grad for weight in block.parameters()]


@pytest.mark.parametrize("datasets", [1, 2])
@pytest.mark.parametrize("activation", ["relu", "identity"])
@pytest.mark.parametrize("kind", [Tied, Untied])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 2e-6), (torch.float64, 1e-14)])
def test_it_is_what_autograd_computes(kind, activation, datasets, dtype, tolerance, monkeypatch):
    block = _block(kind, activation, datasets).to(dtype)
    bags = (torch.rand(64, datasets, 12) < 0.4).to(dtype)
    losses, gradients = _losses_and_gradients(block, bags)
    monkeypatch.setattr(blocks, "can_train", lambda autoencoder: False)
    plain, plain_gradients = _losses_and_gradients(block, bags)
    torch.testing.assert_close(losses, plain, rtol=tolerance, atol=0)
    for gradient, expected in zip(gradients, plain_gradients, strict=True):
        torch.testing.assert_close(gradient, expected, rtol=0, atol=tolerance * float(expected.abs().max()))
        assert expected.abs().max() > 1e-3


def test_its_gradients_are_those_of_the_loss():
    block = _block(Tied, "relu", 2, words=5, latents=(2, 3)).double()
    bags = block.bags((torch.rand(7, 2, 5) < 0.4).double()).mT
    encoder, bias = block.weights[block.names.index("weight")], block.weights[block.names.index("bias")]
    assert torch.autograd.gradcheck(
        lambda weight, offset: SquaredErrors.apply(bags, weight, None, offset, True), (encoder, bias)
    )


def test_the_gradients_from_moments_are_those_of_the_loss():
    for kind in (Tied, Untied):
        block = _block(kind, "identity", 2, words=5, latents=(2, 3)).double()
        bags = block.bags((torch.rand(7, 2, 5) < 0.4).double()).mT
        names = ["weight", "bias"] if kind is Tied else ["encoder", "decoder", "bias"]
        weights = [block.weights[block.names.index(name)] for name in names]

        def both(*weights, bags=bags):
            encoder, decoder = weights[0], weights[1] if len(weights) == 3 else None
            moments = (bags @ bags.mT / bags.shape[2], bags.mean(2))
            from_moments = LinearSquaredErrors.apply(*moments, encoder, decoder, weights[-1])
            return from_moments, SquaredErrors.apply(bags, encoder, decoder, weights[-1], False)

        torch.testing.assert_close(*both(*weights))
        assert torch.autograd.gradcheck(both, weights)


def test_padding_gets_no_gradient():
    block = _block(Untied, "relu", 1)
    _, gradients = _losses_and_gradients(block, (torch.rand(64, 1, 12) < 0.4).float())
    encoder, decoder = (gradients[block.names.index(name)] for name in ("encoder", "decoder"))
    for member, latent in enumerate((2, 5, 3, 5, 4, 2)):
        assert not encoder[member, latent:].any()
        assert not decoder[member, :, latent:].any()


def test_a_block_on_the_cpu_under_mixed_precision_is_left_to_autograd(monkeypatch):
    block = _block(Tied, "relu", 1)
    monkeypatch.setattr(SquaredErrors, "apply", lambda *arguments: pytest.fail("not under autocast"))
    bags = (torch.rand(64, 1, 12) < 0.4).float()
    with torch.autocast("cpu", torch.bfloat16):
        assert block.losses(StackBatch(bags, None)).isfinite().all()


def test_what_it_cannot_train():
    assert not can_train(Tied(12, 3, output_activation="sigmoid"))
    assert not can_train(Tied(12, 3, output_activation="sigmoid", loss="cross_entropy"))
    assert not can_train(Tied(12, 3, latent_activation="relu"))
    assert can_train(Untied(12, 3))
