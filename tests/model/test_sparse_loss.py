"""The loss by the sparsity of the bags: the dense path's value and gradients, and when it is chosen."""

import numpy as np
import pytest
import torch

from bows.model.deep import Deep
from bows.model.sparse_loss import SparseLoss, product_type, why_dense
from bows.model.tied import Tied
from bows.model.untied import Untied
from bows.sparse_bags import SparseBags

WORDS, LATENT = 60, 7
ALL = [(kind, activation) for kind in (Tied, Untied) for activation in ("relu", "identity")]


def bags() -> SparseBags:
    """Five bags: words that repeat, an empty bag, a bag of one word, and word 59, the last, in two of them."""
    generator = np.random.default_rng(0)
    lists = [[3, 3, 59, 3, 17], [], [59], generator.integers(0, WORDS, 30), generator.integers(0, 30, 40)]
    return SparseBags.of(np.concatenate(lists).astype(np.uint16), np.cumsum([0, *map(len, lists)]), WORDS)


def model_of(kind, activation):
    torch.manual_seed(3)
    model = kind(WORDS, LATENT, activation)
    torch.nn.init.normal_(model.bias)
    return model


def dense_in_double(model, bags: SparseBags, factor: float):
    """Loss and gradients of encoder, decoder (where free) and bias, by autograd over the textbook formula, in double precision."""
    encoder = model.encoder_weight.detach().double().requires_grad_()
    decoder = encoder.T if model.tied else model.decoder_weight.detach().double().requires_grad_()
    bias = model.bias.detach().double().requires_grad_()
    dense = bags.dense().double()
    output = dense @ encoder.T @ decoder.T + bias
    output = output.clamp(min=0) if model.output_activation == "relu" else output
    loss = (output - dense).square().mean()
    leaves = [encoder, bias] if model.tied else [encoder, decoder, bias]
    return loss, torch.autograd.grad(factor * loss, leaves)


@pytest.mark.parametrize("factor", [1.0, 0.25])
@pytest.mark.parametrize(("kind", "activation"), ALL)
def test_loss_and_gradients_are_those_of_the_dense_path(kind, activation, factor):
    model, batch = model_of(kind, activation), bags()
    expected, gradients = dense_in_double(model, batch, factor)
    sparse = SparseLoss(model)
    weights = (
        [model.encoder_weight, model.bias] if model.tied else [model.encoder_weight, model.decoder_weight, model.bias]
    )
    for _ in range(3):  # the later ones into memory of the earlier ones' gradients
        loss = sparse(batch)
        sparse.keep_gradients()
        model.zero_grad()
        (factor * loss).backward()
        assert loss.item() == pytest.approx(expected.item(), rel=1e-6)
        for weight, gradient in zip(weights, gradients, strict=True):
            assert (weight.grad - gradient).abs().max() <= 1e-6 * gradient.abs().max()
    dense = model.loss(model(batch.dense()), batch.dense())
    assert loss.item() == pytest.approx(dense.item(), rel=1e-6)


@pytest.mark.parametrize(("kind", "activation"), ALL)
def test_products_in_bfloat16_round_each_factor_to_eight_bits(kind, activation):
    """bfloat16 has eight significant bits: loss and gradients differ by about 2^-8 of their size, and are float32."""
    model, batch = model_of(kind, activation), bags()
    expected, gradients = dense_in_double(model, batch, 1.0)
    sparse = SparseLoss(model, torch.bfloat16)
    weights = (
        [model.encoder_weight, model.bias] if model.tied else [model.encoder_weight, model.decoder_weight, model.bias]
    )
    for _ in range(2):
        loss = sparse(batch)
        sparse.keep_gradients()
        model.zero_grad()
        loss.backward()
        assert loss.dtype == torch.float32
        assert loss.item() == pytest.approx(expected.item(), rel=2**-8)
        for weight, gradient in zip(weights, gradients, strict=True):
            assert weight.grad.dtype == torch.float32
            error = (weight.grad - gradient).abs().max() / gradient.abs().max()
            assert 2**-20 < error < 2**-6, "not computed in bfloat16, or with a larger error than its rounding"


