"""Write the results of a run on pairs: weights, items, their table, summary, and the data of its figures."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from safetensors.torch import save_file

from bows.data.pairs import PairTask
from bows.evaluation.save import read_columns
from bows.figures.ablation import ablation_bars
from bows.figures.curves import training_curves
from bows.figures.probed_places import city_map, residue_ring
from bows.figures.render_pool import Picture
from bows.files import file_mode, finite, write_json, write_whole
from bows.model.pair_classifier import PairClassifier
from bows.training.evaluate_pairs import PairEvaluation


def write_pair_results(
    folder: Path,
    classifier: PairClassifier,
    task: PairTask,
    evaluation: PairEvaluation,
    summary: Mapping[str, float],
    figures: bool,
) -> dict[str, Picture]:
    """Write model.safetensors, vocabulary.txt (an item per line), words.parquet (a row per item), summary.json, and the tables of figures/.

    The tensors are embedding.weight (items, m), hidden.weight (hidden, 2 m), hidden.bias (hidden), output.weight (classes, hidden) and
    output.bias (classes), float32.

    Returns:
        The figures to draw; none if figures are off.
    """
    tensors = {name: value.detach().float().cpu().contiguous() for name, value in classifier.state_dict().items()}
    save_file(tensors, folder / "model.safetensors")
    (folder / "model.safetensors").chmod(file_mode())  # safetensors writes 0600, whatever the umask
    write_whole(folder / "vocabulary.txt", "".join(f"{item}\n" for item in task.items))
    pq.write_table(evaluation.words, folder / "words.parquet")
    write_json(folder / "summary.json", finite(dict(sorted(summary.items()))))
    return pair_figures(folder, task, evaluation) if figures else {}


def pair_figures(folder: Path, task: PairTask, evaluation: PairEvaluation) -> dict[str, Picture]:
    """Return the training curves, the ablations, and the map or ring; write the tables of the last two into figures/."""
    chosen, r2 = task.coordinates[evaluation.probe.chosen], evaluation.metrics["probe/r2"]
    ablations = ablation_table(evaluation)
    if chosen.order is None:
        name, items = "city_map", evaluation.words
        picture = Picture(city_map, (items.to_pydict(), r2))
    else:
        name, places = "residue_ring", np.empty(len(chosen.order), dtype=np.int64)
        places[chosen.order] = np.arange(len(chosen.order))
        items = evaluation.words.append_column("place", pa.array(places))
        picture = Picture(residue_ring, (items.to_pydict(), r2, int(chosen.frequency or 1)))
    (folder / "figures").mkdir(exist_ok=True)
    pq.write_table(ablations, folder / "figures" / "ablation.parquet")
    pq.write_table(items, folder / "figures" / f"{name}.parquet")
    return {
        "training_curves": Picture(training_curves, (read_columns(folder / "metrics.csv"), "Training")),
        "ablation": Picture(ablation_bars, (ablations.to_pydict(),)),
        name: picture,
    }


def ablation_table(evaluation: PairEvaluation) -> pa.Table:
    """Return a row per accuracy.

    `what` is base, keep, remove, keep_random, remove_random (a row per random plane), the last four also with _frequencies, as in
    keep_frequencies_random, and majority.
    """
    rows = [("base", evaluation.ablation.base)]
    for of, found in (("", evaluation.ablation), ("_frequencies", evaluation.together)):
        if found is not None:
            rows += [(f"keep{of}", found.keep), (f"remove{of}", found.remove)]
            rows += [(f"keep{of}_random", value) for value in found.keep_random]
            rows += [(f"remove{of}_random", value) for value in found.remove_random]
    rows.append(("majority", evaluation.metrics["ablation/accuracy_majority"]))
    return pa.table({"what": [what for what, _ in rows], "accuracy": [value for _, value in rows]})
