"""Build the per-word table: one row per word, in index order.

Columns; a value that is not defined or was not computed is null, never NaN:

- ``word`` (string)
- ``frequency`` (double): share of the held-out windows that contain the word, in [0, 1].
- ``norm`` (double): |w_i|.
- ``dimensionality`` (double): see :func:`bows.analysis.capacity.dimensionality`; null for a zero column.
- ``r2`` (double): R^2 of the word over the held-out windows; null if it is in every window or in none.
- ``r2_one_hot``, ``r2_linear`` (double): the same over the V one-word bags; of the best linear read-out of the latent.
- ``bias`` (double): b_i of the output.
- ``self_term`` (double): G_ii = |w_i|^2, or M_ii of an untied model: the share of a word's presence that reaches its own output; for an
  encoder with rectified units the mean of M_ii(f) over the windows with the word.
- ``interference_present``, ``interference_absent`` (double): mean interference over windows with, and without, the word.
- ``gap_stratified`` (double): see :meth:`bows.analysis.interference.InterferenceSums.gap_stratified`.
- ``rescued``, ``filtered``, ``false_positive_rate``, ``false_negative_rate`` (double): see
  :class:`bows.analysis.interference.InterferenceSums`.
- ``helped``, ``hurt`` (double), ``helped_by``, ``hurt_by`` (string): by how much the word's loss rises, or falls, when the interference
  of one other word is removed, summed over the other words; and the words that change it most, such as "april 0.0021; may 0.0013". See
  :func:`bows.analysis.interference_ledger.interference_ledger`.
- ``bias_optimal``, ``gain``, ``gain_optimal`` (double): see :func:`bows.analysis.closed_forms.closed_forms`.
- ``nearest_cosine`` (double): the cosine with the nearest word, the first of ``nearest``; null for a zero column.
- ``largest_cosine``, ``lowest_cosine`` (double), ``antipode`` (string): the largest absolute cosine with another word; the
  lowest, 0 where none is negative; the word at the lowest if the pair is mutual.
- ``regime`` (string): see :func:`bows.analysis.regime.regimes`.
- ``x``, ``y`` (double), where they were laid out: see :func:`bows.analysis.word_map.tsne_coordinates`; null for a zero column.
- ``nearest`` (list of strings): the words of highest cosine, nearest first; empty for a zero column.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import ArrayLike
from torch import Tensor

from bows.analysis.capacity import dimensionality
from bows.analysis.directions import norms
from bows.analysis.neighbours import Neighbours, nearest
from bows.analysis.packing import WordGeometry, self_terms

# Columns that are given, in their order in the table; `self_term` comes after `bias`.
GIVEN = (
    "r2",
    "r2_one_hot",
    "r2_linear",
    "bias",
    "interference_present",
    "interference_absent",
    "gap_stratified",
    "rescued",
    "filtered",
    "helped",
    "hurt",
    "bias_optimal",
    "gain",
    "gain_optimal",
    "false_positive_rate",
    "false_negative_rate",
)


def word_table(
    vocabulary: Sequence[str],
    encoder: Tensor,
    decoder: Tensor | None = None,
    columns: Mapping[str, ArrayLike] | None = None,
    neighbours: int = 10,
    geometry: WordGeometry | None = None,
) -> pa.Table:
    """Return a table with one row per word.

    Args:
        vocabulary: the V words in index order.
        encoder: (m, V).
        decoder: (V, m), or None for a tied model.
        columns: (V,) each: `frequency`, `regime`, `helped_by`, `hurt_by`, `self_term` of an encoder with rectified units, and those of
            ``GIVEN`` that were computed; masked or NaN entries become null.
        neighbours: how many nearest words, 1 or more.
        geometry: of the words' directions.

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
    given = dict(columns or {})
    frequency, regime = given.pop("frequency", None), given.pop("regime", None)
    self_term = given.pop("self_term", None)
    helped_by, hurt_by = given.pop("helped_by", None), given.pop("hurt_by", None)
    if unknown := set(given) - set(GIVEN):
        raise ValueError(f"a word table has no columns {sorted(unknown)}; it has {GIVEN}")

    def column(values: ArrayLike | None) -> pa.Array:
        return _column(values, len(words))

    place = GIVEN.index("bias") + 1
    near = nearest(encoder, neighbours)
    return pa.table(
        {
            "word": words,
            "frequency": column(frequency),
            "norm": column(length),
            "dimensionality": column(np.ma.masked_array(dimensionality(encoder).cpu().numpy(), length == 0)),
            **{name: column(given.get(name)) for name in GIVEN[:place]},
            "self_term": column(self_terms(encoder, decoder).cpu().numpy() if self_term is None else self_term),
            **{name: column(given.get(name)) for name in GIVEN[place:]},
            "nearest_cosine": column(_nearest_cosine(near)),
            "largest_cosine": column(None if geometry is None else geometry.largest_cosine),
            "lowest_cosine": column(None if geometry is None else geometry.lowest_cosine),
            "antipode": _named(words, None if geometry is None else geometry.antipode),
            "regime": _text(regime, len(words)),
            "helped_by": _text(helped_by, len(words)),
            "hurt_by": _text(hurt_by, len(words)),
            "nearest": _nearest_words(words, near.indices.cpu().numpy()),
        }
    )


def _named(words: pa.Array, indices: np.ndarray | None) -> pa.Array:
    if indices is None:
        return pa.nulls(len(words), pa.string())
    return words.take(pa.array(indices, pa.int64(), mask=indices < 0))


def _text(values: ArrayLike | None, length: int) -> pa.Array:
    return pa.nulls(length, pa.string()) if values is None else pa.array(np.ma.asarray(values).tolist(), pa.string())


def _column(values: ArrayLike | None, length: int) -> pa.Array:
    if values is None:
        return pa.nulls(length, pa.float64())
    values = np.ma.masked_invalid(np.ma.asarray(values, dtype=np.float64))
    if values.shape != (length,):
        raise ValueError(f"a column of shape {values.shape} does not fit {length} words")
    return pa.array(values.data, pa.float64(), mask=np.ma.getmaskarray(values))


def _nearest_cosine(near: Neighbours) -> np.ma.MaskedArray:
    if not near.indices.shape[1]:
        return np.ma.masked_all(len(near.indices))
    return np.ma.masked_array(near.cosines[:, 0].cpu().numpy(), near.indices[:, 0].cpu().numpy() < 0)


def _nearest_words(words: pa.Array, indices: np.ndarray) -> pa.ListArray:
    found = indices >= 0
    offsets = np.concatenate([[0], np.cumsum(found.sum(1))])
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), words.take(pa.array(indices[found])))
