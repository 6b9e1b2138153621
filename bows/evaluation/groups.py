"""The groups of metrics of an evaluation: one function per group, from the context to metrics and columns of the word table."""

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import torch

from bows.analysis.alignment import alignment
from bows.analysis.clusters import category_labels, clusters
from bows.analysis.cooccurrence import Cooccurrence
from bows.analysis.cooccurrence_clusters import cooccurrence_ami, phi
from bows.analysis.directions import directions
from bows.analysis.gated_map import gated_energy
from bows.analysis.geometry import geometry
from bows.analysis.interference_energy import energy_ratio, interference_energy
from bows.analysis.predicted_shape import predicted_shape
from bows.analysis.reconstruction import ReconstructionSums
from bows.analysis.regime import regime_shares, regimes, regimes_by_decile
from bows.analysis.ring_null import order_p_sets
from bows.evaluation.baselines import baseline_metrics
from bows.evaluation.context import SAMPLE, Context
from bows.evaluation.ladder import against_closed_forms, ledger
from bows.model.word_vectors import quadratic_target

log = logging.getLogger(__name__)


class Measured(NamedTuple):
    """The result of one group."""

    metrics: dict[str, float]
    columns: dict[str, np.ma.MaskedArray] = {}  # noqa: RUF012, a NamedTuple's default is never mutated
    """(V,) each, of the word table."""
    by_decile: pa.Table | None = None
    """Counts of the regimes by frequency decile."""


class MetricGroup(NamedTuple):
    """How a group is computed, and which of its metrics some models or documents do not define."""

    compute: Callable[[Context], Measured]
    expected: tuple[str, ...] = ()
    """Metrics whose absence is logged."""


def read_out_group(context: Context) -> Measured:
    """Compute error rates, and R^2 over one-word bags and of the linear read-out.

    ``reconstruction/relu_gain`` is ``reconstruction/r2`` minus ``reconstruction/r2_linear``; ``reconstruction/r2_rectified`` is R^2 of
    max(h B + c, 0), the linear read-out rectified.
    """
    interference, one_hot = context.interference, one_hot_sums(context)
    metrics = interference.error_rates() | _renamed(one_hot, "r2_one_hot")
    columns = {
        "false_positive_rate": interference.false_positive_rate(),
        "false_negative_rate": interference.false_negative_rate(),
        "r2_one_hot": one_hot.r2_by_word(),
    }
    if context.read_out:
        columns["r2_linear"] = context.linear.r2_by_word()
        metrics |= _renamed(context.linear, "r2_linear") | _renamed(context.rectified, "r2_rectified")
        metrics["reconstruction/read_out_penalty"] = context.read_out.ridge
        if "reconstruction/r2_linear" in metrics:
            r2 = context.natural.metrics()["reconstruction/r2"]
            metrics["reconstruction/relu_gain"] = r2 - metrics["reconstruction/r2_linear"]
    return Measured(metrics, columns)


def interference_group(context: Context) -> Measured:
    """Compute the effect of the other words of a window on each word, and the energy of their interference.

    ``interference/gap_independent`` and ``interference/filtered_independent`` are those of the same weights on at most 2,000 bags of
    independent words with the held-out frequencies.
    """
    sums, independent = context.interference, context.interference_sums()
    for bags in context.independent_bags():
        context.add_interference(independent, bags, context.autoencoder(bags))
    chance = independent.metrics()
    metrics = sums.metrics() | energies(context)
    for name in ("gap", "filtered"):
        if f"interference/{name}" in metrics and f"interference/{name}" in chance:
            metrics[f"interference/{name}_independent"] = chance[f"interference/{name}"]
    columns = {
        "interference_present": sums.when_present(),
        "interference_absent": sums.when_absent(),
        "gap_stratified": sums.gap_stratified(),
        "rescued": sums.rescued(),
    }
    columns |= {"self_term": sums.self_term()} if context.gated else {}
    columns |= {"filtered": sums.filtered()} if sums.relu else {}
    distances, optimal = against_closed_forms(context)
    return Measured(metrics | distances, columns | optimal | ledger(context))


