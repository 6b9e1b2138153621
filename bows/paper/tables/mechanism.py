"""How words are rebuilt: with others and alone, in contexts of their own and in others', and what lies below the ReLU's threshold."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import torch

from bows.analysis.associated_words import associations, companions
from bows.analysis.explanation import contributions
from bows.analysis.permutation_null import frequency_deciles
from bows.errors import SettingError
from bows.figures.context_towers import TOWERS
from bows.paper.runs import Run, first
from bows.paper.seeds import NotDrawn

# Those of them that the text has are explained where no words are asked for.
WORDS = ("Beatles", "Christmas", "December", "album", "river", "socket", "unicode", "regex")
SHOWN = 3
CONTEXT = 4  # words of a context
LOWEST = -0.2  # R² below it is drawn there
BINS = 80


def r2(runs: Sequence[Run]) -> pa.Table:
    """Each word's R² in held-out windows and alone, of the first seed; below -0.2 as -0.2. Words not rebuilt (absent) are left out."""
    run = _first(runs)
    words = run.words
    rows = [
        (word, alone, natural, regime)
        for word, alone, natural, regime in zip(
            words["word"], words["r2_one_hot"], words["r2"], words["regime"], strict=True
        )
        if regime not in (None, "absent") and alone is not None and natural is not None
    ]
    if not rows:
        raise NotDrawn("no word is rebuilt")
    names, alone, natural, regimes = map(list, zip(*rows, strict=True))
    return pa.table(
        {
            "word": names,
            "x": np.maximum(alone, LOWEST),
            "y": np.maximum(natural, LOWEST),
            "kind": regimes,
            "named": [word in WORDS for word in names],
        }
    )


def towers(runs: Sequence[Run], asked: Sequence[str] = ()) -> pa.Table:
    """What adds up to some words' pre-activations in the weights of the first seed, a row a part.

    The words are those asked for, or the first three of WORDS that the vocabulary has. A word's own context is the 4 words with the
    largest phi with it over the training windows; the other context the 4 words with the phi nearest 0 of as many from the same
    frequency deciles.

    Raises SettingError for a word that is asked for and that the vocabulary lacks.
    """
    run = _first(runs)
    for word in asked:
        if run.indices([word]) is None:
            raise SettingError(
                f"--words: {word} is not in this corpus's vocabulary; see {run.folder / 'vocabulary.txt'}"
            )
    words = list(asked) or [word for word in WORDS if run.indices([word]) is not None][:SHOWN]
    if not words:
        raise NotDrawn(f"none of {', '.join(WORDS)} is in this corpus's vocabulary; ask for others by --words")
    size, device = run.data.evaluation_batch_size, torch.device("cpu")
    encoder, bias = run.encoder, run.autoencoder.bias.detach()
    decoder = (
        None if torch.equal(run.autoencoder.decoder_weight.T, encoder) else run.autoencoder.decoder_weight.detach()
    )
    indices = [run.vocabulary.index(word) for word in words]
    associated = associations(run.data.windows("train").batches(size, device), indices)
    rows = []
    for word, index in zip(words, indices, strict=True):
        found = companions(associated, [index], CONTEXT)
        own = found.indices.tolist()
        other = unrelated(found.association, found.frequency, own)
        for tower, (itself, context) in zip(
            TOWERS, ((True, []), (True, own), (True, other), (False, own), (False, other)), strict=True
        ):
            parts = contributions(encoder, decoder, bias, index, context)
            rows.append((word, tower, "bias", None, parts.bias))
            if itself:
                rows.append((word, tower, "self", None, parts.itself))
            rows += [
                (word, tower, "context", run.vocabulary[place], value)
                for place, value in zip(context, parts.context, strict=True)
            ]
    columns = dict(zip(("word", "tower", "part", "context", "value"), map(list, zip(*rows, strict=True)), strict=True))
    return pa.table({**columns, "context": pa.array(columns["context"], pa.string())})


def unrelated(association: np.ma.MaskedArray, frequency: np.ndarray, context: Sequence[int]) -> list[int]:
    """As many words as a context has, each of the frequency decile of one of its words, of the smallest |phi| there."""
    deciles = frequency_deciles(frequency)
    size = np.ma.abs(association).filled(np.inf)
    size[list(context)] = np.inf
    chosen: list[int] = []
    for word in context:
        near = np.where(deciles == deciles[word], size, np.inf)
        near = near if np.isfinite(near).any() else size
        place = int(near.argmin())
        chosen.append(place)
        size[place] = np.inf
    return chosen


def histogram(runs: Sequence[Run]) -> pa.Table:
    """Pre-activations over the held-out windows of the first seed, of all words that are rebuilt: counts of cells where the word is and
    where it is not. 0, where the ReLU cuts, is an edge.
    """
    run = _first(runs)
    there = torch.tensor([regime not in (None, "absent") for regime in run.words["regime"]])
    if not there.any():
        raise NotDrawn("no word is rebuilt")
    size, device = run.data.evaluation_batch_size, torch.device("cpu")

    def batches():
        for bags in run.data.windows("validation").batches(size, device):
            with torch.no_grad():
                yield bags[:, there] > 0, run.autoencoder(bags).pre_activation[:, there].float()

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


def _first(runs: Sequence[Run]) -> Run:
    run = first(runs)
    if run is None:
        raise NotDrawn("no completed run")
    return run
