"""Compare the order of a set with that of random sets of words of like frequency."""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float
from torch import Tensor

from bows.analysis.directions import directions
from bows.analysis.ring import regular_positions
from bows.analysis.set_planes import sets_of_like_frequency
from bows.analysis.set_shapes import cosines
from bows.errors import DataError

DRAWS = 999


def order_p_sets(
    encoder: Tensor, sets: Mapping[str, Sequence[int]], frequency: np.ndarray, seed: int
) -> dict[str, float]:
    """Return ``ring/<set>/order_p_sets``: (1 + random sets with at least the set's ``order``) / (1 + 999), in (0, 1].

    Each random set has one word for each word of the set, of its frequency decile and in random order, none of the set. Words of like
    frequency share a component that the random orders of ``order_p``, which keep the set's own words, do not see.

    Left out are sets with a word of a zero column, or for whose words a frequency decile has too few others.

    Args:
        encoder: (m, V).
        sets: name -> n word indices in their known order.
        frequency: (V,).
        seed: of the random sets; each set's draws start from it.

    Raises:
        DataError: the weights are infinite or not numbers.
    """
    unit, kept = directions(encoder)
    place = {word: column for column, word in enumerate(kept.tolist())}
    rows, of_kept, found = unit.T.float().cpu().contiguous(), frequency[kept.cpu().numpy()], {}
    for name, indices in sets.items():
        if not place.keys() >= set(indices):
            continue
        chosen = [place[index] for index in indices]
        try:
            drawn = sets_of_like_frequency(of_kept, chosen, (), DRAWS, np.random.default_rng(seed))
        except DataError:  # a frequency decile has too few other words
            continue
        scores = orders(cosines(rows, np.concatenate([[chosen], drawn])))
        found[f"ring/{name}/order_p_sets"] = float((1 + np.count_nonzero(scores[1:] >= scores[0] - 1e-9)) / (1 + DRAWS))
    return found


def orders(gram: Float[np.ndarray, "sets n n"]) -> Float[np.ndarray, " sets"]:
    """Return :func:`bows.analysis.ring.cyclic_order` of sets of words, in their order, from the cosines within them."""
    gram = gram.astype(np.float64)
    centred = gram - gram.mean(1, keepdims=True)
    centred -= centred.mean(2, keepdims=True)
    values, vectors = np.linalg.eigh(centred)
    places = vectors[:, :, :-3:-1] * np.sqrt(np.maximum(values[:, None, :-3:-1], 0))
    around = np.exp(1j * np.arctan2(places[:, :, 1], places[:, :, 0]))
    mean = around.sum(1, keepdims=True)
    spread = np.square((around * np.exp(-1j * np.angle(mean))).imag).sum(1)
    corners, count = np.exp(1j * regular_positions(gram.shape[1])), gram.shape[1]
    aligned = np.abs(np.abs(around @ corners.conj()) - np.abs(around @ corners))
    return np.where(spread > 1e-20, np.minimum(aligned / (2 * np.sqrt(np.maximum(spread, 1e-20) * count / 2)), 1), 0)
