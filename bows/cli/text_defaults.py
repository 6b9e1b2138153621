"""Choose vocabulary, latent size and epochs by the size of a user's own text, where the command line sets no vocabulary size.

The defaults are for large texts: with 10,000 words, a text of 1.3 MB ends below the R² of predicting each word by its frequency.
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra.core.override_parser.types import Override

from bows.config.overrides import parse
from bows.data.sources.text_files import STANDARD_INPUT, find_files
from bows.errors import BowsError

# From here on the defaults of conf/ hold.
LARGE = 12_000_000
# Bytes per word of the vocabulary. By Zipf's law the rarest word then occurs about 20 times (6 bytes a word, its share 0.1 / rank).
BYTES_PER_WORD = 1200
FEWEST_WORDS = 100
# Words per latent dimension; the latent size is a power of two within these limits.
WORDS_PER_DIMENSION, SMALLEST, LARGEST = 8, 8, 128
# Bytes of a typical row, windows of the smallest batch, the fewest optimizer steps that train a model, and the bytes of text that allow
# another pass: windows overlap, and more passes fit the training text only. Measured on 1.15 MB of WikiText, V = 960, one seed: held-out
# R² at m = 128 0.219 after 2 epochs and 0.201 after 4; at m = 64 0.091, 0.065, and 0.005 after 15; m = 32 and 16 0.008 and -0.019 after 3.
# Weight decay, on 1.3 MB of news: R² 0.197 with 0.01, 0.198 with 1.
BYTES_PER_ROW, SMALLEST_BATCH, FEWEST_STEPS = 340, 16, 400
BYTES_PER_EPOCH, DEFAULT_EPOCHS, MOST_EPOCHS = 600_000, 15, 40
# How many bytes a byte of a compressed file or of a Parquet file stands for.
EXPANSION = {".gz": 3, ".bz2": 4, ".xz": 4, ".zst": 3, ".parquet": 2}
GIVEN = ("data.vocab_size", "data.vocabulary", "resume", "experiment", "data.path")


def with_text_defaults(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """Add the settings that suit the size of the text to a command line of bows.train with `data=files`.

    Returns:
        The command line, and a line for the log per setting that was added. Unchanged where it sets the vocabulary, names an experiment
        or resumes, where the text is read from standard input or is one of several of a sweep, and for texts of LARGE bytes or more.
    """
    overrides = {override.key_or_group: override for override in parse(words)}
    given = {name for name, override in overrides.items() if (name, override.input_line) != ("resume", "resume=null")}
    size = None if given & set(GIVEN) else _bytes(overrides)
    if size is None or size >= LARGE:
        return list(words), []
    chosen = chosen_settings(size)
    text = f"the text has {size / 1e6:.2g} MB"
    reasons = {
        "data.vocab_size": "its words that occur about 20 times or more",
        "latent": f"a dimension per {WORDS_PER_DIMENSION} words, from {SMALLEST} to {LARGEST}",
        "epochs": f"at least {FEWEST_STEPS} optimizer steps, as more passes fit the training text only",
    }
    added = {name: value for name, value in chosen.items() if name not in overrides}
    if "model.latent" in overrides:
        added.pop("latent", None)
    lines = [f"{name}={value}: {text}; {reasons[name]}" for name, value in added.items()]
    return [*words, *(f"{name}={value}" for name, value in added.items())], lines


def chosen_settings(size: int) -> dict[str, int]:
    """Return vocabulary size, latent size and epochs for a text of so many bytes.

    >>> chosen_settings(1_300_000)
    {'data.vocab_size': 1100, 'latent': 128, 'epochs': 2}
    >>> chosen_settings(60_000)
    {'data.vocab_size': 100, 'latent': 16, 'epochs': 37}
    """
    words = max(FEWEST_WORDS, size // BYTES_PER_WORD)
    words = round(words, 1 - int(math.log10(words)))  # two digits
    latent = 2 ** round(math.log2(words / WORDS_PER_DIMENSION))
    windows = size // BYTES_PER_ROW
    batch = SMALLEST_BATCH
    while windows >= 2 * batch * 128:  # as bows.data.datamodule.usual_batch_size, which imports torch
        batch *= 2
    epochs = max(math.ceil(FEWEST_STEPS / max(1, windows // batch)), min(size // BYTES_PER_EPOCH, DEFAULT_EPOCHS))
    return {
        "data.vocab_size": words,
        "latent": min(max(latent, SMALLEST), LARGEST),
        "epochs": min(epochs, MOST_EPOCHS),
    }


def _bytes(overrides: dict[str, Override]) -> int | None:
    """Return the size of the training text; None where it is no text of files, or cannot be known before it is read."""
    data, train = overrides.get("data"), overrides.get("data.train")
    if (
        data is None
        or train is None
        or data.is_sweep_override()
        or train.is_sweep_override()
        or data.value() != "files"
    ):
        return None
    value: Any = train.value()
    patterns = [str(each) for each in (value if isinstance(value, list) else [value])]
    if STANDARD_INPUT in patterns:
        return None
    try:
        files = find_files("data.train", patterns)
    except BowsError:  # the check of the command line reports it
        return None
    return sum(_size(path) for path in files)


def _size(path: Path) -> int:
    return path.stat().st_size * EXPANSION.get(path.suffix, 1)
