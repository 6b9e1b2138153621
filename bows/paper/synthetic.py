"""What do linear and ReLU models do with features on a circle as m and weight decay grow?"""

from collections.abc import Sequence

import numpy as np

from bows.paper.claims import Measured
from bows.paper.runs import NotMeasured, Run, chosen

SIZES = range(2, 13)
NAMES = ("linear_circle", "relu_circle", "antipodal", "identity", "decay")


def measure(runs: Sequence[Run]) -> dict[str, Measured]:
    """Measure the claims on circular data."""
    found = {
        (data, model, decay): {
            run.settings["latent"]: run.summary for run in chosen(runs, data=data, model=model, wd=decay)
        }
        for data in ("circular", "iid")
        for model in ("linear", "tied")
        for decay in (1, 6)
    }
    if any(set(of_size) != set(SIZES) for key, of_size in found.items() if key[0] == "circular"):
        raise NotMeasured("runs of circular data are missing")
    circles = {
        key: [size for size, summary in of_size.items() if _is_circle(summary)] for key, of_size in found.items()
    }
    kept = {key: f"m = {', '.join(map(str, sorted(sizes))) or 'none'}" for key, sizes in circles.items()}
    relu, independent = found["circular", "tied", 1], found["iid", "tied", 1]
    null = {
        key[1:]: f"independent features: {text}" if found[key] else "" for key, text in kept.items() if key[0] == "iid"
    }
    antipodal = {
        name: _shares(of) for name, of in (("circular", relu), ("iid", independent)) if set(range(6, 11)) <= set(of)
    }
    more = len(circles["circular", "tied", 6]) - len(circles["circular", "tied", 1])
    return {
        "linear_circle": Measured(
            len(circles["circular", "linear", 1]) / len(SIZES),
            f"{kept['circular', 'linear', 1]}; under wd 6 {kept['circular', 'linear', 6]}",
            null["linear", 1],
        ),
        "relu_circle": Measured(
            float(np.mean([size in circles["circular", "tied", 1] for size in range(2, 6)])),
            kept["circular", "tied", 1],
            null["tied", 1],
        ),
        "antipodal": Measured(
            float(np.mean(antipodal["circular"])),
            ", ".join(f"{share:.2f}" for share in antipodal["circular"]),
            f"independent features {np.mean(antipodal['iid']):.2f}" if "iid" in antipodal else "",
        ),
        "identity": Measured(
            relu[12]["packing/coherence"],
            f"{relu[12]['packing/coherence']:.3f}",
            f"independent features {independent[12]['packing/coherence']:.3f}" if 12 in independent else "",
        ),
        "decay": Measured(
            more, f"wd 6: {kept['circular', 'tied', 6]}; wd 1: {kept['circular', 'tied', 1]}", null["tied", 6]
        ),
    }


def _is_circle(summary: dict[str, float]) -> bool:
    return summary.get("ring/features/order", 0.0) >= 0.9 and summary.get("ring/features/closure", 0.0) >= 0.5


def _shares(of_size: dict[int, dict[str, float]]) -> list[float]:
    return [of_size[size]["packing/antipodal_fraction"] for size in range(6, 11)]
