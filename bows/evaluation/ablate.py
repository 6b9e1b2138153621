"""Remove the plane of a set of words from a finished run's latent, or keep it alone: `python -m bows.analyze run=... plane=months`."""

import difflib
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from bows.analysis.associated_words import Companions, associations, companions
from bows.analysis.latent_ablation import AblationSums, PlaneErrors, Readout, pooled_r2
from bows.analysis.ordered_sets import resolve, shortened
from bows.analysis.permutation_null import against_null
from bows.analysis.set_planes import random_planes, set_plane, sets_of_like_frequency
from bows.errors import SettingError
from bows.evaluation.context import LoadedRun
from bows.figures.ablation import GROUPS
from bows.model.autoencoder import Autoencoder, activate, weights

log = logging.getLogger(__name__)

# Number of a set's companions.
COMPANIONS = 30
# Number of random planes, and of random sets, that a set's plane is compared with.
DRAWS = 50
# The companions use the plane where their drop of R^2 has a p value below this under both nulls.
LEVEL = 0.05
# Nothing of the plane is left, or the mean of the training windows is.
VARIANTS = ("", "_mean_kept")
NULL_SCHEMA = pa.schema(
    {
        "null": pa.string(),
        "draw": pa.int64(),
        "words": pa.list_(pa.string()),
        "group": pa.string(),
        "mean_kept": pa.bool_(),
        "r2": pa.float64(),
        "r2_removed": pa.float64(),
        "r2_kept": pa.float64(),
    }
)


def find_plane(
    name: str | None, sets: Mapping[str, Sequence[str]], vocabulary: Sequence[str], latent: int
) -> list[int] | None:
    """Return the word indices of the set whose plane is asked for; None where none is.

    Raises:
        SettingError: the set is not in analysis.sets, the vocabulary lacks words of it, or a plane fills the latent.
    """
    if name is None:
        return None
    if name not in sets:
        near = difflib.get_close_matches(name, list(sets), n=3) or list(sets)
        known = f"did you mean {', '.join(near)}?" if sets else "analysis.sets has none"
        raise SettingError(
            f"plane={name}: there is no such set in analysis.sets; {known} or add +analysis.sets.{name}=[...]"
        )
    if latent < 3:
        raise SettingError(
            f"plane={name}: the run has {latent} latent dimensions, which a plane fills; use a run with latent=3 or more"
        )
    found = resolve(sets[name], vocabulary)
    if found.missing:
        whole = [other for other, words in sets.items() if not resolve(words, vocabulary).missing]
        raise SettingError(
            f"plane={name}: the run's vocabulary lacks {', '.join(shortened(found.missing))}; "
            f"sets that it has: {', '.join(whole) or 'none'}"
        )
    if len(set(found.indices)) < len(found.indices):
        raise SettingError(f"plane={name}: two words of the set are one word of the run's vocabulary; leave one out")
    rest = len(vocabulary) - len(found.indices)
    if rest < COMPANIONS + len(found.indices):
        raise SettingError(
            f"plane={name}: {COMPANIONS} companions and random sets of {len(found.indices)} words need a vocabulary of "
            f"{COMPANIONS + 2 * len(found.indices)} words, the run has {len(vocabulary)}; use a run with a larger data.vocab_size"
        )
    return found.indices


@dataclass
class Ablation:
    """The result of ablating one set's plane."""

    name: str
    """The set's."""
    metrics: dict[str, float]
    """By their names without `ablation/<set>/`."""
    words: pa.Table
    """The content of ablation.parquet."""
    null: pa.Table
    """The content of ablation_null.parquet."""
    companions: list[str]
    """The set's companions, closest first."""
    windows: int
    """How many held-out windows there are."""

    def summary(self) -> dict[str, float]:
        """Return the content of summary.json."""
        return {f"ablation/{self.name}/{key}": value for key, value in sorted(self.metrics.items())}