def energies(context: Context) -> dict[str, float]:
    """Compute the energies of interference, and the ratio of constructive to destructive over that on independent words.

    ``interference/net_energy`` is constructive minus destructive: E[sum over i != j of f_i f_j G_ij] / E|M f|^2.
    With rectified units the map differs from bag to bag, and the energies rest on at most 2,000 windows, evenly spaced.
    """
    gated = context.gated
    if gated is None:
        return _with_net(interference_energy(context.encoder, context.decoder, context.cooccurrence))
    windows, size = context.data.windows("validation"), context.data.evaluation_batch_size
    held_out = windows.batches(size, context.device, SAMPLE)
    real, chance = (
        gated_energy(gated, ((bags, context.active_units(bags)) for bags in each))
        for each in (held_out, context.independent_bags())
    )
    return _with_net(real | energy_ratio(real, chance))


def _with_net(found: dict[str, float]) -> dict[str, float]:
    if not found:
        return {}
    net = found["interference/constructive_energy"] - found["interference/destructive_energy"]
    return found | {"interference/net_energy": net}


def geometry_group(name: str) -> Callable[[Context], Measured]:
    """Return the function of a group that rests on the weights alone: capacity or packing."""

    def compute(context: Context) -> Measured:
        extremes = context.extremes if name == "packing" else None
        permutations = context.analysis.permutations
        return Measured(
            geometry(context.encoder, context.decoder, context.sets, permutations, context.seed, {name}, extremes)
        )

    return compute


def ring_group(context: Context) -> Measured:
    """Score the ordered sets; those without a word in the held-out windows are skipped, with a log line.

    ``ring/<set>/absent_words`` is the number of the set's words that no held-out window contains.
    """
    analysis, present = context.analysis, context.natural.present.cpu().numpy()
    frequency = present / max(context.natural.windows, 1)
    absent = {name: int((present[list(words)] == 0).sum()) for name, words in context.sets.items()}
    sets = {name: words for name, words in context.sets.items() if absent[name] < len(words)}
    if none := context.sets.keys() - sets.keys():
        log.info("skipping ordered sets without a word in the held-out windows: %s", ", ".join(sorted(none)))
    if some := [f"{name} {absent[name]} of {len(words)}" for name, words in sets.items() if absent[name]]:
        log.info("ordered sets with words that are in no held-out window: %s", ", ".join(some))
    if few := [name for name, words in sets.items() if len(words) < 6 and name not in analysis.linear_sets]:
        log.info("ordered sets of five words or fewer, whose cyclic order cannot reach p < 0.05: %s", ", ".join(few))
    metrics = geometry(
        context.encoder,
        context.decoder,
        sets,
        analysis.permutations,
        context.seed,
        {"ring"},
        linear=analysis.linear_sets,
    )
    metrics |= {f"ring/{name}/absent_words": float(absent[name]) for name in sets}
    if analysis.permutations:
        ordered = {name: words for name, words in sets.items() if f"ring/{name}/order" in metrics}
        metrics |= order_p_sets(context.encoder, ordered, frequency, context.seed)
    return Measured(metrics)


def predictions(
    sets: Mapping[str, Sequence[int]], cooccurrence: Cooccurrence, permutations: int, seed: int
) -> dict[str, float]:
    """Predict the shape of the ordered sets from M*, :func:`bows.model.word_vectors.quadratic_target`, of the counted windows.

    Sets with a word that no window contains are left out. Args: see :func:`bows.analysis.predicted_shape.predicted_shape`.
    """
    present = cooccurrence.present.numpy()
    sets = {name: words for name, words in sets.items() if present[list(words)].all()}
    chosen = sorted({word for words in sets.values() for word in words})
    # All sets at once: where counts are not kept, this is a pass over the windows.
    counts = cooccurrence.among(chosen).double().numpy() / cooccurrence.windows
    metrics = {}
    for name, words in sets.items():
        places = np.searchsorted(chosen, words)
        found = predicted_shape(quadratic_target(counts[np.ix_(places, places)]), permutations, seed)
        metrics |= {f"prediction/{name}/{key}": value for key, value in found.items()}
    return metrics


def prediction_group(context: Context) -> Measured:
    """Predict the shape of the ordered sets from the co-occurrence in the held-out windows, without the model."""
    return Measured(predictions(context.sets, context.cooccurrence, context.analysis.permutations, context.seed))


