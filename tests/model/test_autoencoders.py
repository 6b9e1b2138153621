"""Each model's forward pass by hand, its loss, and its gradients against explicit matrices."""

import numpy as np
import pytest
import torch

from bows.model.autoencoder import Autoencoder, kaiming_uniform
from bows.model.deep import Deep
from bows.model.gain import Gain
from bows.model.optimizers import OptimizerSettings, make_optimizer
from bows.model.pca import PrincipalComponents
from bows.model.tied import Tied
from bows.model.untied import Untied

V, M, HIDDEN, BATCH = 7, 3, 5, 4


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def bags(seed: int = 0, count: int = BATCH) -> torch.Tensor:
    return torch.bernoulli(torch.full((count, V), 0.4), generator=generator(seed)).double()


def shaken(model: Autoencoder) -> Autoencoder:
    """The model in float64, with weights of either sign and a bias that is not zero."""
    random = generator(1)
    model.double()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=random, dtype=torch.float64))
    return model


def relu(x):
    return np.maximum(x, 0)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


# name: the model, as conf/model has it; latent and pre-activation from weights; the output function.
MODELS = {
    "tied": (lambda: Tied(V, M), lambda f, p: f @ p["weight"].T, lambda h, p: h @ p["weight"], relu),
    "linear": (lambda: Tied(V, M, "identity"), lambda f, p: f @ p["weight"].T, lambda h, p: h @ p["weight"], lambda x: x),
    "relu_latent": (lambda: Tied(V, M, "relu", "relu"), lambda f, p: relu(f @ p["weight"].T), lambda h, p: h @ p["weight"], relu),
    "sigmoid": (
        lambda: Tied(V, M, "sigmoid", loss="cross_entropy"), lambda f, p: f @ p["weight"].T, lambda h, p: h @ p["weight"], sigmoid
    ),
    "untied": (lambda: Untied(V, M), lambda f, p: f @ p["encoder"].T, lambda h, p: h @ p["decoder"].T, relu),
    "no bias": (lambda: Tied(V, M, bias=False), lambda f, p: f @ p["weight"].T, lambda h, p: h @ p["weight"], relu),
    "gain": (lambda: Gain(V, M), lambda f, p: (f * p["gain"]) @ p["weight"].T, lambda h, p: h @ p["weight"], relu),
    "untied relu_latent": (
        lambda: Untied(V, M, "relu", "relu"), lambda f, p: relu(f @ p["encoder"].T), lambda h, p: h @ p["decoder"].T, relu
    ),
    "deep": (
        lambda: Deep(V, M, HIDDEN),
        lambda f, p: relu(f @ p["input_weight"].T + p["input_bias"]) @ p["hidden_weight"].T,
        lambda h, p: h @ p["decoder"].T,
        relu,
    ),
    "pca": (lambda: PrincipalComponents(V, M), lambda f, p: f @ p["weight"].T, lambda h, p: h @ p["weight"], lambda x: x),
}  # fmt: skip


@pytest.mark.parametrize("name", [*MODELS])
def test_forward_is_the_formula(name):
    make, latent, decode, activation = MODELS[name]
    model, f = shaken(make()), bags()
    p = {name: parameter.detach().numpy() for name, parameter in model.named_parameters()}
    output = model(f)
    h = latent(f.numpy(), p)
    z = decode(h, p) + p.get("bias", 0)
    assert (z < 0).any()
    assert (z > 0).any()
    np.testing.assert_allclose(output.latent.detach(), h, rtol=1e-12)
    np.testing.assert_allclose(output.pre_activation.detach(), z, rtol=1e-12)
    np.testing.assert_allclose(output.reconstruction.detach(), activation(z), rtol=1e-12)
    assert [tuple(part.shape) for part in output] == [(BATCH, M), (BATCH, V), (BATCH, V)]


@pytest.mark.parametrize("name", [*MODELS])
def test_loss_is_the_mean_over_cells(name):
    model, f = shaken(MODELS[name][0]()), bags()
    output = model(f)
    probability = output.reconstruction.detach().numpy()
    if name == "sigmoid":
        f_ = f.numpy()
        expected = -(f_ * np.log(probability) + (1 - f_) * np.log(1 - probability)).mean()
    else:
        expected = ((probability - f.numpy()) ** 2).mean()
    assert model.loss(output, f).item() == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("name", [*MODELS])
