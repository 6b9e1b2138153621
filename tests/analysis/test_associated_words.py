"""Companions of a set, against numpy's correlations."""

import numpy as np
import pytest
import torch

from bows.analysis import associated_words
from bows.analysis.associated_words import associations
from bows.errors import DataError


def companions(batches, words, count):
    return associated_words.companions(associations(batches, words), words, count)


def made(seed: int = 0) -> torch.Tensor:
    """200 bags of 14 words, of which 0 is in none, 1 in all, 5 goes with 2, 7 with 3, and 9 shuns both."""
    generator = np.random.default_rng(seed)
    bags = (generator.random((200, 14)) < 0.3).astype(np.float32)
    bags[:, 0], bags[:, 1] = 0, 1
    bags[:, 5] = np.where(generator.random(200) < 0.9, bags[:, 2], bags[:, 5])
    bags[:, 7] = np.where(generator.random(200) < 0.8, bags[:, 3], bags[:, 7])
    bags[:, 9] = bags[:, 9] * (1 - bags[:, 2]) * (1 - bags[:, 3])
    return torch.from_numpy(bags)


def test_the_closest_words_are_those_of_the_largest_correlation_with_one_of_the_set():
    bags = made()
    found = companions(bags.split(33), [2, 3, 4], 4)
    varying = [word for word in range(14) if word > 1]
    correlation = np.corrcoef(bags.numpy()[:, varying].T.astype(float))
    largest = correlation[[0, 1, 2]].max(0)
    outside = [place for place, word in enumerate(varying) if word not in (2, 3, 4)]
    expected = sorted(outside, key=lambda place: -largest[place])[:4]
    assert found.indices.tolist() == [varying[place] for place in expected]
    assert set(found.indices[:2].tolist()) == {5, 7}  # each goes with one word of the set only
    for place in outside:
        assert found.association[varying[place]] == pytest.approx(largest[place], abs=1e-9)
    assert np.flatnonzero(np.ma.getmaskarray(found.association)).tolist() == [0, 1, 2, 3, 4]
    assert found.frequency == pytest.approx(bags.numpy().mean(0))


def test_a_word_of_the_set_that_never_varies_says_nothing():
    bags = made()
    assert companions([bags], [0, 1, 2], 3).indices.tolist() == companions([bags], [2], 3).indices.tolist()


def test_too_few_words():
    with pytest.raises(DataError, match=r"only 10 words outside of the set vary .* too few for 11 companions"):
        companions([made()], [2, 3], 11)
    with pytest.raises(DataError, match="only 0 words"):
        companions([made()], [0, 1], 1)
    with pytest.raises(DataError, match="no window"):
        companions([], [0, 1], 1)


def test_sets_counted_together_have_the_companions_they_have_alone():
    bags = made()
    together = associations(bags.split(33), [2, 3, 4, 8])
    for words in ([2, 8], [3, 4], [8, 2, 4]):
        found, alone = associated_words.companions(together, words, 4), companions([bags], words, 4)
        assert found.indices.tolist() == alone.indices.tolist()
        np.testing.assert_allclose(found.association.filled(-2), alone.association.filled(-2))
