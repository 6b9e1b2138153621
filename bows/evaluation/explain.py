"""One word of a finished run, explained: `python -m bows.analyze run=... word=... context=[...]`."""

import logging
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from torch import Tensor

from bows.analysis.explanation import (
    PreActivations,
    contributions,
    histogram,
    random_contexts,
    removed_by_relu,
)
from bows.analysis.reconstruction import ReconstructionSums
from bows.data.datamodule import BagsDataModule
from bows.errors import SettingError
from bows.evaluation.request import find_words_apart
from bows.figures.explanation import explanation_figure
from bows.figures.style import save
from bows.files import write_json
from bows.model.autoencoder import Autoencoder, activate, weights

log = logging.getLogger(__name__)

# Random contexts that a context is compared with.
DRAWS = 1000


@torch.no_grad()
def explain_word(
    autoencoder: Autoencoder,
    data: BagsDataModule,
    word: str,
    context: Sequence[str],
    seed: int,
    device: torch.device,
    folder: Path,
    figures: bool = True,
) -> dict[str, object]:
    """Write explanation.json, explanation.parquet, histogram.parquet and figures/explanation.*; return the first one's content.

    Raises SettingError for a word that is not in the vocabulary, comes twice, or never varies over the held-out windows.
    """
    vocabulary = data.corpus.vocabulary
    found = find_words_apart(word, context, vocabulary)
    assert found is not None
    index, around = found
    word, context = vocabulary[index], [vocabulary[place] for place in around]
    autoencoder = autoencoder.to(device).eval()
    encoder, decoder = weights(autoencoder)
    bias = float(autoencoder.bias[index])
    relu = autoencoder.output_activation == "relu"

    held_out = data.windows("validation").batches(data.evaluation_batch_size, device)
    values, frequency, natural = _over_windows(autoencoder, held_out, index)
    if not len(values.with_word) or not len(values.without_word):
        how_many = "every" if len(values.with_word) else "no"
        raise SettingError(
            f"word={word}: {how_many} held-out window has it, so nothing can be compared; choose another"
        )
    one_hot = _one_hot(autoencoder, index, data.evaluation_batch_size, device)
    parts = contributions(encoder, decoder, autoencoder.bias, index, around)
    generator = np.random.default_rng(seed)
    drawn = random_contexts(frequency, around, index, DRAWS, generator) if around else np.zeros((0, 0), dtype=np.int64)

    def pre_activation(bags: Sequence[Sequence[int]]) -> np.ndarray:
        return _pre_activation(autoencoder, bags, index, device)

    alone, whole, without = pre_activation([[index], [index, *around], around])
    pushed, removed = removed_by_relu(values, bias)
    explanation: dict[str, object] = {
        "word": word,
        "context": context,
        "frequency": float(frequency[index]),
        "bias": parts.bias,
        "self": parts.itself,
        "contributions": dict(zip(context, parts.context, strict=True)),
        "not_additive": float(whole - parts.bias - parts.itself - sum(parts.context)),
        "pre_activation": {
            "alone": float(alone),
            "with_context": float(whole),
            "context_without_word": float(without),
        },
        "r2": natural,
        "r2_one_hot": one_hot,
        "held_out": {
            "windows_with": len(values.with_word),
            "windows_without": len(values.without_word),
            "mean_with": float(values.with_word.mean()),
            "mean_without": float(values.without_word.mean()),
            "constructive_share": float((values.with_word > bias + parts.itself).mean()),
            "pushed_without": pushed,
            "removed_by_relu": removed if relu else None,
            "filtered": removed / len(values.without_word),
        },
    }
    sums = np.zeros(1)
    if around:
        with_word = pre_activation([[index, *row] for row in drawn.tolist()])
        without_word = pre_activation(drawn.tolist())
        sums = with_word - alone
        explanation["random_contexts"] = {
            "draws": DRAWS,
            "with_word_mean": float(with_word.mean()),
            "with_word_sd": float(with_word.std()),
            "without_word_mean": float(without_word.mean()),
            "without_word_sd": float(without_word.std()),
            # How often as common words, drawn at random, add as much as this context.
            "p": (1 + int((with_word >= whole - 1e-6).sum())) / (1 + DRAWS),
        }
    folder.mkdir(parents=True, exist_ok=True)
    names = ["bias", "self", *("context" for _ in context)]
    table = pa.table(
        {
            "part": pa.array(names),
            "word": pa.array([None, word, *context], pa.string()),
            "value": pa.array([parts.bias, parts.itself, *parts.context]),
        }
    )
    edges, present, absent = histogram(values)
    pq.write_table(table, folder / "explanation.parquet")
    pq.write_table(
        pa.table({"left": edges[:-1], "right": edges[1:], "with_word": present, "without_word": absent}),
        folder / "histogram.parquet",
    )
    write_json(folder / "explanation.json", explanation)
    if figures:
        drawing = explanation_figure(
            word,
            # The first two go by their place; no word can have these names.
            {"the bias": parts.bias, "the word itself": parts.itself, **dict(zip(context, parts.context, strict=True))},
            (float(sums.mean()), float(sums.std()), len(drawn)),
            edges,
            present,
            absent,
            {
                "held-out R²": natural,
                "one-hot R²": one_hot,
                "of windows pushed without it, ReLU removes": removed / max(pushed, 1) if relu else None,
            },
            relu=relu,
        )
        save(drawing, folder / "figures" / "explanation")
    return explanation


