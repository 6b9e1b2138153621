"""Measure the energy of constructive and destructive interference between the words of real windows."""

from collections.abc import Mapping

import torch
from torch import Tensor

from bows.analysis.cooccurrence import Cooccurrence
from bows.analysis.directions import checked, scatter
from bows.errors import DataError

ROWS = 256  # words a block: its matrices (256, V) in float64 are 20 MB each at V = 10,000


@torch.autocast("cpu", enabled=False)
def interference_energy(encoder: Tensor, decoder: Tensor | None, cooccurrence: Cooccurrence) -> dict[str, float]:
    """Compute the energy of constructive and of destructive interference, each over the energy of the output M f.

    - ``interference/constructive_energy``: E[2 sum over i < j of max(f_i f_j G_ij, 0)] / E|M f|^2
    - ``interference/destructive_energy``: E[2 sum over i < j of max(-f_i f_j G_ij, 0)] / E|M f|^2, a magnitude

    - ``interference/energy_ratio``: constructive over destructive, over the same ratio of the same weights on words that occur
      independently with the same frequencies, where E[f_i f_j] = p_i p_j. 1 is chance; the ratio itself is not (about 2.6 there).

    The energies are 0 or more, without unit and without a bound above. f is a window's bag, M = W^T W (tied) or D E, |M f|^2 the
    squared norm over the V words, without bias and activation. G = W^T W, or the symmetric part of D E, as the scale of E
    alone means nothing. E is the mean over the N held-out windows: E[f_i f_j] is the count of windows with both words over
    N, so nothing is larger than a block of rows. Neither depends on rotations of the latent space; scaling W (tied) by c
    divides both by c^2. Words with a zero column add nothing.

    Left out where not defined: all if M f is 0 in every window; the ratio where there is no destructive energy.

    Args:
        encoder: (m, V).
        decoder: (V, m), or None for a tied model.
        cooccurrence: of the held-out windows.

    Raises:
        DataError: if a weight is infinite or not a number.

    Source: Costa & Tolooshams 2026.

    >>> bags = torch.tensor([[1.0, 1.0], [1.0, 0.0]])
    >>> interference_energy(torch.ones(1, 2), None, Cooccurrence(lambda: [bags], 2))
    {'interference/constructive_energy': 0.2, 'interference/destructive_energy': 0.0}
    """
    encoder, decoder = fitting(encoder, decoder, cooccurrence.words)
    back = encoder.T if decoder is None else decoder
    # |M f|^2 = f^T E^T (D^T D) E f, so its mean over windows is the trace of (D^T D) (E F^T F E^T) / N.
    latent = torch.zeros(len(encoder), len(encoder), dtype=torch.float64)
    share = (cooccurrence.present / cooccurrence.windows).to(torch.float64)
    sums = torch.zeros(2, 2, dtype=torch.float64)  # real and independent words by constructive and destructive
    for start, counts in cooccurrence.blocks(ROWS):
        stop = start + len(counts)
        # The pairs under the block's diagonal square have their twins above it. So `latent` is not symmetric, but its trace with a
        # symmetric matrix is the same.
        times = torch.ones(cooccurrence.words - start, dtype=encoder.dtype)
        times[stop - start :] = 2
        counts = counts[:, start:].to(encoder.dtype) * times
        latent += (encoder[:, start:stop] @ (counts @ encoder[:, start:].T)).double()
        pairs = couplings(encoder, decoder, start, stop)
        pairs.diagonal().zero_()
        expected = share[start:].to(encoder.dtype) * times
        # No E[f_i f_j] is negative: a term has the sign of G_ij.
        for column, part in enumerate((pairs.relu(), pairs.neg_().relu_())):
            sums[0, column] += torch.linalg.vecdot(part, counts).double().sum()
            sums[1, column] += torch.dot(part.mv(expected).double(), share[start:stop])
    output = (scatter(back.T) * latent).sum().item()
    if output <= 0:
        return {}
    real, chance = (
        {"interference/constructive_energy": each[0] / output, "interference/destructive_energy": each[1] / output}
        for each in sums.tolist()
    )
    return real | energy_ratio(real, chance)


def energy_ratio(real: Mapping[str, float], chance: Mapping[str, float]) -> dict[str, float]:
    """Return ``interference/energy_ratio`` of energies on real and on independent words; empty where it is not defined."""
    constructive, destructive = "interference/constructive_energy", "interference/destructive_energy"
    if not real.get(destructive) or not chance.get(destructive) or not chance[constructive]:
        return {}
    ratio = real[constructive] / real[destructive] / (chance[constructive] / chance[destructive])
    return {"interference/energy_ratio": ratio}


def fitting(encoder: Tensor, decoder: Tensor | None, words: int) -> tuple[Tensor, Tensor | None]:
    """Return the weights on the CPU, where co-occurrence is counted, checked to be of V = ``words`` words.

    Raises:
        DataError: the weights are of another vocabulary size than the windows, infinite or not numbers.
        ValueError: encoder and decoder do not fit each other.
    """
    encoder = checked(encoder).cpu()
    if encoder.shape[1] != words:
        raise DataError(
            f"the weights are of {encoder.shape[1]} words and the windows of {words}: give a corpus with the vocabulary trained on"
        )
    if decoder is not None:
        decoder = checked(decoder).cpu().to(encoder.dtype)
        if decoder.shape != encoder.T.shape:
            raise ValueError(f"decoder {tuple(decoder.shape)} does not fit encoder {tuple(encoder.shape)}")
    return encoder, decoder


@torch.autocast("cpu", enabled=False)
def couplings(encoder: Tensor, decoder: Tensor | None, start: int, stop: int) -> Tensor:
    """Return rows start:stop of G = W^T W, or of (D E + E^T D^T) / 2, from column ``start`` on: (stop - start, V - start).

    Walked over all blocks of rows, each pair of words comes up once, but for those in the squares [:, : stop - start]
    around the diagonal.

    >>> couplings(torch.tensor([[1.0, 2.0]]), torch.tensor([[1.0], [0.0]]), 0, 1).tolist()
    [[1.0, 1.0]]
    """
    here, there = encoder[:, start:stop], encoder[:, start:]
    if decoder is None:
        return here.T @ there
    return (decoder[start:stop] @ there).add_((decoder[start:] @ here).T).div_(2)
