"""The options of conf/data: one function each, plain settings in, a DataModule out."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal

from bows.data.build import Text, open_or_build
from bows.data.controls import Shuffle, with_control
from bows.data.corpus import FORMAT_VERSION, Corpus
from bows.data.datamodule import BagsDataModule
from bows.data.pairs import PairsDataModule
from bows.data.sources.synthetic import synthetic_corpus
from bows.data.tokenize import RULES_VERSION, WordRules, english_stop_words
from bows.data.vocabulary import ListedWordRules, read_word_list
from bows.errors import DataError

Split = Literal["documents", "overlapping"]


def _text_datamodule(
    identity: Callable[[], object],
    text: Callable[[], Text],
    *,
    name: str,
    folder: str,
    vocab_size: int,
    window: int,
    stride: int,
    min_chars: int,
    lowercase: bool,
    numbers: int | None,
    stop_words: str | Sequence[str] | None,
    include: Sequence[str],
    val_fraction: float,
    batch_size: int | None,
    validation_windows: int | None,
    seed: int,
    vocabulary: str | None = None,
    split: Split = "documents",
    shuffle: Shuffle | None = None,
    rewire: Mapping[str, Any] | None = None,
) -> BagsDataModule:
    """A DataModule over the corpus of a text. The settings up to `val_fraction`, and the words of the file `vocabulary`, shape the
    corpus and key its folder; window, stride and the rest are dials of training. `shuffle` and `rewire` permute what was opened."""

    def open_corpus() -> Corpus:
        listed = None if vocabulary is None else read_word_list(vocabulary)
        if listed is None:
            words = english_stop_words() if stop_words == "english" else stop_words_of(stop_words)
            forced = [word.lower() if lowercase else word for word in include]
            rules = WordRules(min_chars, lowercase, numbers, words, frozenset(forced))
            settings = [vocab_size, min_chars, lowercase, numbers, sorted(rules.stop_words), forced, val_fraction]
        else:
            # The list alone says what is a word: no stop words or bounds on numbers, of which nothing in the corpus would tell.
            forced = []
            rules = ListedWordRules(min_chars, lowercase, None, kept=frozenset(listed.words))
            settings = [min_chars, lowercase, listed.words, val_fraction]
        shaping = [FORMAT_VERSION, RULES_VERSION, identity(), settings]
        key = hashlib.sha256(json.dumps(shaping, sort_keys=True).encode()).hexdigest()[:12]
        return open_or_build(Path(folder), name, key, text, rules, vocab_size, forced, val_fraction, listed)

    opened = with_control(open_corpus, shuffle, rewire, seed)
    return BagsDataModule(opened, window, stride, batch_size, seed, validation_windows, split)


def stop_words_of(setting: str | Sequence[str] | None) -> frozenset[str]:
    """Stop words from a list, a file with one word a line, or None for none; in lower case."""
    if setting is None:
        return frozenset()
    if isinstance(setting, str):
        try:
            setting = Path(setting).read_text(encoding="utf-8").split()
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(
                f"data.stop_words={setting}: cannot be read ({error}); allowed: english, null, a list of words, or a file of words"
            ) from None
    return frozenset(word.lower() for word in setting)


def pydoc(*, val_fraction: float, **settings) -> BagsDataModule:
    """Docstrings of the standard library and the language reference."""
    from bows.data.sources.python_docs import pydoc_identity, pydoc_text

    text = partial(pydoc_text, val_fraction)
    return _text_datamodule(pydoc_identity, text, val_fraction=val_fraction, **settings)


def files(
    *,
    train: str | Sequence[str],
    validation: str | Sequence[str] | None,
    test: str | Sequence[str] | None,
    column: str,
    **settings,
) -> BagsDataModule:
    """Text files of the user's own."""
    from bows.data.sources.text_files import files_identity, files_text, find_files

    patterns = {"train": train, "validation": validation, "test": test}

    def found() -> dict[str, list[Path]]:
        return {split: find_files(f"data.{split}", given) for split, given in patterns.items() if given is not None}

    return _text_datamodule(lambda: [files_identity(found()), column], lambda: files_text(found(), column), **settings)


def hub(
    *,
    path: str,
    config: str | None,
    revision: str | None,
    column: str,
    streaming: bool,
    train: str,
    validation: str | None,
    test: str | None,
    **settings,
) -> BagsDataModule:
    """A dataset of the Hugging Face Hub."""
    from bows.data.sources.huggingface import hub_text

    splits = {"train": train, "validation": validation, "test": test}
    splits = {split: theirs for split, theirs in splits.items() if theirs is not None}
    identity = [path, config, revision, column, splits]
    return _text_datamodule(
        lambda: identity, partial(hub_text, path, config, revision, column, streaming, splits), **settings
    )


def synthetic(
    *,
    name: str,
    structure: str,
    features: int,
    train_rows: int,
    validation_rows: int,
    sharpness: float,
    log_odds: float,
    batch_size: int | None,
    validation_windows: int | None,
    seed: int,
    relabel: bool = False,
    split: Split = "documents",
    shuffle: Shuffle | None = None,
    rewire: Mapping[str, Any] | None = None,
) -> BagsDataModule:
    """Features with a known structure; a window is one row."""
    corpus = partial(
        synthetic_corpus, name, structure, features, train_rows, validation_rows, sharpness, log_odds, seed, relabel
    )
    opened = with_control(corpus, shuffle, rewire, seed)
    return BagsDataModule(opened, 1, 1, batch_size, seed, validation_windows, split)


def cities(*, batch_size: int, seed: int, **settings) -> PairsDataModule:
    """Pairs of US cities, and the compass direction from one to the other."""
    from bows.data.sources.cities import cities_task

    return PairsDataModule(partial(cities_task, seed=seed, **settings), batch_size, seed)


def modular_addition(*, batch_size: int, seed: int, **settings) -> PairsDataModule:
    """Pairs of residues, and their sum."""
    from bows.data.sources.modular_addition import modular_addition_task

    return PairsDataModule(partial(modular_addition_task, seed=seed, **settings), batch_size, seed)
