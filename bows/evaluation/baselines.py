"""Fair baselines of a model on its own held-out windows: principal components, rectified ones, and the most frequent words."""

import logging
from functools import partial
from typing import NamedTuple

import numpy as np
import torch

from bows.analysis.cooccurrence import Cooccurrence
from bows.analysis.interference import InterferenceSums
from bows.analysis.packing import self_terms, word_geometry
from bows.analysis.permutation_null import frequency_deciles
from bows.analysis.principal_directions import principal_directions
from bows.analysis.reconstruction import ReconstructionSums
from bows.analysis.regime import regimes
from bows.data.datamodule import BagsDataModule
from bows.data.windows import spread
from bows.evaluation.context import Context
from bows.model.pca import BIAS_BAGS, PrincipalComponents, RectifiedPrincipalComponents

log = logging.getLogger(__name__)


class PrincipalModels(NamedTuple):
    """The optimum of a linear autoencoder, and the same directions with a rectified output and the best output bias."""

    pca: PrincipalComponents
    pca_relu: RectifiedPrincipalComponents


def principal_models(
    training: BagsDataModule, latent: int, most: int | None, seed: int, device: torch.device
) -> PrincipalModels | None:
    """Fit principal components of training windows; None where the bags vary in fewer dimensions than `latent`.

    Args:
        training: whose training windows.
        latent: m.
        most: at most so many of them, evenly spaced; None for all.
        seed: of the start of the search for the directions, which is by block Krylov iteration where V is large.
        device: of the models.
    """
    windows = training.windows("train")
    together = Cooccurrence(partial(windows.sparse_batches, most), windows.words)
    directions = principal_directions(together, latent, seed) if latent <= windows.words else None
    if directions is None:
        return None
    mean = together.present / together.windows
    pca, relu = PrincipalComponents(windows.words, latent), RectifiedPrincipalComponents(windows.words, latent)
    with torch.no_grad():
        for model in (pca, relu):
            model.weight.copy_(directions.T)
        pca.bias.copy_(mean - directions @ (directions.T @ mean))
    numbers = spread(len(windows), most)
    bags = windows.sparse(numbers[spread(len(numbers), BIAS_BAGS)])
    relu.fit_bias(list(bags.columns.long().tensor_split(bags.offsets[1:-1].long())), mean.numpy())
    return PrincipalModels(pca.to(device).eval(), relu.to(device).eval())


def baseline_metrics(context: Context) -> dict[str, float]:
    """Compute what other models of the same size reach on the same held-out windows.

    All are fitted on at most `analysis.read_out_windows` training windows, evenly spaced:

    - ``baseline/r2_pca``: R^2 of m principal components, the linear optimum.
    - ``baseline/r2_pca_relu``: R^2 of relu(P f + b), P their projector and b the output bias of the lowest squared error.
    - ``interference/gap_pca``: ``interference/gap`` of the principal components, at least 0 on any text.
    - ``regime/error_pca``: where regimes are asked for, the share of the components' words, but for the absent ones, whose regime is not
      ``linear``, which it is by construction: the error rate of the thresholds. R^2 stands for that of the read-out, which no linear map of
      the components exceeds on the training windows.
    - ``baseline/r2_top_words``: R^2 of the m most frequent words kept exactly and every other word at its training frequency q:
      1 - (sum over the others of p (1 - p) + (p - q)^2) / (sum over all of p (1 - p)), p the held-out frequency.
    - ``reconstruction/r2_macro/decile_<k>``, ``baseline/r2_top_words/decile_<k>``: the mean over the words of a decile of held-out
      frequency, 1 the rarest, of each word's R^2 by the model, and by that baseline.

    The first four are left out where the training windows vary in fewer dimensions than m, all where no held-out word varies.
    """
    analysis, latent = context.analysis, context.autoencoder.latent
    frequency = context.natural.frequency().filled(0.0)
    spread_ = frequency * (1 - frequency)
    if not spread_.any():
        return {}
    windows = context.training.windows("train")
    counted = sum(bags.word_offsets.diff() for bags in windows.sparse_batches(analysis.read_out_windows))
    expected = (
        torch.as_tensor(counted).double() / min(len(windows), analysis.read_out_windows or len(windows))
    ).numpy()
    others = np.argsort(-expected, kind="stable")[latent:]
    missed = np.zeros_like(spread_)
    missed[others] = (spread_ + (frequency - expected) ** 2)[others]
    metrics = {"baseline/r2_top_words": float(1 - missed.sum() / spread_.sum())}
    kept = np.ma.masked_invalid(1 - missed / np.where(spread_ > 0, spread_, np.nan))
    metrics |= by_decile("baseline/r2_top_words", kept, frequency)
    metrics |= by_decile("reconstruction/r2_macro", context.natural.r2_by_word(), frequency)
    models = principal_models(context.training, latent, analysis.read_out_windows, context.seed, context.device)
    if models is None:
        log.info("no baseline of principal components: the training windows vary in fewer than %d dimensions", latent)
        return metrics
    return metrics | _held_out(models, context)


def by_decile(name: str, r2: np.ma.MaskedArray, frequency: np.ndarray) -> dict[str, float]:
    """Return ``<name>/decile_<k>``, k = 1 for the rarest words to 10: the mean of (V,) values over each decile of frequency.

    Masked values are left out, and deciles that have no others.
    """
    deciles = frequency_deciles(frequency)
    means = {decile + 1: r2[deciles == decile].mean() for decile in np.unique(deciles)}
    return {f"{name}/decile_{decile}": float(mean) for decile, mean in means.items() if mean is not np.ma.masked}


def _held_out(models: PrincipalModels, context: Context) -> dict[str, float]:
    weight, words = models.pca.weight, models.pca.features
    sums = {name: ReconstructionSums(words, context.device) for name in ("r2_pca", "r2_pca_relu")}
    interference = InterferenceSums(models.pca.bias, self_terms(weight), relu=False, edges=context.edges)
    for bags, output in context.outputs(models.pca):
        linear = output.reconstruction
        interference.update(bags, linear, linear)
        sums["r2_pca"].update(bags, linear)
        sums["r2_pca_relu"].update(bags, torch.relu_(linear + (models.pca_relu.bias - models.pca.bias)))
    metrics = {f"baseline/{name}": each.metrics()["reconstruction/r2"] for name, each in sums.items()}
    metrics["interference/gap_pca"] = interference.metrics()["interference/gap"]
    if "regime" in context.groups:
        r2, gap = sums["r2_pca"].r2_by_word(), interference.gap_stratified()
        labels = regimes(r2, r2, gap, word_geometry(weight), context.analysis.regimes).compressed()
        if (stored := labels[labels != "absent"]).size:
            metrics["regime/error_pca"] = float(np.mean(stored != "linear"))
    return metrics
