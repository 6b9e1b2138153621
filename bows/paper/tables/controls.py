"""The months' ring and the clusters on text whose correlations were destroyed."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from bows.paper.controls import ORDER, PURITY, treatment
from bows.paper.months import MONTHS, no_set
from bows.paper.runs import Run, first
from bows.paper.spread import NotDrawn, interval
from bows.paper.tables.months import add_plane

TREATMENTS = {
    "as it is": "the text as it is",
    "together": "months permuted together",
    "apart": "each month permuted by itself",
    "shuffled": "every word permuted by itself",
}


def rings(runs: Sequence[Run]) -> pa.Table:
    """The months' planes under each treatment, of the first seed."""
    columns: dict[str, list] = {name: [] for name in ("panel", "word", "place", "x", "y")}
    for kind, said in TREATMENTS.items():
        run = first(run for run in runs if treatment(run) == kind)
        if run is not None:
            months = run.indices(MONTHS)
            if months is None:
                raise NotDrawn(no_set([run], MONTHS))
            add_plane(columns, said, MONTHS, run.unit[:, months], run.summary)
    if not columns["panel"]:
        raise NotDrawn("no completed run")
    return pa.table({**columns, "place": pa.array(columns["place"], pa.int64())})


def scores(runs: Sequence[Run]) -> pa.Table:
    """Ring order and purity z under each treatment: means over seeds with their 95 % intervals."""
    rows = []
    for kind in TREATMENTS:
        for metric in (ORDER, PURITY):
            values = [run.summary[metric] for run in runs if treatment(run) == kind and metric in run.summary]
            if values:
                rows.append(
                    {
                        "text": kind,
                        "metric": metric,
                        "mean": float(np.mean(values)),
                        "count": len(values),
                        **interval(values),
                    }
                )
    if not rows:
        raise NotDrawn("no completed run with months or categories")
    return pa.Table.from_pylist(rows)
