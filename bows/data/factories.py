"""The options of conf/data: one function each, plain settings in, a DataModule out.

Each signature is the schema of its option: `bows.config.validate` checks a `data` node against it. Lightning and torch are imported where
a DataModule is made, so that a command line is checked without them.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NotRequired, Unpack

from pydantic import AfterValidator, BeforeValidator, Field, Strict, TypeAdapter, ValidationError, ValidationInfo
from typing_extensions import TypedDict

from bows.data.build import CorpusPlan, Text, open_or_build
from bows.data.controls import Rewire, Shuffle, with_control
from bows.data.corpus import FORMAT_VERSION, Corpus
from bows.data.paper_words import PaperRules
from bows.data.removal import CheckedRemove
from bows.data.sources.huggingface import hub_text
from bows.data.sources.python_docs import pydoc_identity, pydoc_text
from bows.data.sources.synthetic import Structure, synthetic_corpus
from bows.data.sources.text_files import files_identity, files_text, find_files
from bows.data.tokenize import RULES_VERSION, WordRules, english_stop_words
from bows.data.unicode_words import UnicodeRules
from bows.data.vocabulary import ListedWordRules, read_word_list
from bows.errors import DataError, SettingError
from bows.setting_types import Count, Flag, Fraction, NonNegativeInt, Number, Paths, Words, with_traits
from bows.spelling import spelling

if TYPE_CHECKING:
    from bows.data.datamodule import BagsDataModule
    from bows.data.pairs import PairsDataModule

Split = Literal["documents", "overlapping"]


def _refuse_both_controls(rewire: Any, info: ValidationInfo) -> Any:
    if rewire is not None and (shuffle := info.data.get("shuffle")) is not None:
        raise SettingError(
            f"data.shuffle={shuffle} permutes every word, so data.rewire has none left; set one of the two to null"
        )
    return rewire


def _refuse_other_controls(remove: Any, info: ValidationInfo) -> Any:
    if remove is not None and (others := [name for name in ("shuffle", "rewire") if info.data.get(name) is not None]):
        raise SettingError(f"data.remove and data.{others[0]} are two controls; set one of the two to null")
    return remove


RewireOrNone = Annotated[Rewire | None, AfterValidator(_refuse_both_controls)]
RemoveOrNone = Annotated[CheckedRemove | None, AfterValidator(_refuse_other_controls)]


def _check_words(value: Any) -> Any:
    """Name the setting of `data.words` that is at fault, where pydantic would name the group."""
    if isinstance(value, dict):
        try:
            TypeAdapter(UnicodeRules).validate_python(value)
        except ValidationError as error:
            problem = error.errors()[0]
            name = str(problem["loc"][0])
            if name in value:
                allowed = problem.get("ctx", {}).get("expected", "true or false").replace("'", "")
                raise SettingError(f"data.words.{name}={value[name]} is not allowed; allowed: {allowed}") from None
    return value


WordsSetting = Annotated[UnicodeRules | Literal["paper"] | None, BeforeValidator(_check_words)]


class TextSettings(TypedDict):
    """Settings that every corpus of text has.

    Those up to `words`, and the words of the file `vocabulary`, shape the corpus and key its folder. The others are set at each
    training. `shuffle`, `rewire` and `remove` change the opened corpus.
    """

    name: str
    folder: str
    vocab_size: Count
    min_chars: NonNegativeInt
    lowercase: Flag
    numbers: NonNegativeInt | None
    stop_words: str | Words | None
    include: Words
    val_fraction: Fraction
    words: NotRequired[WordsSetting]
    vocabulary: NotRequired[str | None]
    window: Count
    stride: Count
    batch_size: Count | None
    validation_windows: Count | None
    seed: NonNegativeInt
    split: NotRequired[Split]
    shuffle: NotRequired[Shuffle | None]
    rewire: NotRequired[RewireOrNone]
    remove: NotRequired[RemoveOrNone]


# Members of one stack may differ in these settings of their text: all members read the same windows.
_STACK_FREE_OF_TEXT = ("name", "seed")


def _text_datamodule(
    identity: Callable[[], object], text: Callable[[], Text], settings: TextSettings
) -> "BagsDataModule":
    """Return a DataModule over the corpus of a text.

    Args:
        identity: What tells this text from another, as values for JSON.
        text: Opens the rows of each split.
        settings: As the factory received them.
    """
    from bows.data.datamodule import BagsDataModule

    def open_corpus() -> Corpus:
        return open_or_build(Path(settings["folder"]), corpus_plan(settings, identity()), text)

    opened = with_control(open_corpus, settings)
    return BagsDataModule(
        opened,
        settings["window"],
        settings["stride"],
        settings["batch_size"],
        settings["seed"],
        settings["validation_windows"],
        settings.get("split", "documents"),
    )


def corpus_plan(settings: TextSettings, identity: object) -> CorpusPlan:
    """Return the plan of the corpus of a text with this identity, an object of values for JSON."""
    lowercase, min_chars, numbers = settings["lowercase"], settings["min_chars"], settings["numbers"]
    rules = word_rules(settings.get("words"))
    if (file := settings.get("vocabulary")) is None:
        given = settings["stop_words"]
        stop_words = english_stop_words() if given == "english" else stop_words_of(given, rules.turkish_i)
        include = [spelling(word, lowercase, rules.turkish_i) for word in settings["include"]]
        listed = None
        words = WordRules(min_chars, lowercase, numbers, stop_words, frozenset(include), rules)
        shaping = [
            settings["vocab_size"], min_chars, lowercase, numbers, sorted(stop_words), include, settings["val_fraction"]
        ]  # fmt: skip
    else:
        # The list alone decides what is a word: no stop words or bounds on numbers, of which nothing in the corpus would tell.
        listed, include = read_word_list(file), []
        words = ListedWordRules(min_chars, lowercase, None, kept=frozenset(listed.words), words=rules)
        shaping = [min_chars, lowercase, listed.words, settings["val_fraction"]]
    key = json.dumps([FORMAT_VERSION, RULES_VERSION, identity, shaping, rules.identity], sort_keys=True)
    key = hashlib.sha256(key.encode()).hexdigest()[:12]
    return CorpusPlan(settings["name"], key, words, settings["vocab_size"], include, settings["val_fraction"], listed)


def word_rules(setting: Any) -> UnicodeRules | PaperRules:
    """Return the rules that `data.words` names: "paper", or settings of UnicodeRules (None: its defaults)."""
    if isinstance(setting, UnicodeRules):
        return setting
    if isinstance(setting, str):
        if setting != "paper":
            raise SettingError(f"data.words={setting} is not allowed; allowed: paper, or a group of settings")
        return PaperRules()
    return UnicodeRules(**(setting or {}))


def stop_words_of(setting: str | Sequence[str] | None, turkish_i: bool = False) -> frozenset[str]:
    """Return the stop words of a list, of a file with one word a line, or none for None; folded as the text is."""
    if setting is None:
        return frozenset()
    if isinstance(setting, str):
        try:
            # A byte order mark is no part of the first word.
            setting = Path(setting).read_text(encoding="utf-8-sig").split()
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(
                f"data.stop_words={setting}: cannot be read ({error}); allowed: english, null, a list of words, or a file of words"
            ) from None
    return frozenset(spelling(word, True, turkish_i) for word in setting)


@with_traits(stack_free=_STACK_FREE_OF_TEXT)
def pydoc(**settings: Unpack[TextSettings]) -> "BagsDataModule":
    """Return docstrings of the standard library and the language reference."""
    return _text_datamodule(pydoc_identity, partial(pydoc_text, settings["val_fraction"]), settings)


@with_traits(stack_free=_STACK_FREE_OF_TEXT)
def files(
    *, train: Paths, validation: Paths | None, test: Paths | None, column: str, **settings: Unpack[TextSettings]
) -> "BagsDataModule":
    """Return text files of the user's own."""
    patterns = {"train": train, "validation": validation, "test": test}

    def found() -> dict[str, list[Path]]:
        return {split: find_files(f"data.{split}", given) for split, given in patterns.items() if given is not None}

    return _text_datamodule(lambda: [files_identity(found()), column], lambda: files_text(found(), column), settings)


