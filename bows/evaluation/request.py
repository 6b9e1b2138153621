"""Check what bows.analyze is asked for against a run: words, models to compare with, and the run's own settings."""

import copy
import difflib
import logging
from collections.abc import Sequence
from typing import Any

from bows.analysis.ordered_sets import resolve
from bows.errors import SettingError
from bows.runs.folder import RunFolder, find_run
from bows.runs.reload import refuse_other_words

log = logging.getLogger(__name__)

# Models that a figure can tell apart, besides the run itself.
MOST_OTHERS = 5


def find_words(words: Sequence[str], vocabulary: Sequence[str], setting: str) -> list[int]:
    """Indices of words, each as written or else in lower case.

    Raises SettingError for one that is not in the vocabulary, with the nearest spellings.
    """
    found = resolve(words, vocabulary)
    if found.missing:
        word = found.missing[0]
        lowered: dict[str, str] = {}
        for known in vocabulary:  # the most frequent of words equal in lower case
            lowered.setdefault(known.lower(), known)
        close = [lowered[match] for match in difflib.get_close_matches(word.lower(), list(lowered), n=3, cutoff=0.6)]
        hint = (
            f"nearest spellings: {', '.join(close)}"
            if close
            else f"it has {len(vocabulary):,} words; see vocabulary.txt"
        )
        raise SettingError(f"{setting}={word}: there is no such word in the run's vocabulary; {hint}")
    return found.indices


def find_others(against: Sequence[str], run: RunFolder) -> list[RunFolder | None]:
    """The runs to compare with; None stands for pca.

    Raises SettingError for one that is no finished run, comes twice, or has another latent size or other words.
    """
    others: list[RunFolder | None] = []
    latent, words = run.config["model"]["latent"], len(run.vocabulary)
    if len(against) > MOST_OTHERS:
        raise SettingError(f"against: {len(against)} models are given; compare with {MOST_OTHERS} at most")
    for given in against:
        if list(against).count(given) > 1:
            raise SettingError(f"against={given}: it is given twice; name each model once")
        if given == "pca":
            if latent > words:
                raise SettingError(
                    f"against=pca: the run has {latent} latent dimensions, more than its {words} words have components"
                )
            others.append(None)
            continue
        other = find_run(given, "against")
        refuse_other_words(other.vocabulary, run, f"against={given}", "compare runs that were trained on one corpus")
        if other.config["model"]["latent"] != latent:
            raise SettingError(
                f"against={given}: it has {other.config['model']['latent']} latent dimensions, run={run.folder} has {latent}; "
                "compare models of one size"
            )
        if other.status.get("corpus") != run.status.get("corpus"):
            log.info("against=%s was trained on another corpus; all are measured on the same held-out windows", given)
        others.append(other)
    return others


def asked_words(word: Any, context: Sequence[Any]) -> dict[str, Any]:
    """A word and its context as text, whatever YAML takes them for: the words 5 and true are words too."""

    def text(value: Any) -> str:
        return str(value).lower() if isinstance(value, bool) else str(value)

    return {"word": None if word is None else text(word), "context": [text(each) for each in context]}


def find_words_apart(
    word: str | None, context: Sequence[str], vocabulary: Sequence[str]
) -> tuple[int, list[int]] | None:
    """Indices of a word and of its context, all different; None where no word is asked for.

    Raises SettingError for one that is not in the vocabulary or comes twice, or for a context without a word.
    """
    if word is None:
        if context:
            raise SettingError(f"context=[{','.join(context)}]: a context needs a word; give word=<word>")
        return None
    index, around = find_words([word], vocabulary, "word")[0], find_words(context, vocabulary, "context")
    for place in around:
        if place == index or around.count(place) > 1:
            raise SettingError(
                f"context={vocabulary[place]}: each word may stand once, and not beside itself; leave one out"
            )
    return index, around


def with_own_settings(config: dict[str, Any], run: RunFolder, given: set[str]) -> dict[str, Any]:
    """Settings of an analysis with those of the run in place of defaults: its seed, the window and stride of its data, and what its
    command line said of `analysis` (but for which groups).

    given: names of the settings that the analysis' own command line has; they stay.
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
