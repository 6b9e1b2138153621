"""Explain one word's pre-activation: the parts of bias, the word itself and each word of a context."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import comb
from torch import Tensor

from bows.analysis.permutation_null import frequency_deciles

LEAST_WINDOWS = 50  # that contexts are drawn from; fewer would make a null of few texts


class Contributions(NamedTuple):
    """a_i = bias + self + sum of context, for the bag {word i} + context."""

    bias: float
    """b_i."""
    itself: float
    """M_ii (|w_i|^2 where encoder and decoder are tied)."""
    context: list[float]
    """M_ij of each context word j, in the order given."""


def contributions(
    encoder: Tensor, decoder: Tensor | None, bias: Tensor, word: int, context: Sequence[int]
) -> Contributions:
    """Return what each part adds to a word's pre-activation through the map M = D E (W^T W where tied).

    The parts add up to the pre-activation for an affine encoder without hidden biases, and for one with rectified units where `encoder` is
    that of the bag, L diag(g(f)) U (see :mod:`bows.analysis.gated_map`).

    Args:
        encoder: (m, V).
        decoder: (V, m), or None for a tied model.
        bias: (V,).
        word: index i.
        context: indices j, none of them i.

    >>> import torch
    >>> contributions(torch.tensor([[1.0, 2.0, -1.0]]), None, torch.tensor([0.5, 0.0, 0.0]), 0, [1, 2])
    Contributions(bias=0.5, itself=1.0, context=[2.0, -1.0])
    """
    row = (encoder[:, word] if decoder is None else decoder[word]).double()
    effects = row @ encoder[:, [word, *context]].double()
    return Contributions(float(bias[word]), float(effects[0]), effects[1:].tolist())


class Contexts(NamedTuple):
    """Random contexts."""

    words: np.ndarray
    """(draws, n) word indices."""
    strata: int
    """Number of strata of word frequency in which each has as many words as the context that it is compared with."""


def random_contexts(
    windows: Sequence[np.ndarray],
    frequency: ArrayLike,
    context: Sequence[int],
    draws: int,
    generator: np.random.Generator,
) -> Contexts | None:
    """Draw parts of real windows with words as frequent as those of a context: what words that occur together add by being common.

    A context is n random words of a random window, given that they are as many of each frequency decile as those of the context. Where
    fewer than 50 windows have such words, quintiles take the place of deciles, then halves, then no strata. Words drawn one by one, which
    do not go together, vary too little: a p from them is under 0.05 in 6.5 to 17 % of contexts from windows without the word.

    Args:
        windows: the word indices of each window without the explained word.
        frequency: (V,) share of windows with each word.
        context: n word indices, 1 or more.
        draws: how many contexts.
        generator: draws them.

    Returns:
        None where fewer than 50 windows have n words.
    """
    sizes = np.array([len(bag) for bag in windows])
    for strata in (10, 5, 2, 1):
        stratum = frequency_deciles(np.asarray(frequency, dtype=float), strata)
        levels, needed = np.unique(stratum[list(context)], return_counts=True)
        has = np.array([np.bincount(stratum[bag], minlength=strata)[levels] for bag in windows]).reshape(
            -1, len(levels)
        )
        # The probability that n random words of the window are as frequent as those of the context.
        share = comb(has, needed).prod(1) / comb(sizes, len(context)).clip(1)
        if np.count_nonzero(share) >= LEAST_WINDOWS:
            break
    else:
        return None
    drawn = np.empty((draws, len(context)), dtype=np.int64)
    for row, number in enumerate(generator.choice(len(windows), draws, p=share / share.sum())):
        of_level = [windows[number][stratum[windows[number]] == level] for level in levels]
        parts = [generator.choice(bag, count, replace=False) for bag, count in zip(of_level, needed, strict=True)]
        drawn[row] = np.concatenate(parts)
    return Contexts(drawn, strata)


class PreActivations(NamedTuple):
    """A word's pre-activations over held-out windows."""

    with_word: np.ndarray
    """(n1,) of the windows that hold it."""
    without_word: np.ndarray
    """(n0,) of the others."""


def histogram(values: PreActivations, bins: int = 60) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return counts of both kinds over common bins; one edge is 0, the threshold of a ReLU.

    Returns:
        edges (about bins + 1, rising), counts with the word, counts without it.

    >>> edges, present, absent = histogram(PreActivations(np.array([1.0, 2.0]), np.array([-2.0])), bins=4)
    >>> edges.tolist(), present.tolist(), absent.tolist()
    ([-2.0, -1.0, 0.0, 1.0, 2.0], [0, 0, 0, 2], [1, 0, 0, 0])
    """
    every = np.concatenate([values.with_word, values.without_word, [0.0]])
    lowest, highest = float(every.min()), float(every.max())
    width = (highest - lowest) / bins or 1.0
    edges = width * np.arange(np.floor(lowest / width), np.ceil(highest / width) + 1)
    if len(edges) < 2:
        edges = np.array([-width, 0.0, width])
    # Rounding must not leave the outermost values out.
    edges[0], edges[-1] = min(edges[0], lowest), max(edges[-1], highest)
    return edges, np.histogram(values.with_word, edges)[0], np.histogram(values.without_word, edges)[0]


def removed_by_relu(values: PreActivations, bias: float) -> tuple[int, int]:
    """Count false positives that a ReLU removes, among the windows without the word.

    Returns:
        How many windows have I = a - b > 0, so that interference pushes towards a false positive; and in how many of these a <= 0, so
        that a ReLU removes it.

    >>> removed_by_relu(PreActivations(np.array([9.0]), np.array([-0.5, 0.5, -2.0])), bias=-1.0)
    (2, 1)
    """
    pushed = values.without_word > bias
    return int(pushed.sum()), int((pushed & (values.without_word <= 0)).sum())
