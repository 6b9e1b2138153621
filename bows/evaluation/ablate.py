"""Remove the plane of a set of words from a finished run's latent, or keep it alone: `python -m bows.analyze run=... plane=months`."""

import difflib
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from torch import Tensor

from bows.analysis.associated_words import Companions, companions
from bows.analysis.latent_ablation import AblationSums, PlaneErrors, Readout, pooled_r2
from bows.analysis.ordered_sets import resolve, shortened
from bows.analysis.permutation_null import against_null
from bows.analysis.set_planes import random_planes, set_plane, sets_of_like_frequency
from bows.errors import SettingError
from bows.evaluation.context import LoadedRun
from bows.figures.latent_ablation import GROUPS, latent_ablation
from bows.figures.style import file_stem, save
from bows.files import write_json
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
    - `drop_random_plane_null`, `_z`, `_p`: the drop of equally many random planes, uniform among all of the latent space: mean, z score
      and p;
    - `drop_random_set_null`, `_z`, `_p`: the same for the planes of random sets of like frequency that share no word with set or
      companions;
    - with `_mean_kept` after `r2_removed`, `r2_kept` and `drop`: the same where only a window's difference from the mean training window
      is removed. What a bias could compensate is then no loss.

    `ablation/<set>/companions_used` and `..._mean_kept`: 1 where the drop of the companions is beyond chance (p < 0.05) under both
    nulls, else 0.

    Args:
        loaded: the run.
        name: of the set.
        words: its word indices, as from :func:`find_plane`.
        threshold: above which a reconstructed word counts as present.
    """
    autoencoder = loaded.autoencoder.to(loaded.device).eval()
    encoder, _ = weights(autoencoder)
    vocabulary, seed = loaded.vocabulary, loaded.seed
    found = companions(loaded.training_bags(), words, COMPANIONS)
    groups = groups_of(len(vocabulary), words, found.indices)
    # A zero column has no direction, and a set that contains one no plane.
    zero = torch.nonzero(torch.linalg.vector_norm(encoder, dim=0) == 0).flatten().tolist()
    excluded = [*found.indices.tolist(), *zero]
    drawn = sets_of_like_frequency(found.frequency, words, excluded, DRAWS, np.random.default_rng(seed))
    random_sets = torch.stack([set_plane(encoder, row.tolist()) for row in drawn])
    planes = torch.cat([random_planes(autoencoder.latent, DRAWS, torch.Generator().manual_seed(seed)), random_sets])
    readout = Readout(
        autoencoder.decoder_weight.detach(),
        autoencoder.bias.detach(),
        partial(activate, activation=autoencoder.output_activation),
    )
    plane = set_plane(encoder, words)
    centres = dict(zip(VARIANTS, (None, mean_latent(autoencoder, loaded.training_bags())), strict=True))
    gated = autoencoder.active_units(torch.zeros(1, autoencoder.features, device=loaded.device)) is not None
    units = autoencoder.unit_weights if gated else None
    own = {each: AblationSums(encoder, readout, plane, threshold, centre, units) for each, centre in centres.items()}
    null = {each: PlaneErrors(planes, readout, centre) for each, centre in centres.items()}
    windows = len(loaded.data.windows("validation"))
    log.info("plane %s: removing and keeping %d planes over %s held-out windows", name, len(planes) + 1, f"{windows:,}")
    for bags in loaded.held_out():
        output, active = autoencoder(bags), autoencoder.active_units(bags)
        for each in VARIANTS:
            own[each].update(bags, output.latent, output.pre_activation, active)
            null[each].update(bags, output.latent, output.pre_activation)
    table = null_table(null, own[""].total_squares(), groups, drawn, vocabulary)
    near = [vocabulary[index] for index in found.indices]
    return Ablation(name, scores(own, table, groups), word_rows(own, groups, found, vocabulary), table, near, windows)


def write_ablation(ablation: Ablation, folder: Path) -> None:
    """Write ablation.parquet, ablation_null.parquet and summary.json."""
    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(ablation.words, folder / "ablation.parquet")
    pq.write_table(ablation.null, folder / "ablation_null.parquet")
    write_json(folder / "summary.json", ablation.summary())


def draw_ablation(ablation: Ablation, folder: Path) -> None:
    """Draw figures/plane_<set>.*."""
    figure = latent_ablation(ablation.name, ablation.metrics, ablation.null.to_pydict())
    save(figure, folder / "figures" / f"plane_{file_stem(ablation.name)}")


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
    total: np.ndarray,
    groups: Mapping[str, np.ndarray],
    drawn: np.ndarray,
    vocabulary: Sequence[str],
) -> pa.Table:
    """Return one row per random plane, group and variant.

    Columns: null (random_plane or random_set), draw, words (of the random set), group, mean_kept, r2_removed, r2_kept.
    """
    kinds = ["random_plane"] * DRAWS + ["random_set"] * DRAWS
    names = [None] * DRAWS + [[vocabulary[index] for index in row] for row in drawn]
    parts = [NULL_SCHEMA.empty_table()]
    for variant, errors in null.items():
        for group, words in groups.items():
            removed = pooled_r2(errors.removed.cpu().numpy(), total, words)
            kept = pooled_r2(errors.kept.cpu().numpy(), total, words)
            if removed is not None and kept is not None:
                same = [[group] * len(kinds), [variant != ""] * len(kinds)]
                draws = np.tile(np.arange(DRAWS), 2)
                parts.append(pa.table([kinds, draws, names, *same, removed, kept], schema=NULL_SCHEMA))
    return pa.concat_tables(parts)


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
                drops = np.array([metrics[f"{group}/r2"] - row["r2_removed"] for row in same])
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


def print_ablation(ablation: Ablation) -> None:
    """Print the ablation as a table, and whether the companions use the plane."""
    metrics = ablation.metrics
    print(
        f"plane of {ablation.name}: removed from the latent (h - P h) and kept alone (P h); {ablation.windows:,} held-out windows"
    )
    print(f"companions, by phi over training windows: {', '.join(ablation.companions)}")
    columns = {
        "R² as is": "r2",
        "removed": "r2_removed",
        "kept": "r2_kept",
        "gap as is": "gap",
        "removed ": "gap_removed",
        "missed as is": "false_negative_rate",
        "removed  ": "false_negative_rate_removed",
        "kept ": "false_negative_rate_kept",
    }
    print(f"  {'':<10}", *(f"{head.strip():>12}" for head in columns))
    for group in GROUPS:
        values = [metrics.get(f"{group}/{key}") for key in columns.values()]
        print(
            f"  {group:<10}", *(f"{'not defined' if value is None else format(value, '.4f'):>12}" for value in values)
        )
    for variant, removed in (("", "the plane"), ("_mean_kept", "all of the plane but the mean")):
        if f"companions_used{variant}" not in metrics:
            continue
        key = f"companions/drop{variant}"
        nulls = "; ".join(
            f"{label} {metrics[f'{key}_{null}_null']:+.4f}, p {metrics[f'{key}_{null}_p']:.2g}"
            for null, label in (("random_plane", "random planes"), ("random_set", "planes of random sets"))
        )
        verdict = "holds" if metrics[f"companions_used{variant}"] else "does not hold"
        print(f"companions' R² drops by {metrics[key]:+.4f} without {removed} ({nulls})")
        print(f"  companions use the plane beyond chance (both p < {LEVEL:g}): {verdict}")


def _array(values: np.ma.MaskedArray) -> pa.Array:
    return pa.array(np.ma.getdata(values), pa.float64(), mask=np.ma.getmaskarray(values))
