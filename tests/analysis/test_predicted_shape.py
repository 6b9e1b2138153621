"""The predicted shape of planted circulant blocks, whose amplitudes are known."""

import numpy as np
import pytest

from bows.analysis.predicted_shape import fourier_amplitudes, predicted_order, predicted_planarity


def circulant(count: int, amplitudes: list[float]) -> np.ndarray:
    """A sum of the projectors on each frequency's eigenvectors times its amplitude."""
    steps, block = np.arange(count), np.zeros((count, count))
    for frequency, amplitude in enumerate(amplitudes):
        waves = np.cos(2 * np.pi * frequency * (steps[:, None] - steps) / count)
        block += amplitude * waves * (1 if frequency in {0, count / 2} else 2) / count
    return block


PLANTED = {12: [5.0, 3.0, 1.0, 0.5, 0.2, 0.1, 0.0], 7: [2.0, 3.0, 0.5, 0.0]}


@pytest.mark.parametrize("count", PLANTED)
def test_planted_amplitudes_are_found_whatever_the_diagonal(count):
    block = circulant(count, PLANTED[count])
    np.testing.assert_allclose(fourier_amplitudes(block), PLANTED[count], atol=1e-12)
    np.fill_diagonal(block, np.arange(count) + 10.0)
    np.testing.assert_allclose(fourier_amplitudes(block), PLANTED[count], atol=1e-12)


def test_planarity_is_the_first_frequencys_share_of_the_variance_around_the_mean():
    assert predicted_planarity(circulant(12, PLANTED[12])) == pytest.approx(6 / (6 + 2 + 1 + 0.4 + 0.2))
    assert predicted_planarity(circulant(7, PLANTED[7])) == pytest.approx(6 / 7)


def test_order_is_found_where_it_is_and_not_in_shuffled_words():
    block = circulant(12, [5.0, 3.0, 1.0, 0.5, 0.2, 0.1, 0.0])
    found = predicted_order(block, 199)
    assert found["order"] == pytest.approx(1, abs=1e-9)
    assert found["order_p"] <= 0.01
    # Steps of five around the ring: the words are on a circle, in another order.
    stepped = np.arange(12) * 5 % 12
    assert predicted_order(block[np.ix_(stepped, stepped)], 199)["order"] < 0.5
    assert predicted_order(block, 199)["planarity"] == pytest.approx(predicted_planarity(block), abs=1e-9)
