"""Check what bows.analyze is asked for against a run: words, models to compare with, and the run's own settings."""

import copy
import difflib
import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bows.analysis.ordered_sets import resolve
from bows.config.overrides import parse
from bows.config.paths import CONF, default_outputs
from bows.config.resolve import plain
from bows.errors import SettingError
from bows.runs.folder import RunFolder, find_run, read_run
from bows.spelling import spelling

log = logging.getLogger(__name__)

# Models that a figure can tell apart, besides the run itself.
MOST_OTHERS = 5
CLOSED_FORMS = ("pca", "pmi", "mstar")


def compose_analysis(*overrides: str) -> dict[str, Any]:
    """Return the settings of bows.analyze with some overrides, plain and resolved.

    Raises:
        SettingError: an override is not of the form setting=value, or names no known setting or option.
    """
    # Imported here: Hydra's API is only for use in Python, and the commands have composed already.
    from hydra import compose, initialize_config_dir
    from hydra.errors import HydraException

    parse(overrides)
    os.environ.setdefault("BOWS_OUTPUTS", str(default_outputs()))
    try:
        with initialize_config_dir(str(CONF), version_base="1.3"):
            return plain(compose("analyze", list(overrides)))
    except HydraException as error:
        raise SettingError(str(error).splitlines()[0]) from error


def find_words(words: Sequence[str], vocabulary: Sequence[str], setting: str) -> list[int]:
    """Return the indices of words, each as written or else in lower case.

    Raises:
        SettingError: a word is not in the vocabulary; the message has the nearest spellings.
    """
    found = resolve(words, vocabulary)
    if found.missing:
        word = found.missing[0]
        lowered: dict[str, str] = {}
        for known in vocabulary:  # the most frequent of words equal in lower case
            lowered.setdefault(spelling(known, folded=True), known)
        close = [
            lowered[match]
            for match in difflib.get_close_matches(spelling(word, folded=True), list(lowered), n=3, cutoff=0.6)
        ]
        hint = (
            f"nearest spellings: {', '.join(close)}"
            if close
            else f"it has {len(vocabulary):,} words; see vocabulary.txt"
        )
        raise SettingError(f"{setting}={word}: there is no such word in the run's vocabulary; {hint}")
    return found.indices


def find_others(against: Sequence[str], run: RunFolder) -> list[RunFolder | str | Path]:
    """Return the runs to compare with, the words pca, pmi and mstar, and paths of word vectors.

    With pca comes pca_relu, its fair version for a model with a ReLU.

    Raises:
        SettingError: one is not a finished run, is given twice, or has another latent size or other words.
    """
    others: list[RunFolder | str | Path] = []
    latent, words = run.config["model"]["latent"], len(run.vocabulary)
    if len(against) > MOST_OTHERS:
        raise SettingError(f"against: {len(against)} models are given; compare with {MOST_OTHERS} at most")
    for given in against:
        if list(against).count(given) > 1:
            raise SettingError(f"against={given}: it is given twice; name each model once")
        if given in CLOSED_FORMS:
            if latent > words:
                raise SettingError(
                    f"against={given}: the run has {latent} latent dimensions, more than its {words} words have components"
                )
            others += ["pca", "pca_relu"] if given == "pca" else [given]
            continue
        path = Path(given)
        if path.is_file() or read_run(path).of_vectors:
            others.append(path)
            continue
        if not path.is_dir():
            raise SettingError(
                f"against={given}: there is no such folder or file; give a run folder, a file of word vectors, or {', '.join(CLOSED_FORMS)}"
            )
        other = find_run(given, "against")
        run.refuse_other_words(other.vocabulary, f"against={given}", "compare runs that were trained on one corpus")
        if other.config["model"]["latent"] != latent:
            raise SettingError(
                f"against={given}: it has {other.config['model']['latent']} latent dimensions, run={run.folder} has {latent}; "
                "compare models of one size"
            )
        if other.status.get("corpus") != run.status.get("corpus"):
            log.info("against=%s was trained on another corpus; all are evaluated on the same held-out windows", given)
        others.append(other)
    return others


def asked_words(word: Any, context: Sequence[Any]) -> dict[str, Any]:
    """Return a word and its context as text where YAML takes them for numbers or truth values."""

    def text(value: Any) -> str:
        return str(value).lower() if isinstance(value, bool) else str(value)

    return {"word": None if word is None else text(word), "context": [text(each) for each in context]}


def find_words_apart(
    word: str | None, context: Sequence[str], vocabulary: Sequence[str]
) -> tuple[int, list[int]] | None:
    """Return the indices of a word and of its context, all different; None where no word is asked for.

    Raises:
        SettingError: a word is not in the vocabulary or comes twice, or there is a context without a word.
    """
    if word is None:
        if context:
            raise SettingError(f"context=[{','.join(context)}]: a context needs a word; give word=<word>")
        return None
    index, around = find_words([word], vocabulary, "word")[0], find_words(context, vocabulary, "context")
    for place in around:
        if place == index or around.count(place) > 1:
            raise SettingError(
                f"context={vocabulary[place]}: each word may be given once, and the context may not contain the word itself; leave one out"
            )
    return index, around


def with_own_settings(config: dict[str, Any], run: RunFolder, given: set[str]) -> dict[str, Any]:
    """Return the settings of an analysis with the run's own values in place of defaults.

    They are its seed, the window and stride of its data, and the settings of `analysis` on its command line, without the groups.

    Args:
        config: the composed settings.
        run: the run.
        given: names of the settings on the analysis' own command line, which stay.
    """
    config = copy.deepcopy(config)
    if "seed" not in given:
        config["seed"] = run.config["seed"]
    if config.get("data"):
        for name in ("window", "stride", "seed"):
            if f"data.{name}" not in given and name in config["data"] and name in run.config["data"]:
                config["data"][name] = run.config["data"][name]
    for word in run.overrides:
        name = word.partition("=")[0].lstrip("+~")
        parts = name.split(".")
        if parts[0] != "analysis" or len(parts) < 2 or name in given or parts[1] in {"groups", "looks"}:
            continue
        stored, own = run.config, config
        for part in parts[:-1]:
            stored, own = stored.get(part, {}), own.setdefault(part, {})
        if parts[-1] in stored:
            own[parts[-1]] = stored[parts[-1]]
    return config
