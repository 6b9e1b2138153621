"""Is the plane of places in the embeddings used?"""

from collections.abc import Sequence

from bows.paper.claims import Measured
from bows.paper.runs import Run, first

NAMES = {name: f"ablation/accuracy_{name}" for name in ("base", "keep", "remove")} | {"probe": "probe/r2"}


def measure(runs: Sequence[Run]) -> dict[str, Measured]:
    """Measure the claims on cities, or on residues."""
    summary = first(runs).summary
    frequent = (
        f"most frequent class {100 * summary['ablation/accuracy_majority']:.1f} %"
        if "ablation/accuracy_majority" in summary
        else ""
    )
    found = {}
    for name, metric in NAMES.items():
        if metric not in summary:
            continue
        random = summary.get(f"{metric}_random")
        null = frequent if random is None else f"random planes {100 * random:.1f} %"
        text = f"{100 * summary[metric]:.2f} %"
        if name == "probe":
            null = f"p {summary['probe/p']:.2g}" if "probe/p" in summary else ""
            text = f"R² {summary[metric]:.3f}"
        found[name] = Measured(summary[metric], text, null)
    return found