@pytest.mark.parametrize(
    ("latent", "precision", "fast", "expected"),
    [
        (1000, "auto", True, torch.bfloat16),
        (1000, "auto", False, torch.float32),
        (1000, "32-true", True, torch.float32),
        (10, "auto", True, torch.float32),
        (10, "bf16-mixed", False, torch.bfloat16),
    ],
)
def test_auto_takes_bfloat16_for_large_models_on_processors_that_have_it(
    latent, precision, fast, expected, monkeypatch
):
    monkeypatch.setattr("torch.cpu._is_amx_tile_supported", lambda: False)
    monkeypatch.setattr("torch.cpu._is_avx512_bf16_supported", lambda: fast)
    with torch.device("meta"):
        model = Tied(10_000, latent)
    assert product_type(model, 512, precision) == expected


@pytest.mark.parametrize(("kind", "activation"), ALL)
def test_gradients_add_up_until_they_are_reset(kind, activation):
    model = model_of(kind, activation)
    sparse = SparseLoss(model)
    sparse(bags()).backward()
    once = [weight.grad.clone() for weight in model.parameters()]
    sparse(bags()).backward()
    for weight, gradient in zip(model.parameters(), once, strict=True):
        torch.testing.assert_close(weight.grad, 2 * gradient)


@pytest.mark.parametrize("kind", [Tied, Untied])
def test_gradients_are_written_where_the_last_ones_were(kind):
    model = model_of(kind, "relu")
    sparse, places = SparseLoss(model), []
    for _ in range(3):
        loss = sparse(bags())
        sparse.keep_gradients()
        model.zero_grad()
        loss.backward()
        places.append({weight.grad.data_ptr() for weight in model.parameters() if weight.ndim == 2})
    assert places[0] == places[1] == places[2]


def test_a_weight_that_is_not_a_number_is_not_hidden():
    model = model_of(Tied, "relu")
    sparse = SparseLoss(model)
    with torch.no_grad():
        model.bias[59] = torch.nan
    loss = sparse(SparseBags.of(np.array([59]), np.array([0, 1]), WORDS))  # where the only such cell is a filled one
    assert loss.isnan()


def large(kind=Tied, *arguments, **options):
    """A model without memory, so large that the bags' sparsity pays."""
    with torch.device("meta"):
        return kind(10_000, 1000, *arguments, **options)


CHOSEN = {"density": 0.04, "batch": 512, "device": torch.device("cpu"), "precision": "32-true", "compiled": False}


@pytest.mark.parametrize("model", [large(), large(Untied), large(Tied, "identity")])
def test_large_models_of_sparse_bags_train_by_sparsity(model, monkeypatch):
    monkeypatch.setattr("bows.model.sparse_loss.fast_products", lambda: True)
    assert why_dense(model, **CHOSEN) is None


@pytest.mark.parametrize(
    ("model", "other", "reason"),
    [
        (large(Deep, 500), {}, "the encoder is not linear"),
        (large(Tied, latent_activation="relu"), {}, "the encoder is not linear"),
        (large(Tied, "sigmoid", loss="cross_entropy"), {}, "the loss is cross entropy of sigmoid outputs"),
        (large(Tied, "sigmoid"), {}, "the loss is squared error of sigmoid outputs"),
        (large(), {"device": torch.device("cuda")}, "training is on cuda"),
        (large(), {"precision": "64-true"}, "precision is 64-true"),
        (large(), {"compiled": True}, "the forward pass is compiled"),
        (large(), {"density": 0.2}, "they are 20.0% full"),
        (large(), {"batch": 2}, "the model is small"),
        (Tied(100, 8), {}, "the model is small"),
    ],
)
def test_others_train_on_dense_bags_and_say_why(model, other, reason, monkeypatch):
    monkeypatch.setattr("bows.model.sparse_loss.fast_products", lambda: True)
    assert why_dense(model, **CHOSEN | other) == reason


def test_a_torch_without_fast_sparse_products_trains_on_dense_bags(monkeypatch):
    monkeypatch.setattr("torch.backends.mkl.is_available", lambda: False)
    assert why_dense(large(), **CHOSEN) == "this machine's torch has no fast sparse products"
