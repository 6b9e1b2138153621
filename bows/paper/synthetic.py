"""What do linear and ReLU models do with features on a circle as m and weight decay grow?"""

from collections.abc import Mapping, Sequence

import numpy as np

from bows.paper.claims import Measured
from bows.paper.runs import NotMeasured, Run, chosen

SIZES = range(2, 13)
Summaries = Mapping[int, Mapping[str, float]]


def measure(runs: Sequence[Run]) -> dict[str, Measured]:
    """Measure the claims on circular data; the baseline is the same models on independent features."""
    kinds = [(model, decay) for model in ("linear", "tied") for decay in (1, 6)]
    found, null = ({kind: _by_size(runs, data, *kind) for kind in kinds} for data in ("circular", "iid"))
    if any(set(of_size) != set(SIZES) for of_size in found.values()):
        raise NotMeasured("runs of circular data are missing")
    circles = {kind: _circles(of_size) for kind, of_size in found.items()}
    text = {kind: _sizes(sizes) for kind, sizes in circles.items()}
    without = {kind: _sizes(_circles(of_size)) if of_size else "" for kind, of_size in null.items()}
    antipodal, chance = (
        [of["tied", 1][size]["packing/antipodal_fraction"] for size in range(6, 11) if size in of["tied", 1]]
        for of in (found, null)
    )
    coherence, by_chance = (of["tied", 1].get(12, {}).get("packing/coherence") for of in (found, null))
    return {
        "linear_circle": Measured(
            len(circles["linear", 1]) / len(SIZES),
            f"{text['linear', 1]}; under wd 6 {text['linear', 6]}",
            without["linear", 1],
        ),
        "relu_circle": Measured(
            len({2, 3, 4, 5}.intersection(circles["tied", 1])) / 4, text["tied", 1], without["tied", 1]
        ),
        "antipodal": Measured(
            float(np.mean(antipodal)),
            ", ".join(f"{share:.2f}" for share in antipodal),
            f"{np.mean(chance):.2f}" if chance else "",
        ),
        "identity": Measured(coherence, f"{coherence:.3f}", f"{by_chance:.3f}" if by_chance is not None else ""),
        "decay": Measured(
            len(circles["tied", 6]) - len(circles["tied", 1]),
            f"wd 6: {text['tied', 6]}; wd 1: {text['tied', 1]}",
            without["tied", 6],
        ),
    }


def _by_size(runs: Sequence[Run], data: str, model: str, decay: int) -> Summaries:
    return {run.settings["latent"]: run.summary for run in chosen(runs, data=data, model=model, wd=decay)}


def _circles(of_size: Summaries) -> list[int]:
    order, closure = "ring/features/order", "ring/features/closure"
    return [size for size, of in sorted(of_size.items()) if of.get(order, 0.0) >= 0.9 and of.get(closure, 0.0) >= 0.5]


def _sizes(sizes: Sequence[int]) -> str:
    return f"m = {', '.join(map(str, sizes)) or 'none'}"