@torch.no_grad()
def ablate_plane(loaded: LoadedRun, name: str, words: Sequence[int], threshold: float) -> Ablation:
    """Decode every held-out window as it is, with the set's plane removed from its latent, and with the plane alone.

    Companions, frequencies and the mean latent are those of the training windows.

    Under `ablation/<set>/<group>/`, a group being `set`, `companions` (the words most associated with the set) or `other`:

    - every metric of :meth:`bows.analysis.latent_ablation.AblationSums.metrics`, for h - P h and P h;
    - `drop_random_plane_null`, `_z`, `_p`: the drop of equally many uniform random planes of the latent space: mean, z score and p;
    - `drop_random_set_null`, `_z`, `_p`: the same for the planes of random sets of like frequency that share no word with set or
      companions, each scored on its own words, companions and others;
    - with `_mean_kept` after `r2_removed`, `r2_kept` and `drop`: the same where only a window's difference from the mean training window
      is removed. What a bias could compensate is then no loss.

    `ablation/<set>/absent_words`: how many words of the set are in no held-out window, and so have no part in its R^2.
    `ablation/<set>/companions_used` and `..._mean_kept`: 1 where the drop of the companions is beyond chance (p < 0.05) under both
    nulls, else 0.

    Args:
        loaded: the run.
        name: of the set.
        words: its word indices, as from :func:`find_plane`.
        threshold: above which a reconstructed word counts as present.

    Raises:
        SettingError: no held-out window contains a word of the set.
    """
    autoencoder = loaded.autoencoder.to(loaded.device).eval()
    vocabulary, (encoder, _) = loaded.vocabulary, weights(autoencoder)
    found = companions(associations(loaded.training_bags(), words), words, COMPANIONS)
    groups = groups_of(len(vocabulary), words, found.indices)
    present = sum((bags[:, list(words)].sum(0) for bags in loaded.held_out()), torch.zeros(1, device=loaded.device))
    absent = int((present == 0).sum())
    if absent == len(words):
        raise SettingError(
            f"plane={name}: no held-out window contains a word of the set; choose another set, or evaluate more documents"
        )
    planes, of_planes = null_planes(loaded, words, found, groups)
    activation = partial(activate, activation=autoencoder.output_activation)
    readout = Readout(autoencoder.decoder_weight.detach(), autoencoder.bias.detach(), activation)
    centres = dict(zip(VARIANTS, (None, mean_latent(autoencoder, loaded.training_bags())), strict=True))
    gated = autoencoder.active_units(torch.zeros(1, autoencoder.features, device=loaded.device)) is not None
    units = autoencoder.unit_weights if gated else None
    own = {
        each: AblationSums(encoder, readout, set_plane(encoder, words), threshold, centre, units)
        for each, centre in centres.items()
    }
    null = {each: PlaneErrors(planes, readout, centre) for each, centre in centres.items()}
    windows = len(loaded.data.windows("validation"))
    log.info("plane %s: removing and keeping %d planes over %s held-out windows", name, len(planes) + 1, f"{windows:,}")
    for bags in loaded.held_out():
        output, active = autoencoder(bags), autoencoder.active_units(bags)
        for each in VARIANTS:
            own[each].update(bags, output.latent, output.pre_activation, active)
            null[each].update(bags, output.latent, output.pre_activation)
    rebuilt = own[""].rebuilt[""].squared_error.cpu().numpy()
    table = null_table(null, rebuilt, own[""].total_squares(), of_planes, vocabulary)
    metrics, near = scores(own, table, groups), [vocabulary[index] for index in found.indices]
    metrics["absent_words"] = float(absent)
    return Ablation(name, metrics, word_rows(own, groups, found, vocabulary), table, near, windows)


def null_planes(
    loaded: LoadedRun, words: Sequence[int], found: Companions, groups: dict[str, np.ndarray]
) -> tuple[Tensor, list[dict[str, np.ndarray]]]:
    """Return random planes, then planes of random sets (2 DRAWS, m, 2), and the groups of words that each is scored on."""
    encoder, _ = weights(loaded.autoencoder)
    # A zero column has no direction, and a set that contains one no plane.
    zero = torch.nonzero(torch.linalg.vector_norm(encoder, dim=0) == 0).flatten().tolist()
    excluded = [*found.indices.tolist(), *zero]
    generator = np.random.default_rng(loaded.seed)
    drawn = sets_of_like_frequency(found.frequency, words, excluded, DRAWS, generator).tolist()
    near = associations(loaded.training_bags(), sorted({word for row in drawn for word in row}))
    of_drawn = [groups_of(encoder.shape[1], row, companions(near, row, COMPANIONS).indices) for row in drawn]
    random = random_planes(len(encoder), DRAWS, torch.Generator().manual_seed(loaded.seed))
    return torch.cat([random, torch.stack([set_plane(encoder, row) for row in drawn])]), [groups] * DRAWS + of_drawn


def groups_of(count: int, words: Sequence[int], near: np.ndarray) -> dict[str, np.ndarray]:
    """Return the word indices of each group: the set, its companions, all others."""
    other = np.ones(count, dtype=bool)
    other[[*words, *near.tolist()]] = False
    return dict(zip(GROUPS, (np.asarray(words), near, np.flatnonzero(other)), strict=True))


