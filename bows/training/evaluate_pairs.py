"""Evaluate a pair classifier: the probe of its embeddings, the ablations of the probed plane, and on a ring the order of the items."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from bows.analysis.plane_ablation import Ablation, plane_ablation
from bows.analysis.probe import Probe, fit_probe
from bows.analysis.ring import ring
from bows.config.schema import Analysis
from bows.data.pairs import EVALUATION_BATCH, PairTask
from bows.evaluation.evaluate import Evaluation
from bows.model.pair_classifier import PairClassifier

# A frequency is readable from the embeddings if its leave-one-out R² is above this. Used frequencies are near 1, all others below 0.
READABLE = 0.5


@dataclass
class PairEvaluation(Evaluation):
    """The result of an evaluation; `words` has a row per item, `regimes` is None."""

    probe: Probe
    ablation: Ablation
    """Of the probed plane."""
    together: Ablation | None
    """Of the planes of all readable frequencies on a ring; None unless there are several."""


@torch.no_grad()
def evaluate_pairs(classifier: PairClassifier, task: PairTask, analysis: Analysis, seed: int) -> PairEvaluation:
    """Evaluate the probe, the ablations of its plane on the validation pairs, and on a ring the order of the items.

    `ablation/accuracy_majority` is the share of the most frequent class of the validation pairs: the accuracy without any knowledge of
    the items. On a ring, `probe/frequency` is the one the probe chose, and `ring/residues/...` is of all dimensions at that frequency;
    `probe/frequencies` counts the readable ones (READABLE), and if they are several, `..._keep_frequencies`, `..._remove_frequencies`
    and their random controls are of the span of all their planes.
    """
    embeddings = classifier.embedding.weight.detach()
    candidates = np.stack([each.values for each in task.coordinates])
    probe = fit_probe(embeddings, candidates, task.held_out, permutations=analysis.null_permutations, seed=seed)
    metrics = {"probe/r2": probe.r2}
    if probe.p is not None:
        metrics["probe/p"] = probe.p
    accuracy = partial(accuracy_of, classifier, task)
    ablation = plane_ablation(embeddings, torch.from_numpy(probe.weights[probe.chosen]), accuracy, seed=seed)
    metrics |= ablation.metrics()
    classes = task.splits["validation"].rows[:, 2]
    metrics["ablation/accuracy_majority"] = float(classes.bincount().max()) / len(classes)
    chosen, together = task.coordinates[probe.chosen], None
    if chosen.frequency is not None and chosen.order is not None:
        metrics["probe/frequency"] = float(chosen.frequency)
        found = ring(embeddings.T, None, chosen.order, analysis.permutations, seed)
        metrics |= {f"ring/residues/{name}": value for name, value in found.items()}
        readable = np.flatnonzero(probe.scores > READABLE)
        metrics["probe/frequencies"] = float(len(readable))
        if 1 < len(readable) < embeddings.shape[1] / 2:
            planes = torch.from_numpy(np.concatenate(probe.weights[readable], axis=1))
            together = plane_ablation(embeddings, planes, accuracy, seed=seed)
            metrics |= together.metrics("frequencies")
    return PairEvaluation(metrics, item_table(task, probe, embeddings), None, probe, ablation, together)


def item_table(task: PairTask, probe: Probe, embeddings: Tensor) -> pa.Table:
    """Return a row per item: `word` (its name), further facts, its coordinates, the probed ones, `held_out` of the probe, `norm`."""
    columns: dict[str, Sequence | np.ndarray] = {"word": task.items, **task.facts}
    for place, name in enumerate(task.coordinate_names):
        columns[name] = task.coordinates[probe.chosen].values[:, place]
        columns[f"probed_{name}"] = probe.predicted[:, place]
    return pa.table(
        {**columns, "held_out": task.held_out, "norm": embeddings.float().cpu().norm(dim=1).double().numpy()}
    )


@torch.no_grad()
def accuracy_of(classifier: PairClassifier, task: PairTask, embeddings: Tensor) -> float:
    """Return the classifier's accuracy on all validation pairs with these embeddings (items, m)."""
    pairs = task.splits["validation"]
    device = classifier.embedding.weight.device
    right = 0
    for numbers in torch.arange(len(pairs)).split(EVALUATION_BATCH):
        rows = pairs.gather(numbers, device)
        right += int((classifier(rows[:, :2], embeddings.to(device)).argmax(1) == rows[:, 2]).sum())
    return right / len(pairs)
