"""The plane of a set of words removed from a finished run's latent, or kept alone: `python -m bows.analyze run=... plane=months`."""

import difflib
import logging
from collections.abc import Mapping, Sequence
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
from bows.data.datamodule import BagsDataModule
from bows.errors import SettingError
from bows.figures.latent_ablation import GROUPS, latent_ablation
from bows.figures.style import save
from bows.files import write_json
from bows.model.autoencoder import Autoencoder, activate, weights

log = logging.getLogger(__name__)

# How many words go for a set's companions.
COMPANIONS = 30
# Random planes, and random sets, that a set's plane is held against.
DRAWS = 50
# The drop of the companions' R^2 holds where it is beyond chance under both.
LEVEL = 0.05
# Where the two variants differ: nothing of the plane is left, or the mean of the training windows.
VARIANTS = ("", "_mean_kept")


def find_plane(
    name: str | None, sets: Mapping[str, Sequence[str]], vocabulary: Sequence[str], latent: int
) -> list[int] | None:
    """Indices of the set whose plane is asked for; None where none is.

    Raises SettingError for a set that is not in analysis.sets or has words that the vocabulary lacks, or a latent that a plane fills.
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


@torch.no_grad()
def ablate_plane(
    autoencoder: Autoencoder,
    data: BagsDataModule,
    training: BagsDataModule,
    name: str,
    words: Sequence[int],
    threshold: float,
    seed: int,
    device: torch.device,
    folder: Path,
    figures: bool = True,
) -> dict[str, float]:
    """Write ablation.parquet, ablation_null.parquet, summary.json and figures/plane_<set>.*; return the summary.

    Every held-out window of `data` is decoded as it is, with the set's plane removed from its latent, and with that alone. Companions,
    frequencies and the mean latent are of the training windows of `training`.

    Under `ablation/<set>/<group>/`, a group being `set`, `companions` (the words most associated with the set) or `other`:

    - all that :meth:`bows.analysis.latent_ablation.AblationSums.metrics` names, for h - P h and P h;
    - `drop_random_plane_null`, `_z`, `_p`: the drop of as many random planes, uniform among all of the latent space: mean, z score and p;
    - `drop_random_set_null`, `_z`, `_p`: the same of the planes of random sets, of like frequency and of no word of set or companions;
    - with `_mean_kept` after `r2_removed`, `r2_kept` and `drop`: the same where what is removed is what a window differs from the mean
      training window in, in the plane. What a bias could make up for is then no loss.

    `ablation/<set>/companions_used` and `..._mean_kept`: 1 where the drop of the companions is beyond chance (p < 0.05) under both nulls,
    else 0.
    """
    autoencoder = autoencoder.to(device).eval()
    encoder, _ = weights(autoencoder)
    vocabulary, size = data.corpus.vocabulary, training.evaluation_batch_size
    training_windows = partial(training.windows("train").batches, size, device)
    found = companions(training_windows(), words, COMPANIONS)
    groups = groups_of(len(vocabulary), words, found.indices)

    plane = set_plane(encoder, words)
    generator = np.random.default_rng(seed)
    # A word whose weights are gone has no direction, and no set with it a plane.
    gone = torch.nonzero(torch.linalg.vector_norm(encoder, dim=0) == 0).flatten().tolist()
    drawn = sets_of_like_frequency(found.frequency, words, [*found.indices.tolist(), *gone], DRAWS, generator)
    planes = torch.cat(
        [
            random_planes(autoencoder.latent, DRAWS, torch.Generator().manual_seed(seed)),
            torch.stack([set_plane(encoder, row.tolist()) for row in drawn]),
        ]
    )
    readout = Readout(
        autoencoder.decoder_weight.detach(),
        autoencoder.bias.detach(),
        partial(activate, activation=autoencoder.output_activation),
    )
    centres = dict(zip(VARIANTS, (None, mean_latent(autoencoder, training_windows())), strict=True))
    own = {each: AblationSums(encoder, readout, plane, threshold, centre) for each, centre in centres.items()}
    null = {each: PlaneErrors(planes, readout, centre) for each, centre in centres.items()}
    windows = data.windows("validation")
    log.info(
        "plane %s: %d planes removed and kept over %s held-out windows", name, len(planes) + 1, f"{len(windows):,}"
    )
    for bags in windows.batches(data.evaluation_batch_size, device):
        output = autoencoder(bags)
        for each in VARIANTS:
            own[each].update(bags, output.latent, output.pre_activation)
            null[each].update(bags, output.latent, output.pre_activation)

    table = null_table(null, own[""].total_squares(), groups, drawn, vocabulary)
    metrics = scores(own, table, groups)
    summary = {f"ablation/{name}/{key}": value for key, value in metrics.items()}
    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(word_rows(own, groups, found, vocabulary), folder / "ablation.parquet")
    pq.write_table(table, folder / "ablation_null.parquet")
    write_json(folder / "summary.json", dict(sorted(summary.items())))
    if figures:
        save(latent_ablation(name, metrics, table.to_pydict()), folder / "figures" / f"plane_{name}")
    print_ablation(name, metrics, [vocabulary[index] for index in found.indices], len(windows))
    return summary


def groups_of(count: int, words: Sequence[int], near: np.ndarray) -> dict[str, np.ndarray]:
    """Word indices of each group: the set, its companions, all others."""
    other = np.ones(count, dtype=bool)
    other[[*words, *near.tolist()]] = False
    return dict(zip(GROUPS, (np.asarray(words), near, np.flatnonzero(other)), strict=True))


def mean_latent(autoencoder: Autoencoder, batches) -> Tensor:
    """(m,): the mean of h over bags."""
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
    """A row a drawn plane, group and variant: null (random_plane or random_set), draw, words (of the set), group, mean_kept, r2_removed,
    r2_kept."""
    rows = []
    for variant, errors in null.items():
        for group, words in groups.items():
            removed = pooled_r2(errors.removed.cpu().numpy(), total, words)
            kept = pooled_r2(errors.kept.cpu().numpy(), total, words)
            if removed is None or kept is None:
                continue
            for place in range(2 * DRAWS):
                of_set = place >= DRAWS
                rows.append(
                    {
                        "null": "random_set" if of_set else "random_plane",
                        "draw": place % DRAWS,
                        "words": [vocabulary[index] for index in drawn[place - DRAWS]] if of_set else None,
                        "group": group,
                        "mean_kept": variant != "",
                        "r2_removed": float(removed[place]),
                        "r2_kept": float(kept[place]),
                    }
                )
    return pa.Table.from_pylist(rows)


def scores(own: Mapping[str, AblationSums], table: pa.Table, groups: Mapping[str, np.ndarray]) -> dict[str, float]:
    """The summary, without its first two names."""
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
    """A row a word: word, group, frequency and association (of training windows), r2, r2_removed, r2_kept and the last two with the mean
    kept; null where not defined. The set first, then its companions, closest first, then all others."""
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


def print_ablation(name: str, metrics: Mapping[str, float], near: Sequence[str], windows: int) -> None:
    """The ablation as a table, on standard output, and whether the plane is used."""
    print(f"the plane of {name} removed from the latent (h - P h), and alone (P h); {windows:,} held-out windows")
    print(f"companions, by phi over training windows: {', '.join(near)}")
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
    for variant, what in (("", "all of the plane"), ("_mean_kept", "all but the mean in the plane")):
        if f"companions_used{variant}" not in metrics:
            continue
        key = f"companions/drop{variant}"
        nulls = "; ".join(
            f"{said} {metrics[f'{key}_{null}_null']:+.4f}, p {metrics[f'{key}_{null}_p']:.2g}"
            for null, said in (("random_plane", "random planes"), ("random_set", "planes of random sets"))
        )
        verdict = "holds" if metrics[f"companions_used{variant}"] else "does not hold"
        print(f"companions' R² drops by {metrics[key]:+.4f} without {what} ({nulls})")
        print(f"  that they use it beyond chance (both p < {LEVEL:g}): {verdict}")


def _array(values: np.ma.MaskedArray) -> pa.Array:
    return pa.array(np.ma.getdata(values), pa.float64(), mask=np.ma.getmaskarray(values))