def test_weights_have_the_contract_shapes_and_tied_means_transposed(name):
    model = shaken(MODELS[name][0]())
    assert model.encoder_weight.shape == (M, V)
    assert model.decoder_weight.shape == (V, M)
    assert model.bias.shape == (V,)
    assert model.tied == torch.equal(model.encoder_weight.T, model.decoder_weight)
    assert model.tied == (name not in ("gain", "untied", "untied relu_latent", "deep"))
    assert (model.features, model.latent) == (V, M)


@pytest.mark.parametrize("name", [name for name in MODELS if name != "pca"])
def test_the_start_is_kaiming_uniform_with_no_bias(name):
    torch.manual_seed(0)
    model = MODELS[name][0]()
    for key, parameter in model.named_parameters():
        if parameter.ndim == 1:
            assert (parameter == (key == "gain")).all()  # gains start at 1: the tied model
        else:
            # A decoder reads m or hidden inputs, an encoder V or hidden.
            fan_in = parameter.shape[1]
            assert 0.5 < parameter.abs().max() * (fan_in / 6) ** 0.5 <= 1 + 1e-6, key


@pytest.mark.parametrize("activation", ["relu", "identity", "sigmoid"])
def test_a_bias_that_starts_at_frequencies_reconstructs_them_from_an_empty_latent(activation):
    frequency = torch.tensor([0.001, 0.02, 0.3, 0.5, 0.9, 0.999])
    for model in (Tied(6, 2, activation), Untied(6, 2, activation), Deep(6, 2, 4, activation)):
        assert model.bias_start == "zero"
        model.start_bias(frequency)
        assert model(torch.zeros(1, 6)).reconstruction[0].tolist() == pytest.approx(frequency.tolist(), rel=1e-5)


def test_kaiming_uniform_fills_its_range():
    torch.manual_seed(0)
    weights = kaiming_uniform(200, 300).detach().numpy() * (300 / 6) ** 0.5
    assert abs(weights.mean()) < 0.01
    assert weights.var() == pytest.approx(1 / 3, rel=0.02)
    assert -1 - 1e-6 <= weights.min() < -0.999 < 0.999 < weights.max() <= 1 + 1e-6


class PlainTied:
    """f^ = relu(W^T W f + b) with its gradients written out, and AdamW as its paper writes it; numpy, float64."""

    def __init__(self, model: Tied, lr: float, wd: float, decay_bias: bool):
        self.weight = model.weight.detach().numpy().copy()
        self.bias = model.bias.detach().numpy().copy()
        self.lr = lr
        self.decay = {"weight": wd, "bias": wd if decay_bias else 0.0}
        self.memory = {name: (0.0, 0.0) for name in self.decay}
        self.step_number = 0

    def gradients(self, f: np.ndarray) -> dict[str, np.ndarray]:
        h = f @ self.weight.T
        z = h @ self.weight + self.bias
        dz = 2 * (np.maximum(z, 0) - f) / f.size * (z > 0)
        return {"weight": h.T @ dz + (dz @ self.weight.T).T @ f, "bias": dz.sum(0)}

    def step(self, f: np.ndarray) -> None:
        self.step_number += 1
        for name, gradient in self.gradients(f).items():
            first, second = self.memory[name]
            first, second = 0.9 * first + 0.1 * gradient, 0.999 * second + 0.001 * gradient**2
            self.memory[name] = first, second
            unbiased = first / (1 - 0.9**self.step_number), second / (1 - 0.999**self.step_number)
            value = getattr(self, name) * (1 - self.lr * self.decay[name])
            setattr(self, name, value - self.lr * unbiased[0] / (np.sqrt(unbiased[1]) + 1e-8))