def alignment_group(context: Context) -> Measured:
    """Compare the geometry of the weights with the covariance of the held-out windows; half of them with the other half for ceilings.

    The halves are consecutive windows, so that a document is in one half, but for the one in the middle.
    """
    windows = context.data.windows("validation")
    first = windows.only(torch.arange(len(windows) // 2))
    half = Cooccurrence(first.sparse_batches, first.words) if len(first) else None
    permutations, together = context.analysis.null_permutations, context.cooccurrence
    return Measured(alignment(context.encoder, context.decoder, together, permutations, context.seed, half))


def cluster_group(context: Context) -> Measured:
    """Score categories of words, and clusters of the most frequent words against clusters of the data."""
    analysis, together, vocabulary = context.analysis, context.cooccurrence, context.data.corpus.vocabulary
    frequency = together.present.cpu().numpy() / together.windows
    labels, names, _ = category_labels(analysis.category_words, vocabulary)
    log.info("%d of %d categories have at least ten words in the vocabulary", len(names), len(analysis.category_words))
    metrics: dict[str, float] = {}
    if len(names) > 1:
        metrics = clusters(context.encoder, labels, frequency, analysis.null_permutations, context.seed)
    unit, kept = directions(context.encoder)
    kept = kept.cpu().numpy()
    places = np.flatnonzero((frequency[kept] > 0) & (frequency[kept] < 1))
    places = places[np.argsort(-frequency[kept[places]], kind="stable")[: analysis.cluster_words]]
    count = min(max(len(names), 2), len(places) // 4)
    if count >= 2:
        words = kept[places]
        data_phi = phi(together.among(words), together.present.cpu().numpy()[words], together.windows)
        metrics |= cooccurrence_ami(
            unit[:, places], data_phi, count, frequency[words], analysis.null_permutations, context.seed
        )
    return Measured(metrics)


def regime_group(context: Context) -> Measured:
    """Label each word with its regime; needs the groups of `NEEDED_FOR_REGIMES` first."""
    undefined = np.ma.masked_all(context.autoencoder.features)
    labels = regimes(
        context.natural.r2_by_word(),
        context.columns.get("r2_linear", undefined),
        context.interference.gap_stratified(),
        context.word_geometry,
        context.analysis.regimes,
    )
    by_decile = regimes_by_decile(labels, context.natural.frequency().filled(0.0))
    return Measured(regime_shares(labels), {"regime": labels}, by_decile)


def one_hot_sums(context: Context) -> ReconstructionSums:
    """Return the reconstruction of the V bags that hold one word each."""
    words, size, device = context.autoencoder.features, context.data.evaluation_batch_size, context.device
    sums, autoencoder = ReconstructionSums(words, device), context.autoencoder
    for first in range(0, words, size):
        bags = torch.zeros(min(size, words - first), words, device=device)
        bags.diagonal(first).fill_(1.0)
        # The latent of a linear encoder is the word's own column, without a product.
        output = (
            autoencoder.decode(context.encoder[:, first : first + len(bags)].T)
            if autoencoder.is_linear
            else autoencoder(bags)
        )
        sums.update(bags, output.reconstruction)
    return sums


def _renamed(sums: ReconstructionSums, name: str) -> dict[str, float]:
    return {f"reconstruction/{name}": value for key, value in sums.metrics().items() if key.endswith("/r2")}


# In the order in which they are computed: regime reads columns of those before it.
METRIC_GROUPS = {
    "read_out": MetricGroup(
        read_out_group,
        ("reconstruction/r2_linear", "reconstruction/r2_one_hot", "reconstruction/false_positive_rate"),
    ),
    "interference": MetricGroup(interference_group, ("interference/gap", "interference/constructive_energy")),
    "baseline": MetricGroup(lambda context: Measured(baseline_metrics(context)), ("baseline/r2_pca",)),
    "capacity": MetricGroup(geometry_group("capacity"), ("capacity/dimensionality_mean",)),
    "packing": MetricGroup(geometry_group("packing"), ("packing/coherence", "packing/welch_ratio")),
    "ring": MetricGroup(ring_group),
    "prediction": MetricGroup(prediction_group),
    "alignment": MetricGroup(
        alignment_group,
        ("alignment/covariance_cosine", "alignment/cka", "alignment/rsa", "alignment/pca_distance"),
    ),
    "cluster": MetricGroup(cluster_group, ("cluster/purity", "cluster/silhouette", "cluster/cooccurrence_ami")),
    "regime": MetricGroup(regime_group, ("regime/absent",)),
}
NEEDED_FOR_REGIMES = frozenset({"read_out", "interference", "packing"})
