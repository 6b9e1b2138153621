"""Packing metrics: cosines between directions, near collisions, antipodal pairs."""

import math
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from bows.analysis.directions import BLOCK, checked, directions, norms, scatter

MUTUAL_TOLERANCE = 1e-6  # float32 rounding of a cosine: two equal cosines may differ by this


class CosineExtremes(NamedTuple):
    """Extremes and squares of the cosines between K unit directions, each word's own excluded."""

    lowest: Tensor
    """(K,): the lowest cosine of each word with another, or 0 where none is negative."""
    partner: Tensor
    """(K,) int64: the word at that lowest cosine (meaningless where it is 0)."""
    largest: Tensor
    """(K,): the largest absolute cosine of each word with another."""
    squares: float
    """Sum of all squared cosines over ordered pairs of different words: |U - I|^2 in Frobenius norm."""


def cosine_extremes(unit: Tensor, block: int = BLOCK) -> CosineExtremes:
    """Compute the extremes of the cosines U = unit^T unit of K >= 1 unit directions (m, K), by blocks of one triangle."""
    count = unit.shape[1]
    lowest, largest = unit.new_zeros(count), unit.new_zeros(count)
    partner = torch.zeros(count, dtype=torch.int64, device=unit.device)
    squares = torch.zeros((), dtype=torch.float64, device=unit.device)
    with torch.autocast(unit.device.type, enabled=False):
        for start in range(0, count, block):
            stop = min(start + block, count)
            cosines = unit[:, start:stop].T @ unit[:, start:]
            cosines.fill_diagonal_(0.0)  # a word's own cosine; 0 disturbs neither the squares nor the extremes kept
            # Column by column: one float32 sum over millions of cells would lose three digits.
            by_column = torch.linalg.vecdot(cosines, cosines, dim=0).double()
            squares += by_column[: stop - start].sum() + 2 * by_column[stop - start :].sum()
            for axis, words in ((1, slice(start, stop)), (0, slice(start, count))):
                low, place = cosines.min(axis)
                largest[words] = torch.maximum(largest[words], torch.maximum(cosines.amax(axis), -low))
                partner[words] = torch.where(low < lowest[words], place + start, partner[words])
                lowest[words] = torch.minimum(lowest[words], low)
    return CosineExtremes(lowest, partner, largest.clamp_max(1.0), squares.item())


def off_diagonal_norm(encoder: Tensor, decoder: Tensor | None = None) -> float:
    """Return the Frobenius norm of G - diag G, 0 or more; it shrinks with the norms of the weights.

    G = W^T W (tied) or M = D E. By |G|^2 = sum((D^T D) * (E E^T)) nothing larger than (m, m) is formed.

    Args:
        encoder: (m, V).
        decoder: (V, m), or None for a tied model.

    Source: the paper (Prieto et al. 2026), its measure of structure against latent size.

    >>> off_diagonal_norm(torch.tensor([[1.0, -1.0]])) == 2**0.5
    True
    """
    encoder = checked(encoder)
    encoder_scatter = scatter(encoder)
    if decoder is None:
        whole, diagonal = encoder_scatter.square().sum(), norms(encoder).square()
    else:
        decoder = checked(decoder).to(encoder.device)
        if decoder.shape != encoder.T.shape:
            raise ValueError(f"decoder {tuple(decoder.shape)} does not fit encoder {tuple(encoder.shape)}")
        whole = (scatter(decoder.T) * encoder_scatter).sum()
        diagonal = self_terms(encoder, decoder)
    return math.sqrt(max((whole - diagonal.square().sum()).item(), 0.0))


def self_terms(encoder: Tensor, decoder: Tensor | None = None) -> Tensor:
    """Return the diagonal of G = W^T W, or of M = D E: (V,) float64, how strongly a word's presence predicts itself."""
    encoder = checked(encoder)
    if decoder is None:
        return norms(encoder).square()
    decoder = checked(decoder).to(encoder.device)
    return torch.cat(
        [
            (encoder[:, start : start + BLOCK].double() * decoder[start : start + BLOCK].T.double()).sum(0)
            for start in range(0, encoder.shape[1], BLOCK)
        ]
    )


