"""What a finished run on pairs leaves: weights, items, their table, summary, and figures with the tables they are drawn from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from safetensors.torch import save_file

from bows.analysis.plane_ablation import Ablation
from bows.analysis.probe import Probe
from bows.data.pairs import PairTask
from bows.evaluation.save import read_columns
from bows.figures.ablation import ablation_bars
from bows.figures.city_map import city_map
from bows.figures.curves import training_curves
from bows.figures.residue_ring import residue_ring
from bows.figures.style import save
from bows.files import finite, write_json, write_whole
from bows.model.pair_classifier import PairClassifier
from bows.tracking.loggers import log_media


@dataclass(frozen=True)
class PairMeasurement:
    """The closing measurement."""

    metrics: dict[str, float]
    probe: Probe
    ablation: Ablation
    """Of the probed plane."""
    together: Ablation | None
    """Of the planes of all frequencies on a ring; None where there are not several."""


def write_pair_results(
    folder: Path,
    classifier: PairClassifier,
    task: PairTask,
    measured: PairMeasurement,
    summary: Mapping[str, float],
    figures: bool,
    loggers: Sequence,
    step: int,
) -> None:
    """Write model.safetensors, vocabulary.txt (an item a line), words.parquet (a row an item), summary.json and figures/.

    The tensors are embedding.weight (items, m), hidden.weight (hidden, 2 m), hidden.bias (hidden), output.weight (classes, hidden) and
    output.bias (classes), float32.
    """
    tensors = {name: value.detach().float().cpu().contiguous() for name, value in classifier.state_dict().items()}
    save_file(tensors, folder / "model.safetensors")
    write_whole(folder / "vocabulary.txt", "".join(f"{item}\n" for item in task.items))
    items = item_table(task, measured.probe, tensors["embedding.weight"])
    pq.write_table(items, folder / "words.parquet")
    write_json(folder / "summary.json", finite(dict(sorted(summary.items()))))
    drawn = draw_pairs(folder, task, items, measured) if figures else {}
    log_media(loggers, drawn, {"words": items}, step)


def item_table(task: PairTask, probe: Probe, embeddings: torch.Tensor) -> pa.Table:
    """A row an item: `word` (its name), further facts, its coordinates, the same as probed, `held_out` of the probe, `norm`."""
    columns: dict[str, Sequence | np.ndarray] = {"word": task.items, **task.facts}
    for place, name in enumerate(task.coordinate_names):
        columns[name] = task.coordinates[probe.chosen].values[:, place]
        columns[f"probed_{name}"] = probe.predicted[:, place]
    return pa.table({**columns, "held_out": task.held_out, "norm": embeddings.norm(dim=1).double().numpy()})


def draw_pairs(folder: Path, task: PairTask, items: pa.Table, measured: PairMeasurement) -> dict[str, Path]:
    """Draw the training curves, the map or ring, and the ablations, each beside its table. Returns the PNG files by name."""
    figures = folder / "figures"
    figures.mkdir(exist_ok=True)
    curves = training_curves(
        read_columns(folder / "metrics.csv"),
        "Training",
        held_out_loss="classification/loss",
        r2="classification/accuracy",
    )
    curves.axes[1].set_ylabel("held-out accuracy")
    ablations = ablation_table(measured)
    drawn = {"training_curves": curves, "ablation": ablation_bars(ablations.to_pydict())}
    pq.write_table(ablations, figures / "ablation.parquet")
    chosen = task.coordinates[measured.probe.chosen]
    r2 = measured.metrics["probe/r2"]
    if chosen.order is None:
        drawn["city_map"] = city_map(items.to_pydict(), r2)
        pq.write_table(items, figures / "city_map.parquet")
    else:
        places = np.empty(len(chosen.order), dtype=np.int64)
        places[chosen.order] = np.arange(len(chosen.order))
        residues = items.append_column("place", pa.array(places))
        drawn["residue_ring"] = residue_ring(residues.to_pydict(), r2, int(chosen.frequency or 1))
        pq.write_table(residues, figures / "residue_ring.parquet")
    return {name: save(figure, figures / name)[0] for name, figure in drawn.items()}


def ablation_table(measured: PairMeasurement) -> pa.Table:
    """A row an accuracy: `what` (base, keep, remove, keep_random, remove_random, the last four also with _frequencies, as in
    keep_frequencies_random; majority), one row each random plane."""
    rows = [("base", measured.ablation.base)]
    for of, found in (("", measured.ablation), ("_frequencies", measured.together)):
        if found is not None:
            rows += [(f"keep{of}", found.keep), (f"remove{of}", found.remove)]
            rows += [(f"keep{of}_random", value) for value in found.keep_random]
            rows += [(f"remove{of}_random", value) for value in found.remove_random]
    rows.append(("majority", measured.metrics["ablation/accuracy_majority"]))
    return pa.table({"what": [what for what, _ in rows], "accuracy": [value for _, value in rows]})