@with_traits(stack_free=_STACK_FREE_OF_TEXT)
def hub(
    *,
    path: str,
    config: str | None,
    revision: str | None,
    column: str,
    streaming: Flag,
    train: str,
    validation: str | None,
    test: str | None,
    **settings: Unpack[TextSettings],
) -> "BagsDataModule":
    """Return a dataset of the Hugging Face Hub."""
    splits = {"train": train, "validation": validation, "test": test}
    splits = {split: theirs for split, theirs in splits.items() if theirs is not None}
    identity = [path, config, revision, column, splits]
    return _text_datamodule(
        lambda: identity, partial(hub_text, path, config, revision, column, streaming, splits), settings
    )


@with_traits(stack_free=("name", "structure", "sharpness", "log_odds", "seed", "relabel"), generated=True)
def synthetic(  # the signature is the schema of the option: one parameter per setting
    *,
    name: str,
    structure: Structure,
    features: Annotated[int, Strict(), Field(ge=2)],
    train_rows: Count,
    validation_rows: Count,
    sharpness: Number,
    log_odds: Number,
    batch_size: Count | None,
    validation_windows: Count | None,
    seed: NonNegativeInt,
    relabel: Flag = False,
    split: Split = "documents",
    shuffle: Shuffle | None = None,
    rewire: RewireOrNone = None,
) -> "BagsDataModule":
    """Return features with a known structure; a window is one row."""
    from bows.data.datamodule import BagsDataModule

    corpus = partial(
        synthetic_corpus, name, structure, features, train_rows, validation_rows, sharpness, log_odds, seed, relabel
    )
    opened = with_control(corpus, {"shuffle": shuffle, "rewire": rewire, "seed": seed})
    return BagsDataModule(opened, 1, 1, batch_size, seed, validation_windows, split)


@with_traits(trains_on="pairs", generated=True)
def cities(  # the signature is the schema of the option: one parameter per setting
    *,
    name: str,
    population: NonNegativeInt,
    directions: Annotated[int, Strict(), Field(ge=2)],
    train_pairs: Count,
    validation_pairs: Count,
    probe_held_out: Fraction,
    probe_largest: NonNegativeInt,
    batch_size: Count,
    seed: NonNegativeInt,
) -> "PairsDataModule":
    """Return pairs of US cities, and the compass direction from one to the other."""
    from bows.data.pairs import PairsDataModule
    from bows.data.sources.cities import cities_task

    task = partial(
        cities_task, name, population, directions, train_pairs, validation_pairs, probe_held_out, probe_largest, seed
    )
    return PairsDataModule(task, batch_size, seed)


@with_traits(trains_on="pairs", generated=True)
def modular_addition(
    *,
    name: str,
    modulus: Annotated[int, Strict(), Field(ge=5)],
    val_fraction: Fraction,
    probe_held_out: Fraction,
    batch_size: Count,
    seed: NonNegativeInt,
) -> "PairsDataModule":
    """Return pairs of residues, and their sum."""
    from bows.data.pairs import PairsDataModule
    from bows.data.sources.modular_addition import modular_addition_task

    task = partial(modular_addition_task, name, modulus, val_fraction, probe_held_out, seed)
    return PairsDataModule(task, batch_size, seed)
