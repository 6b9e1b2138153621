"""The months' ring and the clusters on text whose correlations were destroyed."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from bows.paper.controls import ORDER, PURITY, treatment
from bows.paper.months import nearness, no_set
from bows.paper.runs import Run, first
from bows.paper.seeds import NotDrawn, interval
from bows.paper.tables.months import add_plane
from bows.paper.word_lists import MONTHS

NEARNESS = "months: cosine and nearness"
TREATMENTS = {
    "as it is": "the text as it is",
    "together": "months permuted together",
    "apart": "each month permuted by itself",
    "shuffled": "every word permuted by itself",
}


def rings(runs: Sequence[Run]) -> pa.Table:
    """The months' planes under each treatment, of the first seed."""
    columns: dict[str, list] = {name: [] for name in ("panel", "word", "place", "x", "y")}
    for kind, text in TREATMENTS.items():
        run = first(run for run in runs if treatment(run) == kind)
        if run is not None:
            months = run.indices(MONTHS)
            if months is None:
                raise NotDrawn(no_set([run], MONTHS))
            add_plane(columns, text, MONTHS, run.unit[:, months], run.summary)
    if not columns["panel"]:
        raise NotDrawn("no completed run")
    return pa.table({**columns, "place": pa.array(columns["place"], pa.int64())})


def scores(runs: Sequence[Run]) -> pa.Table:
    """The months' ring order, their nearness in the year and purity z under each treatment: means over seeds with their 95 % intervals."""
    rows = []
    for kind in TREATMENTS:
        own = [run for run in runs if treatment(run) == kind]
        of_metric = {
            metric: [run.summary[metric] for run in own if metric in run.summary] for metric in (ORDER, PURITY)
        }
        of_metric[NEARNESS] = [found[0] for run in own if (found := nearness([run])) is not None]
        for metric, values in of_metric.items():
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