def print_explanation(explanation: dict) -> None:
    """The explanation as a table, on standard output."""
    held, points = explanation["held_out"], explanation["pre_activation"]
    word, context = explanation["word"], explanation["context"]
    print(f"pre-activation of {word!r} in the bag of {word} {' '.join(context)}".rstrip())
    rows = [("bias", explanation["bias"]), (f"itself ({word})", explanation["self"])]
    rows += list(explanation["contributions"].items())
    if abs(explanation["not_additive"]) > 1e-4:
        rows.append(("not additive (the encoder is not linear)", explanation["not_additive"]))
    rows.append(("sum", points["with_context"]))
    _print_rows(rows)
    print("beside")
    rows = [(f"{word} alone", points["alone"]), ("the context without the word", points["context_without_word"])]
    if random := explanation.get("random_contexts"):
        rows += [
            (f"{word} with {random['draws']:,} random contexts, mean", random["with_word_mean"]),
            ("  standard deviation", random["with_word_sd"]),
            ("random contexts without the word, mean", random["without_word_mean"]),
            ("p: a random context adds as much", random["p"]),
        ]
    _print_rows(rows)
    print(f"held-out windows: {held['windows_with']:,} with the word, {held['windows_without']:,} without")
    rows = [
        ("R²", explanation["r2"]),
        ("R² over the one-word bags", explanation["r2_one_hot"]),
        ("mean pre-activation with the word", held["mean_with"]),
        ("mean pre-activation without it", held["mean_without"]),
        ("share of its windows where the others help", held["constructive_share"]),
    ]
    _print_rows(rows)
    if held["removed_by_relu"] is None:
        print("  this model has no ReLU: nothing is removed")
    else:
        print(
            f"  of {held['pushed_without']:,} windows without the word that push towards it, the ReLU sets {held['removed_by_relu']:,} to 0"
        )


def _print_rows(rows: Iterable[tuple[str, float | None]]) -> None:
    rows = list(rows)
    width = max(len(name) for name, _ in rows)
    for name, value in rows:
        print(f"  {name:<{width}}  {'not defined' if value is None else format(value, '9.4f')}")


def _over_windows(autoencoder: Autoencoder, batches: Iterable[Tensor], index: int):
    """The word's pre-activations, every word's frequency, and the word's R^2 over the windows."""
    row = autoencoder.decoder_weight[index]
    present = torch.zeros(autoencoder.features, dtype=torch.float64)
    sums = ReconstructionSums(1)
    kept: list[Tensor] = []
    there: list[Tensor] = []
    windows = 0
    for bags in batches:
        values = autoencoder.encode(bags) @ row + autoencoder.bias[index]
        sums.update(bags[:, [index]].cpu(), activate(values, autoencoder.output_activation)[:, None].cpu())
        present += bags.sum(0).double().cpu()
        kept.append(values.cpu())
        there.append(bags[:, index].cpu() > 0)
        windows += len(bags)
    values_, there_ = torch.cat(kept).double().numpy(), torch.cat(there).numpy()
    r2 = sums.r2_by_word()
    return (
        PreActivations(values_[there_], values_[~there_]),
        present.numpy() / windows,
        None if r2.mask.all() else float(r2[0]),
    )


def _one_hot(autoencoder: Autoencoder, index: int, batch_size: int, device: torch.device) -> float | None:
    """R^2 of the word over the V bags that hold one word each; None for a vocabulary of one word, which does not vary."""
    row, words = autoencoder.decoder_weight[index], autoencoder.features
    sums = ReconstructionSums(1)
    for first in range(0, words, batch_size):
        bags = torch.zeros(min(batch_size, words - first), words, device=device)
        bags.diagonal(first).fill_(1.0)
        values = autoencoder.encode(bags) @ row + autoencoder.bias[index]
        sums.update(bags[:, [index]].cpu(), activate(values, autoencoder.output_activation)[:, None].cpu())
    r2 = sums.r2_by_word()
    return None if r2.mask.all() else float(r2[0])


def _pre_activation(
    autoencoder: Autoencoder, bags: Sequence[Sequence[int]], index: int, device: torch.device
) -> np.ndarray:
    """(bags,) float64: the word's pre-activation in each bag."""
    row = autoencoder.decoder_weight[index]
    values = []
    for first in range(0, len(bags), 256):
        part = bags[first : first + 256]
        made = torch.zeros(len(part), autoencoder.features, device=device)
        for place, bag in enumerate(part):
            made[place, list(bag)] = 1.0
        values.append((autoencoder.encode(made) @ row + autoencoder.bias[index]).double().cpu())
    return torch.cat(values).numpy()
