"""Which pictures that the runs of a figure left stand on the page, beside those of bows/paper/drawings.py."""

from collections.abc import Sequence
from pathlib import Path

from bows.paper.drawings import Picture
from bows.paper.runs import Run

# Of the sweep's report, and of the first run of each model: patterns of file names in their figures/.
OF_SWEEP = {"synthetic": "gram-*.png"}
OF_RUN = {
    "linear": ("regimes.png",),
    "city_map": ("*.png",),
    "modular_addition": ("*.png",),
}


def pictures(figure: str, sweep: Path, runs: Sequence[Run]) -> list[Picture]:
    """Captions and PNG files; those that were not drawn are left out."""
    pattern = OF_SWEEP.get(figure)
    found = [Picture(path.stem, path) for path in sorted((sweep / "figures").glob(pattern))] if pattern else []
    first = {run.dials["model"]: run for run in reversed(runs)}
    for model, run in sorted(first.items(), key=str, reverse=True):
        of = f"model={model}, seed {run.dials['seed']}: "
        for pattern in OF_RUN.get(figure, ()):
            found += [Picture(of + path.stem, path) for path in sorted((run.folder / "figures").glob(pattern))]
    return found
