"""Compare the output bias and the encoder's gains with what is optimal for a linear read-out, given the other weights."""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from bows.analysis.cooccurrence import Cooccurrence
from bows.analysis.interference_energy import fitting


class ClosedForms(NamedTuple):
    """Measured and optimal values of each word, (V,) each, masked where not defined."""

    bias: np.ma.MaskedArray
    bias_optimal: np.ma.MaskedArray
    gain: np.ma.MaskedArray
    gain_optimal: np.ma.MaskedArray

    def metrics(self) -> dict[str, float]:
        """Return how far the model is from the closed forms, over the words of which both are defined.

        ``interference/bias_distance``: |b - b*| / |b*|, 0 or more; ``interference/bias_correlation``: Pearson correlation of b and b*.
        ``interference/gain``, ``/gain_optimal``: means of g and g*; ``interference/gain_distance``: root mean square of g - g*;
        ``interference/gain_correlation``: of g and g*, left out where gains do not vary, as of a tied model. See :func:`closed_forms`.
        """
        metrics: dict[str, float] = {}
        size = float(np.linalg.norm(self.bias_optimal))
        if size > 0:
            metrics["interference/bias_distance"] = float(np.linalg.norm(self.bias - self.bias_optimal)) / size
        metrics |= _correlation("interference/bias_correlation", self.bias, self.bias_optimal)
        both = ~np.ma.getmaskarray(self.gain_optimal)
        gain, optimal = self.gain.data[both], self.gain_optimal.data[both]
        if len(gain):
            metrics["interference/gain"], metrics["interference/gain_optimal"] = (
                float(gain.mean()),
                float(optimal.mean()),
            )
            metrics["interference/gain_distance"] = float(np.sqrt(np.mean((gain - optimal) ** 2)))
            metrics |= _correlation("interference/gain_correlation", gain, optimal)
        return metrics


@torch.no_grad()
def closed_forms(encoder: Tensor, decoder: Tensor | None, bias: Tensor, cooccurrence: Cooccurrence) -> ClosedForms:
    """Compute the optimal output bias, and the optimal gain of each word, of the linear read-out f^ = D E f + b.

    - b* = E[f] - E[D E f]: the bias of the lowest squared error, given D and E.
    - g_i = e_i . d_i / |d_i|^2: the gain with which the encoder writes word i (column e_i) along its decoder direction (row d_i);
      1 for a tied model.
    - g_i* = g_i (1 - E[f_i r . v_i] / (p_i |v_i|^2)), v_i = D e_i, r = f^ - f: the gain of the lowest squared error where all else stays.
      g_i* = g_i for every word where the gains are a least squares solution.

    E is the mean over held-out windows, p_i the share of them with word i. Without unit. Independent of rotations of the latent space.

    Args:
        encoder: E, (m, V).
        decoder: D, (V, m), or None where it is E^T.
        bias: b, (V,).
        cooccurrence: of the held-out windows.

    Source: the ladder of bias and gain of Costa & Tolooshams 2026.

    >>> found = closed_forms(torch.tensor([[0.5]]), None, torch.tensor([0.0]), Cooccurrence(lambda: [torch.ones(2, 1)], 1))
    >>> found.bias_optimal.tolist(), found.gain.tolist(), found.gain_optimal.tolist()
    ([0.75], [1.0], [4.0])
    """
    encoder, decoder = fitting(encoder, decoder, cooccurrence.words)
    forth, back = encoder.T, encoder.T if decoder is None else decoder
    share = (cooccurrence.present / cooccurrence.windows).to(encoder.dtype)
    own = bias.detach().to(forth)

    def with_word(matrix: Tensor) -> Tensor:
        """Return E[f_i matrix^T f], row i: (V, m)."""
        return cooccurrence.covariance_times(matrix) + torch.outer(share, share @ matrix)

    latent = with_word(forth)
    target = latent if decoder is None else with_word(back)
    gram = back.T @ back
    slope = (forth * (target - latent @ gram - torch.outer(share, own @ back))).sum(1).double().numpy()
    size = (share * ((forth @ gram) * forth).sum(1)).double().numpy()
    length = back.square().sum(1).double().numpy()
    gain = np.ma.masked_array((forth * back).sum(1).double().numpy() / np.where(length > 0, length, 1), length <= 0)
    step = np.ma.masked_array(slope / np.where(size > 0, size, 1), size <= 0)
    optimal_bias = (share - back @ (encoder @ share)).double().numpy()
    return ClosedForms(
        np.ma.asarray(own.double().numpy()), np.ma.asarray(optimal_bias), gain, np.ma.asarray(gain * (1 + step))
    )


def _correlation(name: str, one: np.ndarray, other: np.ndarray) -> dict[str, float]:
    # Of equal values up to rounding there is no correlation.
    if len(one) < 2 or any(np.std(each) <= 1e-6 * np.abs(each).max() for each in (one, other)):
        return {}
    return {name: float(np.corrcoef(one, other)[0, 1])}
