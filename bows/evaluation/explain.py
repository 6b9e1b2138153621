"""Explain the pre-activation of one word of a finished run: `python -m bows.analyze run=... word=... context=[...]`."""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from torch import Tensor

from bows.analysis.explanation import PreActivations, contributions, histogram, random_contexts, removed_by_relu
from bows.analysis.reconstruction import ReconstructionSums
from bows.data.windows import spread
from bows.errors import DataError, SettingError
from bows.evaluation.context import LoadedRun
from bows.evaluation.request import find_words_apart
from bows.figures.explanation import explanation_figure
from bows.figures.style import save
from bows.files import write_json
from bows.model.autoencoder import Autoencoder, activate, weights

log = logging.getLogger(__name__)

# Number of random contexts that a context is compared with, and of held-out windows that they are drawn from.
DRAWS = 1000
CONTEXT_WINDOWS = 5000


@dataclass
class Explanation:
    """What is written and drawn of one word."""

    facts: dict
    """The content of explanation.json."""
    values: PreActivations
    """The word's pre-activations over the held-out windows."""
    context_sums: np.ndarray
    """(DRAWS,) what each random context adds to the word's pre-activation; empty without a context."""


@torch.no_grad()
def explain_word(loaded: LoadedRun, word: str, context: Sequence[str]) -> Explanation:
    """Compute what bias, word and context add to the word's pre-activation.

    Raises:
        SettingError: a word is not in the vocabulary, comes twice, or never varies over the held-out windows.
    """
    found = find_words_apart(word, context, loaded.vocabulary)
    assert found is not None
    index, around = found
    word, context = loaded.vocabulary[index], [loaded.vocabulary[place] for place in around]
    autoencoder = loaded.autoencoder.to(loaded.device).eval()
    encoder, decoder = _weights_of_bag(autoencoder, [index, *around], loaded.device)
    values, own, frequency, r2 = _over_windows(autoencoder, loaded.held_out(), index)
    if not len(values.with_word) or not len(values.without_word):
        how_many = "every" if len(values.with_word) else "no"
        raise SettingError(
            f"word={word}: {how_many} held-out window has it, so nothing can be compared; choose another"
        )
    parts = contributions(encoder, decoder, autoencoder.bias, index, around)
    alone, whole, without = _pre_activation(autoencoder, [[index], [index, *around], around], index, loaded.device)
    facts: dict[str, object] = {
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
        "r2": r2,
        "r2_one_hot": _one_hot(autoencoder, index, loaded.data.evaluation_batch_size, loaded.device),
        "held_out": _held_out(values, parts.bias, own, autoencoder.output_activation == "relu"),
    }
    facts |= _ledger(loaded, index)
    sums = np.zeros(0)
    drawn = None
    if around:
        generator = np.random.default_rng(loaded.seed)
        drawn = random_contexts(_windows_without(loaded, index), frequency, around, DRAWS, generator)
    if around and drawn is None:
        log.warning("no p of the context: too few held-out windows without %s have %d words", word, len(around))
    if drawn is not None:
        rows = drawn.words.tolist()
        with_word = _pre_activation(autoencoder, [[index, *row] for row in rows], index, loaded.device)
        without_word = _pre_activation(autoencoder, rows, index, loaded.device)
        sums = with_word - alone
        facts["random_contexts"] = {
            "draws": DRAWS,
            "strata": drawn.strata,
            "with_word_mean": float(with_word.mean()),
            "with_word_sd": float(with_word.std()),
            "without_word_mean": float(without_word.mean()),
            "without_word_sd": float(without_word.std()),
            # Share of contexts from windows without the word, of words as common, that add as much as this one.
            "p": (1 + int((with_word >= whole - 1e-6).sum())) / (1 + DRAWS),
        }
    return Explanation(facts, values, sums)


def _ledger(loaded: LoadedRun, index: int) -> dict[str, str]:
    """Return `helped_by` and `hurt_by` of a word, where the run's words.parquet has them."""
    try:
        table = loaded.run.words_table
    except DataError:
        return {}
    found = {name: table[name][index].as_py() for name in ("helped_by", "hurt_by") if name in table.column_names}
    return {name: text for name, text in found.items() if text}


