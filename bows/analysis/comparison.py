"""Compare several models of one size word by word."""

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
from scipy import stats

from bows.analysis.permutation_null import frequency_deciles
from bows.analysis.regime import REGIMES


def compare_words(tables: Mapping[str, pa.Table]) -> pa.Table:
    """Return R^2 of every word under each model.

    Args:
        tables: per-word tables of the same words, on the same held-out windows, by name; the first is the one that is compared.

    Returns:
        A row a word, by falling gain over the second model: ``word``, ``frequency``, ``decile`` (of
        the words with an R^2; 1 the rarest), ``regime`` (under the
        first), ``r2 <name>`` for each, and ``gain over <name>`` for each but the first: R^2 of the first minus that one's. Nulls
        where R^2 is not defined.

    Raises:
        ValueError: fewer than two models, or tables of different words.
    """
    names = list(tables)
    if len(names) < 2:
        raise ValueError("a comparison needs two models or more")
    first = tables[names[0]]
    if any(table.column("word") != first.column("word") for table in tables.values()):
        raise ValueError("the tables are of different words")
    frequency = first.column("frequency").to_numpy()
    r2 = {name: _masked(tables[name], "r2") for name in names}
    known = ~np.ma.getmaskarray(r2[names[0]])
    decile = np.zeros(len(frequency), dtype=np.int64)
    decile[known] = frequency_deciles(frequency[known]) + 1
    columns: dict[str, pa.Array] = {
        "word": first.column("word").combine_chunks(),
        "frequency": pa.array(frequency),
        "decile": pa.array(decile, mask=~known),
        "regime": first.column("regime").combine_chunks(),
    }
    columns |= {f"r2 {name}": _array(values) for name, values in r2.items()}
    columns |= {f"gain over {name}": _array(r2[names[0]] - r2[name]) for name in names[1:]}
    return pa.table(columns).sort_by([(f"gain over {names[1]}", "descending"), ("word", "ascending")])


def compare_groups(words: pa.Table, by: str, names: Sequence[str]) -> pa.Table:
    """Return R^2 and gain under each model by group of words.

    Args:
        words: from :func:`compare_words`.
        by: ``decile`` or ``regime``.
        names: of the models, in order.

    Returns:
        A row a group: ``by``, ``words`` (those whose R^2 is defined), ``r2 <name>`` (pooled: 1 - SSE / SST over the group's words),
        and for each model but the first ``gain over <name>`` (difference of the pooled R^2) and ``gaining over <name>`` (share of
        the group's words with a higher R^2 under the first).
    """
    groups = np.array(words.column(by).to_pylist(), dtype=object)
    known = [*REGIMES] if by == "regime" else sorted({group for group in groups if group is not None})
    frequency = words.column("frequency").to_numpy()
    # SST of a word is n p (1 - p), so pooled R^2 follows from each word's own.
    spread = frequency * (1 - frequency)
    r2 = {name: _masked(words, f"r2 {name}") for name in names}
    rows = []
    for group in known:
        here = (groups == group) & ~np.ma.getmaskarray(r2[names[0]])
        if not here.any():
            continue
        row: dict[str, object] = {by: group, "words": int(here.sum())}
        pooled = {
            name: float((spread * values.filled(0.0))[here].sum() / spread[here].sum()) for name, values in r2.items()
        }
        row |= {f"r2 {name}": value for name, value in pooled.items()}
        for name in names[1:]:
            row[f"gain over {name}"] = pooled[names[0]] - pooled[name]
            row[f"gaining over {name}"] = float((r2[names[0]] > r2[name])[here].mean())
        rows.append(row)
    return pa.Table.from_pylist(rows)


def gain_interval(
    errors: np.ndarray, others: np.ndarray, total: float, block: int, resamples: int, generator: np.random.Generator
) -> tuple[float, float]:
    """Return a 95 % interval of the gain in pooled R^2 of one model over another, over held-out text.

    Windows overlap and follow one another in documents, so blocks of consecutive windows are drawn, not windows (circular block
    bootstrap; Politis & Romano 1992).

    Args:
        errors: (windows,) squared error of each window under the one model.
        others: The same under the other model.
        total: SST over all words and windows.
        block: windows a block.
        resamples: how many times the text is drawn anew.
        generator: of the draws.

    Returns:
        The 2.5 and 97.5 % points of the gain.
    """
    difference = others - errors
    count = len(difference)
    block = min(block, count)
    sums = np.cumsum(np.concatenate([[0.0], difference, difference[:block]]))
    of_block = sums[block:][:count] - sums[:-block][:count]
    blocks = -(-count // block)
    drawn = of_block[generator.integers(0, count, (resamples, blocks))].sum(1) * (count / (blocks * block))
    low, high = np.quantile(drawn / total, [0.025, 0.975])
    return float(low), float(high)


def _masked(table: pa.Table, name: str) -> np.ma.MaskedArray:
    return np.ma.masked_invalid(table.column(name).to_numpy().astype(float))


def _array(values: np.ma.MaskedArray) -> pa.Array:
    return pa.array(values.data, pa.float64(), mask=np.ma.getmaskarray(values))


def mean_interval(values: Sequence[float]) -> tuple[float, float]:
    """Return the ends of the 95 % interval of the mean of two or more independent values, as of seeds, by Student's t."""
    half = float(stats.t.ppf(0.975, len(values) - 1) * np.std(values, ddof=1) / np.sqrt(len(values)))
    return float(np.mean(values)) - half, float(np.mean(values)) + half
