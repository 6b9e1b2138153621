"""What do linear and ReLU models do with features on a circle as m and decay grow?"""

from collections.abc import Sequence

import numpy as np

from bows.paper.claims import Measured
from bows.paper.runs import Run, chosen
from bows.paper.seeds import not_measured

ORDER, SIZES = "ring/features/order", range(2, 13)
NAMES = ("linear_circle", "relu_circle", "antipodal", "identity", "decay")


def measure(runs: Sequence[Run]) -> dict[str, Measured]:
    """The values of the claims on circular data."""
    orders = {
        (model, decay): {
            run.settings["latent"]: run.summary.get(ORDER, 0.0)
            for run in chosen(runs, data="circular", model=model, wd=decay)
        }
        for model in ("linear", "tied")
        for decay in (1, 6)
    }
    relu = {run.settings["latent"]: run.summary for run in chosen(runs, data="circular", model="tied", wd=1)}
    if any(set(of_size) != set(SIZES) for of_size in orders.values()):
        return dict.fromkeys(NAMES, not_measured("runs of circular data are missing"))
    circles = {key: [size for size, order in of_size.items() if order >= 0.9] for key, of_size in orders.items()}
    antipodal = [relu[size]["packing/antipodal_fraction"] for size in range(6, 11)]
    kept = {key: f"m = {', '.join(map(str, sorted(sizes))) or 'none'}" for key, sizes in circles.items()}
    more = len(circles["tied", 6]) - len(circles["tied", 1])
    return {
        "linear_circle": Measured(len(circles["linear", 1]) / len(SIZES), f"{kept['linear', 1]}; under wd 6 {kept['linear', 6]}"),
        "relu_circle": Measured(np.mean([size in circles["tied", 1] for size in range(2, 6)]).item(), kept["tied", 1]),
        "antipodal": Measured(float(np.mean(antipodal)), ", ".join(f"{share:.2f}" for share in antipodal)),
        "identity": Measured(relu[12]["packing/coherence"], f"{relu[12]['packing/coherence']:.3f}"),
        "decay": Measured(more, f"wd 6: {kept['tied', 6]}; wd 1: {kept['tied', 1]}"),
    }  # fmt: skip
