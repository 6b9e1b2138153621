"""Is the plane of places in the embeddings used?"""

from collections.abc import Sequence

from bows.paper.claims import Measured
from bows.paper.runs import Run
from bows.paper.seeds import not_measured

NAMES = {
    "base": "ablation/accuracy_base",
    "keep": "ablation/accuracy_keep",
    "remove": "ablation/accuracy_remove",
    "probe": "probe/r2",
}


def measure(runs: Sequence[Run]) -> dict[str, Measured]:
    """The values of the claims on cities, or on residues."""
    if not runs:
        return dict.fromkeys(NAMES, not_measured("no completed run"))
    summary = runs[0].summary
    return {
        name: Measured(summary[metric], _with_null(summary, metric))
        for name, metric in NAMES.items()
        if metric in summary
    }


def _with_null(summary: dict[str, float], metric: str) -> str:
    if metric == "probe/r2":
        return (
            f"R² {summary[metric]:.3f} (p {summary['probe/p']:.2g})"
            if "probe/p" in summary
            else f"R² {summary[metric]:.3f}"
        )
    random = f"{metric}_random"
    null = f"; random planes {100 * summary[random]:.1f} %" if random in summary else ""
    return f"{100 * summary[metric]:.2f} %{null}"
