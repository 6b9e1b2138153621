"""The classifier of pairs: its formula, embeddings in the place of its own, and the sums that validation gives."""

import pytest
import torch

from bows.model.lightning import PairModule
from bows.model.optimizers import OptimizerSettings
from bows.model.pair_classifier import PairClassifier


@pytest.fixture
def classifier() -> PairClassifier:
    torch.manual_seed(0)
    return PairClassifier(items=5, classes=3, latent=2, hidden=4)


PAIRS = torch.tensor([[0, 1], [1, 0], [4, 4], [3, 2]])


def by_hand(classifier: PairClassifier, embeddings: torch.Tensor) -> torch.Tensor:
    weights = classifier.state_dict()
    logits = []
    for first, second in PAIRS.tolist():
        both = torch.cat([embeddings[first], embeddings[second]])
        hidden = (weights["hidden.weight"] @ both + weights["hidden.bias"]).clamp(min=0)
        logits.append(weights["output.weight"] @ hidden + weights["output.bias"])
    return torch.stack(logits)


def test_logits_are_those_of_the_formula(classifier):
    shapes = {name: tuple(value.shape) for name, value in classifier.state_dict().items()}
    assert shapes == {
        "embedding.weight": (5, 2), "hidden.weight": (4, 4), "hidden.bias": (4,), "output.weight": (3, 4), "output.bias": (3,)
    }  # fmt: skip
    assert torch.allclose(classifier(PAIRS), by_hand(classifier, classifier.embedding.weight), atol=1e-6)
    assert not torch.allclose(classifier(PAIRS)[0], classifier(PAIRS)[1])  # the order of a pair counts


def test_other_embeddings_stand_in_for_its_own(classifier):
    other = torch.randn(5, 2)
    assert torch.allclose(classifier(PAIRS, other), by_hand(classifier, other), atol=1e-6)


def test_steps_give_the_mean_loss_and_validation_the_sums(classifier):
    module = PairModule(classifier, OptimizerSettings(), steps=1)
    rows = torch.column_stack([PAIRS, torch.tensor([0, 2, 1, 1])])
    logits = by_hand(classifier, classifier.embedding.weight)
    losses = -logits.log_softmax(1)[torch.arange(4), rows[:, 2]]
    assert float(module.training_step(rows, 0).detach()) == pytest.approx(float(losses.detach().mean()), rel=1e-5)
    scores = module.validation_step(rows, 0)
    assert float(scores.loss.detach()) == pytest.approx(float(losses.detach().sum()), rel=1e-5)
    assert int(scores.right) == int((logits.argmax(1) == rows[:, 2]).sum())
