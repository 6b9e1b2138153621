"""Are the months and the weekdays on a ring in other texts too, and in held-out text?"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from torch import Tensor

from bows.analysis.ring import SHAPES, cyclic_order, ring, ring_coordinates
from bows.paper.months import SHUFFLES
from bows.paper.months import no_claim as measure
from bows.paper.runs import NotMeasured, Run, chosen, completed, first
from bows.paper.seeds import mean_columns
from bows.paper.text_correlations import directions_of, text_correlations
from bows.paper.word_lists import MONTHS

SETS = {
    "months": MONTHS,
    "weekdays": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
}
SCORES = ("order", "closure", "planarity")


def rings(runs: Sequence[Run]) -> pa.Table:
    """Return one row per text, set and source, for each sweep of the same preset that is in the folder of these runs' sweep.

    `order`, `closure` and `planarity` are means over `seeds`, with 95 % intervals; `order_p` is the largest. `effect` is the order less the
    mean order of random orders of the same words, in their standard deviations. Sources: the weights, principal components of the same m,
    and directions that have the correlations of the words over the training and over the held-out windows.
    """
    measure(runs)
    sweep = first(runs).folder.parent
    preset = sweep.name.partition("-")[0]
    rows = []
    for folder in sorted(sweep.parent.glob(f"{preset}-*")):
        if own := completed(folder):
            rows += [row for name, words in SETS.items() for row in _rows(folder, own, name, words)]
    return pa.Table.from_pylist(rows)


def _rows(folder: Path, runs: Sequence[Run], name: str, words: Sequence[str]) -> Iterator[dict[str, Any]]:
    if len(runs[0].known(words)) < len(words):
        return
    text = runs[0].settings.get("name") or folder.name
    sources = [
        ("weights", [run.directions(words) for run in chosen(runs, model="tied")]),
        ("principal components", [run.directions(words) for run in chosen(runs, model="pca")[:1]]),
        *((f"correlations, {label}", [directions_of(text_correlations(runs[0], words, split))])
          for split, label in (("train", "training text"), ("validation", "held-out text"))),
    ]  # fmt: skip
    for source, directions in sources:
        scored = [_scores(each, seed) for seed, each in enumerate(directions)]
        if not scored:
            continue
        row = {"text": text, "set": name, "source": source, "case": f"{text}, {name}: {source}", "seeds": len(scored)}
        for score in SCORES:
            values = [each[score] for each in scored if score in each]
            row |= mean_columns(values, score)
        row["order_p"] = max(each["order_p"] for each in scored)
        row["effect"] = float(np.mean([each["effect"] for each in scored]))
        row["shapes"] = ", ".join(SHAPES[int(each["shape"])] for each in scored)
        yield row


def _scores(directions: Tensor, seed: int) -> dict[str, float]:
    """Return the ring scores of all columns, and `effect`. Raises NotMeasured where they have no plane."""
    count = directions.shape[1]
    found, coordinates = (
        ring(directions, None, range(count), SHUFFLES, seed),
        ring_coordinates(directions, range(count)),
    )
    if coordinates is None:
        raise NotMeasured(f"the directions of the {count} words span no plane")
    angles, generator = np.arctan2(coordinates[:, 1], coordinates[:, 0]), np.random.default_rng(seed)
    random = [cyclic_order(generator.permutation(angles)) for _ in range(999)]
    return found | {"effect": float((found["order"] - np.mean(random)) / np.std(random))}
