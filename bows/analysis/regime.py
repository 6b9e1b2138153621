"""Classify how each word is stored: absent, linear, antipodal, orthogonal or mixed."""

import numpy as np
import pyarrow as pa
from numpy.typing import ArrayLike

from bows.analysis.packing import WordGeometry
from bows.analysis.permutation_null import frequency_deciles
from bows.setting_types import Thresholds

REGIMES = ("absent", "linear", "antipodal", "orthogonal", "mixed")


def regimes(
    r2: ArrayLike, r2_linear: ArrayLike, gap: ArrayLike, geometry: WordGeometry, thresholds: Thresholds
) -> np.ma.MaskedArray:
    """Return the regime of each word, by the first rule that fits.

    1. ``absent``: R^2 < 0.05
    2. ``linear``: the linear read-out's R^2 is at least 0.9 of R^2, and the stratified interference gap is above -0.06
    3. ``antipodal``: in a mutual pair (each the other's lowest cosine) with a cosine under -0.9
    4. ``orthogonal``: largest absolute cosine with another word < 0.1
    5. ``mixed``: none of these

    The numbers are the usual ``thresholds``. Of the stored words of linear models (principal components and model=linear on the default
    corpus) none is then not ``linear``; on shuffled text 57 % are not with a gap above 0. Source: the regimes of Prieto et al. 2026, made
    exact.

    Args:
        r2: (V,) R^2, masked where not defined, which is where the held-out windows all hold the word or none does.
        r2_linear: (V,) R^2 of the linear read-out, masked in the same way.
        gap: (V,) stratified interference gap, masked in the same way.
        geometry: of the words' directions.
        thresholds: where one regime ends.

    Returns:
        (V,) of strings, masked where R^2 is not defined.
    """
    r2, r2_linear, gap = (np.ma.masked_invalid(np.ma.asarray(values, dtype=float)) for values in (r2, r2_linear, gap))
    linear = (r2_linear >= thresholds.linear * r2) & (gap > thresholds.gap)
    antipodal = (geometry.antipode >= 0) & (np.ma.filled(geometry.lowest_cosine, 0.0) < thresholds.antipodal)
    orthogonal = np.ma.filled(geometry.largest_cosine, 0.0) < thresholds.orthogonal
    rules = [np.ma.filled(r2 < thresholds.absent, False), np.ma.filled(linear, False), antipodal, orthogonal]
    labels = np.select(rules, REGIMES[:4], REGIMES[4])
    return np.ma.masked_array(labels, mask=np.ma.getmaskarray(r2))


def regime_shares(labels: np.ma.MaskedArray) -> dict[str, float]:
    """Return the shares of the regimes, by metric name.

    ``regime/<name>`` is the share of the labelled words, in [0, 1], all five adding up to 1; ``regime/words`` is how many are labelled,
    ``regime/undefined`` how many are not. Without a labelled word only the last two are returned.

    >>> regime_shares(np.ma.masked_array(["linear", "mixed", "mixed"], mask=[False, False, True]))["regime/linear"]
    0.5
    """
    known = labels.compressed()
    counts = {"regime/words": float(len(known)), "regime/undefined": float(len(labels) - len(known))}
    if not len(known):
        return counts
    return {f"regime/{name}": float(np.mean(known == name)) for name in REGIMES} | counts


def regimes_by_decile(labels: np.ma.MaskedArray, frequency: ArrayLike) -> pa.Table:
    """Return counts of the regimes by frequency decile of the words that have a regime, the rarest words first.

    Args:
        labels: (V,), from :func:`regimes`.
        frequency: (V,) in [0, 1].

    Returns:
        A row a decile: ``decile`` (1 the rarest), ``lowest_frequency``, ``highest_frequency``, ``words``, and a column of counts for
        each regime.
    """
    known = ~np.ma.getmaskarray(labels)
    names, frequency = labels[known].data, np.asarray(frequency, dtype=float)[known]
    deciles = frequency_deciles(frequency)
    rows = []
    for decile in np.unique(deciles):
        here = deciles == decile
        row: dict[str, float | int] = {
            "decile": int(decile) + 1,
            "lowest_frequency": float(frequency[here].min()),
            "highest_frequency": float(frequency[here].max()),
            "words": int(here.sum()),
        }
        rows.append(row | {name: int((names[here] == name).sum()) for name in REGIMES})
    fields = [("decile", pa.int64()), ("lowest_frequency", pa.float64()), ("highest_frequency", pa.float64())]
    fields += [(name, pa.int64()) for name in ("words", *REGIMES)]
    return pa.Table.from_pylist(rows, pa.schema(fields))
