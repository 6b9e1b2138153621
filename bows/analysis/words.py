"""The per-word table: one row a word, in index order."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import ArrayLike
from torch import Tensor

from bows.analysis.capacity import dimensionality
from bows.analysis.columns import norms
from bows.analysis.neighbours import nearest
from bows.analysis.packing import self_terms


def word_table(
    vocabulary: Sequence[str],
    encoder: Tensor,
    decoder: Tensor | None = None,
    bias: Tensor | None = None,
    frequency: ArrayLike | None = None,
    r2: ArrayLike | None = None,
    neighbours: int = 10,
) -> pa.Table:
    """One row a word.

    Columns; a null stands where a value is not defined or was not given, never a NaN:

    - ``word`` (string)
    - ``frequency`` (double): share of the held-out windows that hold the word, in [0, 1].
    - ``norm`` (double): |w_i|.
    - ``dimensionality`` (double): see :func:`bows.analysis.capacity.dimensionality`; null for a zero column.
    - ``r2`` (double): R^2 of the word over the held-out windows; null if every window holds it, or none.
    - ``bias`` (double): b_i of the output.
    - ``self_term`` (double): G_ii = |w_i|^2, or M_ii of an untied model: the share of a word's presence that
      reaches its own output.
    - ``nearest`` (list of strings): the words of highest cosine, nearest first; empty for a zero column.

    Args:
        vocabulary: the V words in index order.
        encoder: (m, V).
        decoder: (V, m), or None for a tied model.
        bias: (V,).
        frequency: (V,), as from ``ReconstructionSums.frequency``; masked or NaN entries become null.
        r2: (V,), as from ``ReconstructionSums.r2_by_word``; masked or NaN entries become null.
        neighbours: how many nearest words, 1 or more.

    Raises:
        ValueError: if a length differs from V.

    >>> import torch
    >>> word_table(["sun", "moon"], torch.eye(2)).column("nearest").to_pylist()
    [['moon'], ['sun']]
    """
    words = pa.array(vocabulary, pa.string())
    length = norms(encoder).cpu().numpy()
    if len(words) != len(length):
        raise ValueError(f"{len(words)} words do not fit an encoder of {len(length)} columns")
    return pa.table(
        {
            "word": words,
            "frequency": _column(frequency, len(words)),
            "norm": _column(length, len(words)),
            "dimensionality": _column(
                np.ma.masked_array(dimensionality(encoder).cpu().numpy(), length == 0), len(words)
            ),
            "r2": _column(r2, len(words)),
            "bias": _column(None if bias is None else bias.detach().double().cpu().numpy(), len(words)),
            "self_term": _column(self_terms(encoder, decoder).cpu().numpy(), len(words)),
            "nearest": _nearest_words(words, encoder, neighbours),
        }
    )


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
