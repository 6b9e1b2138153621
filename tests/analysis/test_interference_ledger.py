"""The ledger of interference against a removal of each term of each pair, one at a time."""

import numpy as np
import pytest
import torch

from bows.analysis import interference_ledger as module
from bows.analysis.interference_ledger import interference_ledger

WINDOWS, WORDS, LATENT = 40, 11, 4
OUTPUTS = {"relu": lambda a: np.maximum(a, 0), "identity": lambda a: a, "sigmoid": lambda a: 1 / (1 + np.exp(-a))}


@pytest.fixture
def weights():
    generator = np.random.default_rng(3)
    bags = (generator.random((WINDOWS, WORDS)) < generator.random(WORDS)).astype(float)
    bags[:, 7] = 0  # a word that is nowhere
    encoder, decoder = generator.normal(size=(LATENT, WORDS)), generator.normal(size=(WORDS, LATENT))
    return bags, encoder, decoder, generator.normal(size=WORDS)


def by_removal(bags, effective, bias, output) -> np.ndarray:
    """(V, V): the change of word i's mean squared error where word j's term is left out of its sum."""

    def error(word, left_out):
        others = [j for j in range(WORDS) if j != left_out]
        values = output(bias[word] + bags[:, others] @ effective[word, others])
        return np.mean((values - bags[:, word]) ** 2)

    return np.array([[error(i, j) - error(i, None) if j != i else 0.0 for j in range(WORDS)] for i in range(WORDS)])


@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize("tied", [True, False])
def test_the_ledger_is_the_loss_without_each_term(weights, monkeypatch, output, tied):
    monkeypatch.setattr(module, "BLOCK", 4)  # several blocks of words, and several parts of the windows of a word
    monkeypatch.setattr(module, "IN_CACHE", 3 * WORDS)
    bags, encoder, decoder, bias = weights
    effective = (encoder.T if tied else decoder) @ encoder
    expected = by_removal(bags, effective, bias, OUTPUTS[output])
    activation = {"relu": torch.relu, "identity": lambda a: a, "sigmoid": torch.sigmoid}[output]
    f, e, d, b = (torch.tensor(each, dtype=torch.float32) for each in (bags, encoder, decoder, bias))
    pre_activation = f @ torch.tensor(effective, dtype=torch.float32).T + b
    given = pre_activation.clone(), f.clone()
    found = interference_ledger(
        f, pre_activation, e, None if tied else d, lambda a, f: (activation(a) - f).square(), most=3
    )
    assert torch.equal(pre_activation, given[0])
    assert torch.equal(f, given[1])
    np.testing.assert_allclose(found.total_helped, expected.clip(0).sum(1), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(found.total_hurt, (-expected).clip(0).sum(1), rtol=1e-4, atol=1e-6)
    for sign, names, values in ((1, found.helpers, found.helped), (-1, found.hurters, found.hurt)):
        for word in range(WORDS):
            largest = np.sort((sign * expected[word]).clip(0))[::-1][:3]
            np.testing.assert_allclose(values[word], largest, rtol=1e-3, atol=1e-6)
            kept = names[word][names[word] >= 0]  # by value: of equal ones either may come first
            np.testing.assert_allclose(sign * expected[word, kept], values[word][: len(kept)], rtol=1e-3, atol=1e-6)
            assert len(set(kept)) == len(kept) >= (largest > 1e-6).sum()
            assert 7 not in names[word]
    assert (found.total_helped > 0).any()
    assert (found.total_hurt > 0).any()


def test_the_text_names_words_in_falling_order_and_is_empty_where_no_word_counts():
    bags = torch.tensor([[1.0, 1.0, 1.0], [0.0, 0.0, 0.0]])
    encoder = torch.tensor([[0.2, 1.0, 2.0], [0.0, 0.0, 0.0]])
    encoder[:, 0] *= -1
    # Word 0 gets 1 - 0.2 - 0.4; without word 1 its error of 0.6 is 0.4, without word 2 it is 0.2.
    pre_activation = torch.tensor([[0.4, 1.0, 1.0], [0.0, 0.0, 0.0]])
    found = interference_ledger(bags, pre_activation, encoder, None, lambda a, f: (a - f).square(), most=2)
    hurt = found.text(["sun", "moon", "star"], helping=False)
    assert hurt[0] == "star 0.16; moon 0.1"
    assert found.text(["sun", "moon", "star"], helping=True)[0] is None
