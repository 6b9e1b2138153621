"""Which words a linear read-out of the latent rebuilds as well as the model does."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from bows.paper.runs import Run, first
from bows.paper.seeds import NotDrawn
from bows.paper.word_lists import MONTHS

LOWEST = -0.2


def split(runs: Sequence[Run]) -> pa.Table:
    """Each word's R² by the linear read-out and by the model, of the first seed; below -0.2 as -0.2. The months are named."""
    run = first(runs)
    if run is None:
        raise NotDrawn("no completed run")
    words = run.words
    rows = [
        (word, linear, whole, regime)
        for word, linear, whole, regime in zip(
            words["word"], words["r2_linear"], words["r2"], words["regime"], strict=True
        )
        if linear is not None and whole is not None
    ]
    names, linear, whole, regimes = map(list, zip(*rows, strict=True))
    return pa.table(
        {
            "word": names,
            "x": np.maximum(linear, LOWEST),
            "y": np.maximum(whole, LOWEST),
            "kind": regimes,
            "named": [word in MONTHS for word in names],
        }
    )
