"""Which pictures of a figure's runs stand on the page."""

from collections.abc import Sequence
from pathlib import Path

from bows.paper.runs import Run

# Of the sweep's report, and of the first run of each model: patterns of file names in their figures/.
OF_SWEEP = {"synthetic": "gram-*.png", "structure": "dial-latent-*.png", "umap": "dial-wd-*.png"}
OF_RUN = {
    "months": ("ring_months.png", "ring_days_of_month.png"),
    "mechanism": ("regimes.png",),
    "linear": ("regimes.png",),
    "city_map": ("*.png",),
    "modular_addition": ("*.png",),
}


def pictures(figure: str, sweep: Path, runs: Sequence[Run]) -> list[tuple[str, Path]]:
    """Captions and PNG files; those that were not drawn are left out."""
    pattern = OF_SWEEP.get(figure)
    found = [(path.stem, path) for path in sorted((sweep / "figures").glob(pattern))] if pattern else []
    first = {run.dials["model"]: run for run in reversed(runs)}
    for model, run in sorted(first.items(), key=str, reverse=True):
        of = f"model={model}, seed {run.dials['seed']}: "
        for pattern in OF_RUN.get(figure, ()):
            found += [(of + path.stem, path) for path in sorted((run.folder / "figures").glob(pattern))]
    return found
