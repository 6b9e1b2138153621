"""Which settings of modular addition end on one ring of residues that the classifier uses, and which on several?"""

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from safetensors.torch import load_file

from bows.analysis.plane_ablation import plane_ablation
from bows.analysis.probe import fit_probe
from bows.config.resolve import instantiate_plain
from bows.figures.metric_by_setting import metrics_against_setting
from bows.paper.claims import Measured
from bows.paper.runs import Run, first
from bows.paper.seeds import mean_row
from bows.training.evaluate_pairs import READABLE, accuracy_of

SETTINGS = ("modulus", "latent", "wd", "val_fraction", "seed")
DRAWN = {"keep_used": "the plane alone", "remove_used": "without the plane"}
USUAL = {"wd": 1, "val_fraction": 0.3}  # of the figure; the table has all


def measure(runs: Sequence[Run]) -> dict[str, Measured]:
    """Return no claim: the sweep explains those of modular_addition. Raises NotMeasured where no run is completed."""
    first(runs)
    return {}


def settings_of_runs(runs: Sequence[Run]) -> pa.Table:
    """Return one row per run: its settings, its accuracies, how many rings the embeddings have, and whether one is enough.

    - `accuracy`: on the pairs held out; `chance` the share of the most frequent class.
    - `rings`: frequencies whose plane a probe reads from the embeddings (leave-one-out R² above 0.5).
    - `keep`, `remove`: accuracy with the plane that the probe reads best alone, and without it.
    - `keep_used`, `remove_used`: the same of the plane that the classifier uses most: of all readable frequencies, that with the highest
      accuracy alone. Empty where no frequency is readable.
    """
    measure(runs)
    return pa.Table.from_pylist(sorted(map(_row, runs), key=lambda row: tuple(row[name] for name in SETTINGS)))


def _row(run: Run) -> dict[str, Any]:
    data = run.files.config["data"]
    names = {"accuracy": "base", "chance": "majority", "keep": "keep", "remove": "remove"}
    return {
        "modulus": data["modulus"],
        "latent": run.settings["latent"],
        "wd": run.settings["wd"],
        "val_fraction": data["val_fraction"],
        "seed": run.settings["seed"],
        **{column: run.summary.get(f"ablation/accuracy_{name}") for column, name in names.items()},
        **used_plane(run),
    }


@torch.no_grad()
def used_plane(run: Run) -> dict[str, Any]:
    """Return `rings`, `keep_used` and `remove_used` of a run; see :func:`settings_of_runs`."""
    config = run.files.config
    task = instantiate_plain(config["data"]).task
    classifier = instantiate_plain(config["model"], items=len(task.items), classes=len(task.classes))
    classifier.load_state_dict(load_file(run.folder / "model.safetensors"))
    embeddings = classifier.eval().embedding.weight.detach()
    candidates = np.stack([each.values for each in task.coordinates])
    probe = fit_probe(embeddings, candidates, task.held_out, permutations=0, seed=run.settings["seed"])
    accuracy, readable = partial(accuracy_of, classifier, task), np.flatnonzero(probe.scores > READABLE)
    found = [
        plane_ablation(embeddings, torch.from_numpy(probe.weights[place]), accuracy, random_planes=0)
        for place in readable
    ]
    best = max(found, key=lambda each: each.keep, default=None)
    return {
        "rings": len(readable),
        "keep_used": None if best is None else best.keep,
        "remove_used": None if best is None else best.remove,
    }


def draw(table: pa.Table) -> Any:
    """Draw the accuracy with the most used plane alone, and without it, against the modulus, a line per width of the embedding."""
    cells: dict[tuple, list[float]] = {}
    for row in table.to_pylist():
        for column, label in DRAWN.items():
            if row[column] is not None and all(row[name] == value for name, value in USUAL.items()):
                cells.setdefault((row["modulus"], row["latent"], label), []).append(row[column])
    rows = [
        mean_row(own, modulus=modulus, latent=latent, metric=label) for (modulus, latent, label), own in cells.items()
    ]
    across, widths = ({name: sorted({key[place] for key in cells})} for place, name in enumerate(("modulus", "latent")))
    return metrics_against_setting(pa.Table.from_pylist(rows), across, list(DRAWN.values()), widths)
