"""How structure fades as m grows, by seeds."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from bows.paper.runs import Run
from bows.paper.seeds import NotDrawn, interval
from bows.paper.structure import cosine_rms, numerals
from bows.paper.word_lists import MONTHS

NORM, COSINES = "off-diagonal norm", "cosines, root mean square"
WORDS = ("all words", "months", "Roman numerals")


def against_size(runs: Sequence[Run]) -> pa.Table:
    """Means over seeds with their 95 % intervals: the off-diagonal norm of all words, and the root mean square of the cosines of all words,
    of the months and of the Roman numerals.
    """
    values: dict[tuple[int, str, str], list[float]] = {}
    for run in runs:
        of_run = {
            (NORM, WORDS[0]): run.summary["packing/off_diagonal_norm"],
            (COSINES, WORDS[0]): run.summary["packing/interference_rms"],
        }
        for words, indices in ((WORDS[1], run.indices(MONTHS)), (WORDS[2], numerals(run))):
            if indices is not None:
                of_run[COSINES, words] = cosine_rms(run, indices)
        for (metric, words), value in of_run.items():
            values.setdefault((run.settings["latent"], metric, words), []).append(value)
    if not values:
        raise NotDrawn("no completed run")
    rows = [
        {"latent": size, "metric": metric, "words": words, "mean": float(np.mean(of)), "count": len(of), **interval(of)}
        for (size, metric, words), of in sorted(values.items())
    ]
    return pa.Table.from_pylist(rows)