@pytest.mark.parametrize("decay_bias", [True, False])
@pytest.mark.parametrize("wd", [0.0, 4.0])
def test_tied_training_equals_explicit_matrices(wd, decay_bias):
    model = shaken(Tied(V, M))
    plain = PlainTied(model, 0.01, wd, decay_bias)
    settings = OptimizerSettings("adamw", lr=0.01, weight_decay=wd, decay_bias=decay_bias)
    optimizer = make_optimizer(model.parameters(), settings)
    for number in range(8):
        f = bags(number)
        optimizer.zero_grad()
        model.loss(model(f), f).backward()
        expected = plain.gradients(f.numpy())
        np.testing.assert_allclose(model.weight.grad, expected["weight"], rtol=1e-10, atol=1e-14)
        np.testing.assert_allclose(model.bias.grad, expected["bias"], rtol=1e-10, atol=1e-14)
        optimizer.step()
        plain.step(f.numpy())
    np.testing.assert_allclose(model.weight.detach(), plain.weight, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(model.bias.detach(), plain.bias, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", [*MODELS])
def test_gradients_are_those_of_small_changes(name):
    model, f = shaken(MODELS[name][0]()).eval(), bags(3)
    names, values = zip(*model.named_parameters(), strict=True)

    def loss(*weights):
        output = torch.func.functional_call(model, dict(zip(names, weights, strict=True)), (f,))
        return model.loss(output, f)

    assert torch.autograd.gradcheck(loss, values)


def test_deep_stands_for_its_encoder_by_the_mean_jacobian():
    model, f = shaken(Deep(V, M, HIDDEN)).eval(), bags(5, 50)
    hidden = torch.relu(f @ model.input_weight.T + model.input_bias)
    model.gates.copy_((hidden > 0).double().mean(0))
    assert 0 < model.gates.mean() < 1
    each = torch.stack([torch.autograd.functional.jacobian(model.encode, bag) for bag in f])
    torch.testing.assert_close(model.encoder_weight, each.mean(0), rtol=1e-10, atol=1e-12)


def test_deep_gates_are_a_running_share_of_training_bags_alone():
    model, f = shaken(Deep(V, M, HIDDEN)), bags(5)
    share = ((f @ model.input_weight.T + model.input_bias) > 0).double().mean(0).detach()
    model.eval()
    model(f)
    assert torch.equal(model.gates, torch.full((HIDDEN,), 0.5, dtype=torch.float64))
    model.train()
    model(f)
    torch.testing.assert_close(model.gates, 0.99 * 0.5 + 0.01 * share)
    for _ in range(2000):
        model(f)
    torch.testing.assert_close(model.gates, share, atol=1e-6, rtol=0)
    assert "gates" in model.state_dict()


class Subclass(Tied):
    """Adds an argument and changes no formula."""

    def __init__(self, features: int, latent: int, temperature: float = 1.0):
        super().__init__(features, latent)
        self.temperature = temperature


class OtherEncoder(Tied):
    """Changes the formula, so that nothing stated about the formula holds any more."""

    def encode(self, bags):
        return super().encode(bags).tanh()


class OtherStackedEncoder(OtherEncoder):
    """Changes the formula, and states that it accepts weights with a leading dimension of models."""

    stackable = True

    def encode(self, bags):
        return super().encode(bags) + 1


class FittedTwice(PrincipalComponents):
    """Fits by the inherited closed form."""


def test_statements_about_a_class_hold_for_its_subclasses_unless_they_change_the_formula():
    def stated(kind):
        return kind.closed_form, kind.stackable, kind.linear_parameters, kind.matrices

    assert stated(Tied) == stated(Subclass) == (False, True, ("weight",), 1)
    assert stated(Untied) == (False, True, ("encoder", "decoder"), 2)
    assert stated(OtherEncoder) == (False, False, (), 1)
    assert stated(OtherStackedEncoder) == (False, True, (), 1)
    assert stated(PrincipalComponents) == stated(FittedTwice) == (True, False, ("weight",), 1)
    assert Subclass(V, M).is_linear
    assert not OtherEncoder(V, M).is_linear
    assert not Tied(V, M, latent_activation="relu").is_linear


@pytest.mark.parametrize("name", [*MODELS])
def test_linear_parameters_are_the_matrices_of_the_linear_formula(name):
    model = MODELS[name][0]()
    expected = [model.encoder_weight] + ([] if model.tied else [model.decoder_weight])
    for parameter, weight in zip(model.linear_parameters, expected, strict=bool(model.linear_parameters)):
        assert getattr(model, parameter).data_ptr() == weight.data_ptr()
    assert model.is_linear == (name in {"tied", "linear", "sigmoid", "untied", "no bias", "pca"})


def test_a_model_without_a_closed_form_refuses_to_be_fitted():
    with pytest.raises(NotImplementedError, match="Tied has no closed form"):
        Tied(V, M).fit([bags().float()])
