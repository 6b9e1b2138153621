"""Does the months' ring need windows in which two months are together, or the words of the seasons between them?"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import torch

from bows.analysis.ring import SHAPES
from bows.data.removal import windows_together
from bows.paper import controls
from bows.paper.months import RING, nearness, plane_panel
from bows.paper.months import no_claim as measure
from bows.paper.replication import SCORES
from bows.paper.runs import NotMeasured, Run
from bows.paper.seeds import mean_columns
from bows.paper.word_lists import MONTHS

TEXTS = {
    "as it is": "the text as it is",
    "rows": "without rows with two or more months",
    "windows": "without windows with two or more months",
    "between": "without go-between words",
    "both": "without those windows and words",
    **controls.TREATMENTS,
}


def text_of(run: Run) -> str:
    """Return the key of TEXTS that names how a run's text was changed."""
    remove = run.settings.get("remove")
    if not remove:
        return controls.treatment(run)
    if not remove.get("words"):
        return "between"
    return "both" if remove.get("between") else f"{remove.get('unit', 'row')}s"


def scores(runs: Sequence[Run]) -> pa.Table:
    """Return one row per text: how much was left out, and the months' ring, means over seeds with 95 % intervals.

    - `rows_removed`, `windows_removed`, `cells_removed`: shares of the training rows that are not empty, of the training windows, and of
      the words in rows, that the text as it is has and this one lacks; None for permuted text, which has the same words in other rows.
    - `windows_with_two`: share of this text's training windows that contain two or more months: the direct evidence that is left.
    - `order`, `closure`, `planarity`: of the months; `order_p` the largest over seeds; `rings` the number of seeds of shape `ring`.
    - `nearness`: rank correlation of the months' cosines with their nearness in the year, mean over seeds.
    """
    measure(runs)
    by_text = {text: own for text in TEXTS if (own := [run for run in runs if text_of(run) == text])}
    whole = amounts(by_text["as it is"][0]) if "as it is" in by_text else None
    rows = []
    for text, own in by_text.items():
        left = amounts(own[0])
        units = ("rows", "windows", "cells")
        before = whole if text == "as it is" or own[0].settings.get("remove") else None
        removed = {f"{unit}_removed": 1 - left[unit] / before[unit] if before else None for unit in units}
        described = {"text": text, "meaning": TEXTS[text], "seeds": len(own)}
        rows.append({**described, **removed, "windows_with_two": left["with_two"], **_ring_of(own)})
    return pa.Table.from_pylist(rows)


def _ring_of(runs: Sequence[Run]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for score in SCORES:
        values = [run.summary[f"{RING}{score}"] for run in runs if f"{RING}{score}" in run.summary]
        found |= mean_columns(values, score)
    found["order_p"] = max((run.summary.get(f"{RING}order_p", 1.0) for run in runs), default=None)
    found["rings"] = sum(SHAPES[int(run.summary.get(f"{RING}shape", 0))] == "ring" for run in runs)
    try:
        found["nearness"] = nearness(runs)[0]
    except NotMeasured:
        found["nearness"] = None
    return found


def amounts(run: Run) -> dict[str, float]:
    """Return non-empty training `rows`, `windows`, `cells` (words in rows), and `with_two`, the share of windows with two months."""
    bags, windows = run.data.corpus.split("train"), run.data.windows("train")
    first_rows = windows.first_rows(torch.arange(len(windows))).numpy()
    with_two = windows_together(bags, run.indices(MONTHS), 2, first_rows, windows.window)
    return {
        "rows": int((np.diff(bags.indptr) > 0).sum()),
        "windows": len(windows),
        "cells": len(bags.indices),
        "with_two": float(with_two.mean()),
    }


def rings(runs: Sequence[Run]) -> pa.Table:
    """Return the months' planes in each text, of the first seed."""
    measure(runs)
    chosen = {text_of(run): run for run in reversed(runs)}
    return pa.concat_tables(
        plane_panel(meaning, MONTHS, chosen[text].directions(MONTHS), chosen[text].summary)
        for text, meaning in TEXTS.items()
        if text in chosen
    )