class WordGeometry(NamedTuple):
    """Extreme cosines of each of V words with the others."""

    lowest_cosine: np.ma.MaskedArray
    """(V,) lowest cosine with another word, 0 where none is negative; masked for a zero column."""
    antipode: np.ndarray
    """(V,) int64: the word at that cosine if the pair is mutual (the lowest cosine of both), -1 otherwise."""
    largest_cosine: np.ma.MaskedArray
    """(V,) largest absolute cosine with another word; masked for a zero column."""


def word_geometry(encoder: Tensor, extremes: CosineExtremes | None = None) -> WordGeometry:
    """Return the extreme cosines of each word with the others.

    Args:
        encoder: (m, V).
        extremes: those of ``directions(encoder).unit``, where they are known already.

    >>> word_geometry(torch.tensor([[1.0, -2.0, 0.0]])).antipode.tolist()
    [1, 0, -1]
    """
    unit, kept = directions(encoder)
    words = encoder.shape[1]
    lowest, largest = np.ma.masked_all(words), np.ma.masked_all(words)
    antipode = np.full(words, -1)
    if unit.shape[1] > 1:
        extremes = extremes or cosine_extremes(unit)
        place = kept.cpu().numpy()
        lowest[place] = extremes.lowest.double().clamp_min(-1).cpu().numpy()
        largest[place] = extremes.largest.double().cpu().numpy()
        mutual = _mutual(extremes).cpu().numpy()
        antipode[place[mutual]] = place[extremes.partner.cpu().numpy()[mutual]]
    return WordGeometry(lowest, antipode, largest)


def _mutual(extremes: CosineExtremes) -> Tensor:
    """Return which words are in a mutual pair: (K,) bool."""
    # The partner's lowest cosine is never above its cosine with i, so the pair is mutual if it is not below.
    return (extremes.lowest[extremes.partner] >= extremes.lowest - MUTUAL_TOLERANCE) & (extremes.lowest < 0)


def packing(encoder: Tensor, decoder: Tensor | None = None, extremes: CosineExtremes | None = None) -> dict[str, float]:
    """Compute the packing metrics.

    With U the cosines u_i . u_j between the K columns of the encoder that are not zero (of the encoder, for an untied
    model too):

    - ``packing/off_diagonal_norm``: see :func:`off_diagonal_norm`.
    - ``packing/interference_rms``: |U - I| / sqrt(K (K - 1)) (Frobenius), in [0, 1]: the root mean square cosine of
      two different words, whatever the norms.
    - ``packing/coherence``: max over i != j of |U_ij|, in [0, 1].
    - ``packing/welch_ratio``: coherence over Welch's lower bound sqrt((K - m) / (m (K - 1))), 1 or more. Source: Welch
      1974.
    - ``packing/mean_max_cosine``: mean over i of max over j != i of |U_ij|, in [0, 1].
    - ``packing/antipodal_fraction``: share of the K words in a mutual pair (their cosine is the lowest of both) with a
      cosine under -0.9, in [0, 1].

    Left out where not defined: all but the first if fewer than two columns are not zero; the Welch ratio if K <= m,
    where the bound is 0.

    Args:
        encoder: (m, V).
        decoder: (V, m), or None for a tied model.
        extremes: those of ``directions(encoder).unit``, where they are known already.

    Raises:
        DataError: if a weight is infinite or not a number.

    >>> metrics = packing(torch.tensor([[1.0, -1.0, 0.0], [0.0, 0.0, 1.0]]))
    >>> metrics["packing/coherence"], round(metrics["packing/antipodal_fraction"], 3)
    (1.0, 0.667)
    """
    metrics = {"packing/off_diagonal_norm": off_diagonal_norm(encoder, decoder)}
    unit = directions(encoder).unit
    latent, count = unit.shape
    if count < 2:
        return metrics
    extremes = extremes or cosine_extremes(unit)
    coherence = extremes.largest.max().item()
    metrics |= {
        "packing/interference_rms": min(math.sqrt(extremes.squares / (count * (count - 1))), 1.0),
        "packing/coherence": coherence,
        "packing/mean_max_cosine": extremes.largest.double().mean().item(),
        "packing/antipodal_fraction": (_mutual(extremes) & (extremes.lowest < -0.9)).double().mean().item(),
    }
    if count > latent:
        metrics["packing/welch_ratio"] = coherence / math.sqrt((count - latent) / (latent * (count - 1)))
    return metrics
