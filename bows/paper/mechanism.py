"""Do the other words of a window help to reconstruct a word, and what does the ReLU remove?"""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import torch

from bows.analysis.associated_words import associations, companions
from bows.analysis.explanation import contributions
from bows.analysis.permutation_null import frequency_deciles
from bows.errors import SettingError
from bows.figures.context_towers import TOWERS
from bows.paper.claims import Measured
from bows.paper.linear import scatter
from bows.paper.runs import NotMeasured, Run, first
from bows.paper.seeds import mean_of, with_interval

LEAST_WORDS = 100
# The first three of these words that the vocabulary has are explained where no words are asked for.
WORDS = ("Beatles", "Christmas", "December", "album", "river", "socket", "unicode", "regex")
SHOWN = 3
CONTEXT = 4  # words of a context
BINS = 80
REGIMES = ("linear", "mixed", "orthogonal", "antipodal")  # of words that are represented: all but absent


def measure(runs: Sequence[Run]) -> dict[str, Measured]:
    """Measure the claims on how words are reconstructed, over words that are represented: of any regime but `absent`."""
    first(runs)
    context, constructive, filtered = [], [], []
    for run in runs:
        there = np.isin(np.array(run.words["regime"], object), REGIMES)
        if there.sum() < LEAST_WORDS:
            raise NotMeasured(f"{there.sum()} words are represented, {LEAST_WORDS} are needed")
        natural, alone, gap, removed = (
            np.array(run.words[name], float)[there] for name in ("r2", "r2_one_hot", "gap_stratified", "filtered")
        )
        context.append(float(np.mean((natural > alone)[~np.isnan(alone)])))
        constructive.append(float(np.mean((gap > 0)[~np.isnan(gap)])))
        filtered.append(float(np.nanmean(removed)))
    names = {
        name: [run.summary[f"interference/{name}"] for run in runs if f"interference/{name}" in run.summary]
        for name in ("gap_stratified", "gap_pca", "gap_independent", "filtered", "filtered_independent")
    }
    text = {name: with_interval(values) if values else "not known" for name, values in names.items()}
    more = [one - other for one, other in zip(names["filtered"], names["filtered_independent"], strict=True)]
    return {
        "context": mean_of(context, "0.5, as many better as worse"),
        "constructive": mean_of(
            constructive,
            f"gap {text['gap_stratified']} within strata; PCA's, above 0 by theorem, {text['gap_pca']}; independent words "
            f"{text['gap_independent']}",
        ),
        "filtered": mean_of(
            filtered, f"all words {text['filtered']}; independent words {text['filtered_independent']}"
        ),
        "filtered_more": mean_of(more, "0")
        if more
        else Measured(None, "interference/filtered_independent is not known"),
    }


def r2(runs: Sequence[Run]) -> pa.Table:
    """Return each represented word's R² in held-out windows and alone, of the first seed; below -0.2 as -0.2."""
    return scatter(first(runs), "r2_one_hot", "r2", WORDS, REGIMES)


def towers(runs: Sequence[Run], asked: Sequence[str] = ()) -> pa.Table:
    """Return the parts of some words' pre-activations in the weights of the first seed, one per row.

    The words are those asked for, or the first three of WORDS that the vocabulary has. A word's own context is the 4 words with the
    largest phi with it over the training windows; the other context the 4 words with the phi nearest 0 of as many from the same
    frequency deciles.

    Raises:
        SettingError: the vocabulary lacks a word that is asked for.
    """
    run = first(runs)
    if missing := set(asked) - set(run.known(asked)):
        raise SettingError(
            f"--words: {min(missing)} is not in this corpus's vocabulary; see {run.folder / 'vocabulary.txt'}"
        )
    words = list(asked) or run.known(WORDS)[:SHOWN]
    if not words:
        raise NotMeasured(f"none of {', '.join(WORDS)} is in this corpus's vocabulary; ask for others by --words")
    model, indices = run.autoencoder, run.indices(words)
    encoder, bias = run.encoder, model.bias.detach()
    decoder = None if model.tied else model.decoder_weight.detach()
    associated = associations(
        run.data.windows("train").batches(run.data.evaluation_batch_size, torch.device("cpu")), indices
    )
    rows = []
    for word, index in zip(words, indices, strict=True):
        found = companions(associated, [index], CONTEXT)
        own = found.indices.tolist()
        other = unrelated(found.association, found.frequency, own)
        kinds = ((True, []), (True, own), (True, other), (False, own), (False, other))
        for tower, (itself, context) in zip(TOWERS, kinds, strict=True):
            parts = contributions(encoder, decoder, bias, index, context)
            rows.append((word, tower, "bias", None, parts.bias))
            rows += [(word, tower, "self", None, parts.itself)] if itself else []
            rows += [
                (word, tower, "context", run.vocabulary[place], value)
                for place, value in zip(context, parts.context, strict=True)
            ]
    columns = dict(zip(("word", "tower", "part", "context", "value"), map(list, zip(*rows, strict=True)), strict=True))
    return pa.table({**columns, "context": pa.array(columns["context"], pa.string())})


def unrelated(association: np.ma.MaskedArray, frequency: np.ndarray, context: Sequence[int]) -> list[int]:
    """Return as many words as a context has, each of the smallest |phi| in the frequency decile of one of its words."""
    deciles = frequency_deciles(frequency)
    size = np.ma.abs(association).filled(np.inf)
    size[list(context)] = np.inf
    found: list[int] = []
    for word in context:
        near = np.where(deciles == deciles[word], size, np.inf)
        found.append(int((near if np.isfinite(near).any() else size).argmin()))
        size[found[-1]] = np.inf
    return found


def histogram(runs: Sequence[Run]) -> pa.Table:
    """Return the pre-activations of all represented words over the held-out windows of the first seed, counted in bins.

    The counts are of cells where the word is present and where it is absent. 0, where the ReLU cuts, is an edge of a bin.
    """
    run = first(runs)
    there = torch.from_numpy(np.isin(np.array(run.words["regime"], object), REGIMES))
    if not there.any():
        raise NotMeasured("no word is reconstructed")
    model, data = run.autoencoder, run.data

    def batches():
        for bags in data.windows("validation").batches(data.evaluation_batch_size, torch.device("cpu")):
            with torch.no_grad():
                yield bags[:, there] > 0, model(bags).pre_activation[:, there].float()

    ends = [(float(values.min()), float(values.max())) for _, values in batches()]
    lowest, highest = min(low for low, _ in ends), max(high for _, high in ends)
    width = (highest - lowest) / BINS
    edges = width * np.arange(np.floor(lowest / width), np.ceil(highest / width) + 1)
    edges[0], edges[-1] = min(edges[0], lowest), max(edges[-1], highest)
    counts = {"present": np.zeros(len(edges) - 1, np.int64), "absent": np.zeros(len(edges) - 1, np.int64)}
    for present, values in batches():
        counts["present"] += np.histogram(values[present].numpy(), edges)[0]
        counts["absent"] += np.histogram(values[~present].numpy(), edges)[0]
    return pa.table({"left": edges[:-1], "right": edges[1:], **counts})