def _windows_without(loaded: LoadedRun, index: int) -> list[np.ndarray]:
    """Return the word indices of the held-out windows without a word, of at most CONTEXT_WINDOWS windows, evenly spaced."""
    windows = loaded.data.windows("validation")
    bags = windows.sparse(spread(len(windows), CONTEXT_WINDOWS))
    each = np.split(bags.columns.numpy(), bags.offsets.numpy()[1:-1])
    return [words for words in each if index not in words]


def _held_out(values: PreActivations, bias: float, own: np.ndarray, relu: bool) -> dict[str, float | int | None]:
    pushed, removed = removed_by_relu(values, bias)
    return {
        "windows_with": len(values.with_word),
        "windows_without": len(values.without_word),
        "mean_with": float(values.with_word.mean()),
        "mean_without": float(values.without_word.mean()),
        "constructive_share": float((values.with_word > bias + own).mean()),
        "pushed_without": pushed,
        "removed_by_relu": removed if relu else None,
        "filtered": removed / len(values.without_word),
    }


def write_explanation(explanation: Explanation, folder: Path) -> None:
    """Write explanation.json, explanation.parquet (the parts of the sum) and histogram.parquet (of the pre-activations)."""
    folder.mkdir(parents=True, exist_ok=True)
    facts, added = explanation.facts, explanation.facts["contributions"]
    parts = {
        "part": pa.array(["bias", "self", *("context" for _ in added)]),
        "word": pa.array([None, facts["word"], *added], pa.string()),
        "value": pa.array([facts["bias"], facts["self"], *added.values()]),
    }
    pq.write_table(pa.table(parts), folder / "explanation.parquet")
    edges, present, absent = histogram(explanation.values)
    counts = {"left": edges[:-1], "right": edges[1:], "with_word": present, "without_word": absent}
    pq.write_table(pa.table(counts), folder / "histogram.parquet")
    write_json(folder / "explanation.json", facts)


def draw_explanation(explanation: Explanation, folder: Path) -> None:
    """Draw figures/explanation.*."""
    facts, held = explanation.facts, explanation.facts["held_out"]
    sums = explanation.context_sums if len(explanation.context_sums) else np.zeros(1)
    removed, relu = held["removed_by_relu"], held["removed_by_relu"] is not None
    figure = explanation_figure(
        facts["word"],
        # The figure identifies the first two by position; no word can have these names.
        {"the bias": facts["bias"], "the word itself": facts["self"], **facts["contributions"]},
        (float(sums.mean()), float(sums.std()), len(explanation.context_sums)),
        histogram(explanation.values),
        {
            "held-out R²": facts["r2"],
            "one-hot R²": facts["r2_one_hot"],
            "filtered by the ReLU where pushed and absent": removed / max(held["pushed_without"], 1) if relu else None,
        },
        relu=relu,
    )
    save(figure, folder / "figures" / "explanation")


def print_explanation(explanation: Explanation) -> None:
    """Print the explanation as a table."""
    facts = explanation.facts
    held, points, word, context = facts["held_out"], facts["pre_activation"], facts["word"], facts["context"]
    print(f"pre-activation of {word!r} in the bag of {word} {' '.join(context)}".rstrip())
    rows = [("bias", facts["bias"]), (f"itself ({word})", facts["self"])]
    rows += list(facts["contributions"].items())
    if abs(facts["not_additive"]) > 1e-4:
        rows.append(("not additive (the encoder is not linear)", facts["not_additive"]))
    rows.append(("sum", points["with_context"]))
    _print_rows(rows)
    print("compared with")
    rows = [(f"{word} alone", points["alone"]), ("the context without the word", points["context_without_word"])]
    if random := facts.get("random_contexts"):
        rows += [
            (f"{word} with {random['draws']:,} random contexts of windows without it, mean", random["with_word_mean"]),
            ("  standard deviation", random["with_word_sd"]),
            ("these contexts without the word, mean", random["without_word_mean"]),
            ("p: a random context adds as much", random["p"]),
        ]
    _print_rows(rows)
    print(f"held-out windows: {held['windows_with']:,} with the word, {held['windows_without']:,} without")
    rows = [
        ("R²", facts["r2"]),
        ("R² over the one-word bags", facts["r2_one_hot"]),
        ("mean pre-activation with the word", held["mean_with"]),
        ("mean pre-activation without it", held["mean_without"]),
        ("share of its windows where the others help", held["constructive_share"]),
    ]
    _print_rows(rows)
    for name, change in (("helped_by", "rise"), ("hurt_by", "fall")):
        if name in facts:
            print(f"  its loss would {change} most without the interference of: {facts[name]}")
    if held["removed_by_relu"] is None:
        print("  this model has no ReLU: nothing is removed")
    else:
        print(
            f"  of {held['pushed_without']:,} windows without the word where interference is positive, the ReLU sets "
            f"{held['removed_by_relu']:,} to 0"
        )