def mean_latent(autoencoder: Autoencoder, batches: Iterable[Tensor]) -> Tensor:
    """Return the mean of h over bags: (m,)."""
    total, windows = torch.zeros(autoencoder.latent, dtype=torch.float64), 0
    for bags in batches:
        total += autoencoder.encode(bags).sum(0).double().cpu()
        windows += len(bags)
    return total / windows


def null_table(
    null: Mapping[str, PlaneErrors],
    squared_error: np.ndarray,
    total: np.ndarray,
    of_planes: Sequence[Mapping[str, np.ndarray]],
    vocabulary: Sequence[str],
) -> pa.Table:
    """Return one row per random plane, group and variant.

    Columns: null (random_plane or random_set), draw, words (of the random set), group, mean_kept, r2, r2_removed, r2_kept. A random plane
    is scored on the words of the set, its companions and the others; the plane of a random set on that set's own words, own companions
    and others: its companions are as close to it as those of the set are to the set.

    Args:
        null: errors of the random planes, then of those of the random sets, by variant.
        squared_error: (V,) of the model as it is.
        total: (V,) total squares.
        of_planes: the groups of words that each plane is scored on.
        vocabulary: the words.
    """
    rows = []
    for variant, errors in null.items():
        removed, kept = errors.removed.cpu().numpy(), errors.kept.cpu().numpy()
        for place, groups in enumerate(of_planes):
            of_set = place >= DRAWS
            for group, words in groups.items():
                three = (squared_error, removed[place], kept[place])
                found = [r2 for each in three if (r2 := pooled_r2(each[None], total, words)) is not None]
                if found:  # all or none: whether the words vary does not depend on the errors
                    row = {"null": "random_set" if of_set else "random_plane", "draw": place % DRAWS, "group": group}
                    row["words"] = [vocabulary[index] for index in groups["set"]] if of_set else None
                    names = ("r2", "r2_removed", "r2_kept")
                    row |= {name: float(value[0]) for name, value in zip(names, found, strict=True)}
                    rows.append({**row, "mean_kept": variant != ""})
    return pa.Table.from_pylist(rows, NULL_SCHEMA)


def scores(own: Mapping[str, AblationSums], table: pa.Table, groups: Mapping[str, np.ndarray]) -> dict[str, float]:
    """Return the metrics by their names without `ablation/<set>/`."""
    metrics = own[""].metrics(groups)
    metrics |= {
        f"{key}_mean_kept": value
        for key, value in own["_mean_kept"].metrics(groups).items()
        if key.endswith(("r2_removed", "r2_kept", "/drop"))
    }
    rows = table.to_pylist()
    for variant in VARIANTS:
        beyond = []
        for group in groups:
            key = f"{group}/drop{variant}"
            if key not in metrics:
                continue
            for null in ("random_plane", "random_set"):
                same = [
                    row for row in rows if (row["null"], row["group"], row["mean_kept"]) == (null, group, variant != "")
                ]
                drops = np.array([row["r2"] - row["r2_removed"] for row in same])
                held = against_null(key, metrics[key], drops)
                metrics |= {f"{key}_{null}{at[len(key) :]}": value for at, value in held.items() if at != key}
                if group == "companions":
                    beyond.append(metrics[f"{key}_{null}_p"] < LEVEL and metrics[key] > 0)
        if beyond:
            metrics[f"companions_used{variant}"] = float(all(beyond))
    return metrics


def word_rows(
    own: Mapping[str, AblationSums], groups: Mapping[str, np.ndarray], found: Companions, vocabulary: Sequence[str]
) -> pa.Table:
    """Return one row per word: the set, then its companions, closest first, then all others.

    Columns: word, group, frequency and association (of training windows), r2, r2_removed, r2_kept and the last two with the mean kept;
    null where not defined.
    """
    order = np.concatenate(list(groups.values()))
    named = np.repeat(list(groups), [len(words) for words in groups.values()])
    columns = {
        "word": pa.array([vocabulary[index] for index in order]),
        "group": pa.array(named.tolist()),
        "frequency": pa.array(found.frequency[order]),
        "association": _array(found.association[order]),
    }
    for variant, sums in own.items():
        for name, rebuilt in sums.rebuilt.items():
            if name or not variant:
                columns[f"r2{name}{variant}"] = _array(rebuilt.r2_by_word()[order])
    return pa.table(columns)


def _array(values: np.ma.MaskedArray) -> pa.Array:
    return pa.array(np.ma.getdata(values), pa.float64(), mask=np.ma.getmaskarray(values))
