"""The per-word table: one row a word, in index order."""

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import ArrayLike
from torch import Tensor

from bows.analysis.capacity import dimensionality
from bows.analysis.directions import norms
from bows.analysis.neighbours import nearest
from bows.analysis.packing import WordGeometry, self_terms

# Columns that a pass over the held-out windows adds, in their order in the table.
HELD_OUT = (
    "r2_one_hot",
    "r2_linear",
    "interference_present",
    "interference_absent",
    "rescued",
    "filtered",
    "false_positive_rate",
    "false_negative_rate",
)


def word_table(
    vocabulary: Sequence[str],
    encoder: Tensor,
    decoder: Tensor | None = None,
    bias: Tensor | None = None,
    frequency: ArrayLike | None = None,
    r2: ArrayLike | None = None,
    neighbours: int = 10,
    held_out: Mapping[str, ArrayLike] | None = None,
    geometry: WordGeometry | None = None,
    regimes: np.ma.MaskedArray | None = None,
) -> pa.Table:
    """One row a word.

    Columns; a null stands where a value is not defined or was not measured, never a NaN:

    - ``word`` (string)
    - ``frequency`` (double): share of the held-out windows that hold the word, in [0, 1].
    - ``norm`` (double): |w_i|.
    - ``dimensionality`` (double): see :func:`bows.analysis.capacity.dimensionality`; null for a zero column.
    - ``r2`` (double): R^2 of the word over the held-out windows; null if every window holds it, or none.
    - ``r2_one_hot``, ``r2_linear`` (double): the same over the V one-word bags; of the best linear read-out of the latent.
    - ``bias`` (double): b_i of the output.
    - ``self_term`` (double): G_ii = |w_i|^2, or M_ii of an untied model: the share of a word's presence that
      reaches its own output.
    - ``interference_present``, ``interference_absent`` (double): mean interference over windows with, and without, the word.
    - ``rescued``, ``filtered``, ``false_positive_rate``, ``false_negative_rate`` (double): see
      :class:`bows.analysis.interference.InterferenceSums`.
    - ``largest_cosine``, ``lowest_cosine`` (double), ``antipode`` (string): the largest absolute cosine with another word; the
      lowest, 0 where none is negative; the word at the lowest if the pair is mutual.
    - ``regime`` (string): see :func:`bows.analysis.regime.regimes`.
    - ``nearest`` (list of strings): the words of highest cosine, nearest first; empty for a zero column.

    Args:
        vocabulary: the V words in index order.
        encoder: (m, V).
        decoder: (V, m), or None for a tied model.
        bias: (V,).
        frequency: (V,), as from ``ReconstructionSums.frequency``; masked or NaN entries become null.
        r2: (V,), as from ``ReconstructionSums.r2_by_word``; masked or NaN entries become null.
        neighbours: how many nearest words, 1 or more.
        held_out: (V,) each, those of ``HELD_OUT`` that were measured.
        geometry: of the words' directions.
        regimes: (V,).

    Raises:
        ValueError: if a length differs from V, or a column has another name.

    >>> import torch
    >>> word_table(["sun", "moon"], torch.eye(2)).column("nearest").to_pylist()
    [['moon'], ['sun']]
    """
    words = pa.array(vocabulary, pa.string())
    length = norms(encoder).cpu().numpy()
    if len(words) != len(length):
        raise ValueError(f"{len(words)} words do not fit an encoder of {len(length)} columns")
    held_out = held_out or {}
    if unknown := set(held_out) - set(HELD_OUT):
        raise ValueError(f"a word table has no columns {sorted(unknown)}; it has {HELD_OUT}")

    def column(values: ArrayLike | None) -> pa.Array:
        return _column(values, len(words))

    return pa.table(
        {
            "word": words,
            "frequency": column(frequency),
            "norm": column(length),
            "dimensionality": column(np.ma.masked_array(dimensionality(encoder).cpu().numpy(), length == 0)),
            "r2": column(r2),
            **{name: column(held_out.get(name)) for name in HELD_OUT[:2]},
            "bias": column(None if bias is None else bias.detach().double().cpu().numpy()),
            "self_term": column(self_terms(encoder, decoder).cpu().numpy()),
            **{name: column(held_out.get(name)) for name in HELD_OUT[2:]},
            "largest_cosine": column(None if geometry is None else geometry.largest_cosine),
            "lowest_cosine": column(None if geometry is None else geometry.lowest_cosine),
            "antipode": _named(words, None if geometry is None else geometry.antipode),
            "regime": _strings(regimes, len(words)),
            "nearest": _nearest_words(words, encoder, neighbours),
        }
    )


def _named(words: pa.Array, indices: np.ndarray | None) -> pa.Array:
    if indices is None:
        return pa.nulls(len(words), pa.string())
    return words.take(pa.array(indices, pa.int64(), mask=indices < 0))


def _strings(values: np.ma.MaskedArray | None, length: int) -> pa.Array:
    if values is None:
        return pa.nulls(length, pa.string())
    return pa.array(values.tolist(), pa.string())  # tolist gives None where masked


def _column(values: ArrayLike | None, length: int) -> pa.Array:
    if values is None:
        return pa.nulls(length, pa.float64())
    values = np.ma.masked_invalid(np.ma.asarray(values, dtype=np.float64))
    if values.shape != (length,):
        raise ValueError(f"a column of shape {values.shape} does not fit {length} words")
    return pa.array(values.data, pa.float64(), mask=np.ma.getmaskarray(values))


def _nearest_words(words: pa.Array, encoder: Tensor, count: int) -> pa.ListArray:
    indices = nearest(encoder, count).indices.cpu().numpy()
    found = indices >= 0
    offsets = np.concatenate([[0], np.cumsum(found.sum(1))])
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), words.take(pa.array(indices[found])))