def _print_rows(rows: Iterable[tuple[str, float | None]]) -> None:
    rows = list(rows)
    width = max(len(name) for name, _ in rows)
    for name, value in rows:
        print(f"  {name:<{width}}  {'not defined' if value is None else format(value, '9.4f')}")


def _weights_of_bag(autoencoder: Autoencoder, bag: Sequence[int], device: torch.device) -> tuple[Tensor, Tensor | None]:
    """Return encoder and decoder; with rectified units the encoder L diag(g) U of the units that a bag activates."""
    encoder, decoder = weights(autoencoder)
    made = torch.zeros(1, autoencoder.features, device=device)
    made[0, list(bag)] = 1.0
    active = autoencoder.active_units(made)
    if active is None:
        return encoder, decoder
    units, to_latent = autoencoder.unit_weights
    gated = units * active.T
    return (gated if to_latent is None else to_latent @ gated).float(), autoencoder.decoder_weight.float()


def _over_windows(autoencoder: Autoencoder, batches: Iterable[Tensor], index: int):
    """Return the word's pre-activations, its self term in each window with it, every word's frequency, and the word's R^2."""
    row = autoencoder.decoder_weight[index]
    units, to_latent = autoencoder.unit_weights
    by_unit = units[:, index] * (row if to_latent is None else row @ to_latent)
    present = torch.zeros(autoencoder.features, dtype=torch.float64)
    sums = ReconstructionSums(1)
    kept: list[Tensor] = []
    present_in: list[Tensor] = []
    own: list[Tensor] = []
    windows = 0
    for bags in batches:
        values = autoencoder.encode(bags) @ row + autoencoder.bias[index]
        sums.update(bags[:, [index]].cpu(), activate(values, autoencoder.output_activation)[:, None].cpu())
        present += bags.sum(0).double().cpu()
        kept.append(values.cpu())
        present_in.append(bags[:, index].cpu() > 0)
        active = autoencoder.active_units(bags)
        own.append((by_unit.sum().expand(len(bags)) if active is None else active @ by_unit).double().cpu())
        windows += len(bags)
    values_, is_present = torch.cat(kept).double().numpy(), torch.cat(present_in).numpy()
    r2 = sums.r2_by_word()
    return (
        PreActivations(values_[is_present], values_[~is_present]),
        torch.cat(own).numpy()[is_present],
        present.numpy() / windows,
        None if r2.mask.all() else float(r2[0]),
    )


def _one_hot(autoencoder: Autoencoder, index: int, batch_size: int, device: torch.device) -> float | None:
    """Return R^2 of the word over the V one-word bags; None for a vocabulary of one word, which does not vary."""
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
    """Return the word's pre-activation in each bag: (bags,) float64."""
    row = autoencoder.decoder_weight[index]
    values = []
    for first in range(0, len(bags), 256):
        part = bags[first : first + 256]
        made = torch.zeros(len(part), autoencoder.features, device=device)
        for place, bag in enumerate(part):
            made[place, list(bag)] = 1.0
        values.append((autoencoder.encode(made) @ row + autoencoder.bias[index]).double().cpu())
    return torch.cat(values).numpy()
