"""A finished run, from its folder: what it was asked to do, its words and its trained autoencoder."""

import copy
import difflib
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from bows.analysis.ordered_sets import resolve
from bows.config.identity import with_current_targets
from bows.config.schema import trains_on_pairs
from bows.errors import BowsError, DataError, SettingError
from bows.files import read_json

log = logging.getLogger(__name__)

# Models that a figure tells apart beside the run itself.
MOST_OTHERS = 5
# What a run folder must hold to be looked at again.
NEEDED = ("status.json", ".hydra/config.yaml", ".hydra/overrides.yaml", "model.safetensors", "vocabulary.txt")


@dataclass
class FinishedRun:
    """The folder of a completed run, read but not loaded."""

    folder: Path
    config: dict[str, Any]
    """Its settings, resolved."""
    overrides: list[str]
    """Its command line."""
    model: str
    """The option of its model, as tied or linear."""
    vocabulary: list[str]
    status: dict[str, Any]

    @property
    def label(self) -> str:
        """A short name for tables: the option of its model, and its weight decay."""
        if self.model == "pca":
            return "pca"
        decay = (self.config.get("optimizer") or {}).get("weight_decay")
        return self.model if decay is None else f"{self.model} wd={decay:g}"


def find_run(folder: str | Path, setting: str = "run") -> FinishedRun:
    """Read the folder of a completed run.

    Raises SettingError, naming `setting`, where it is not one, is not finished, lacks a file, is of another version of bows, or trained no
    autoencoder.
    """
    folder = Path(folder)
    said = f"{setting}={folder}"
    if not folder.is_dir():
        raise SettingError(f"{said}: there is no such folder; give a run folder, one of outputs/runs/<date>/<run>")
    if not (folder / "status.json").is_file():
        raise SettingError(
            f"{said}: this is not a run folder (it has no status.json); give one of outputs/runs/<date>/<run>"
        )
    status = _read_status(folder, said)
    if status["state"] != "completed":
        error = f": {status['error']}" if status.get("error") else ""
        raise SettingError(
            f"{said}: this run is not finished (status.json: {status['state']}{error}); finish it with python -m bows.train resume={folder}"
        )
    for name in NEEDED:
        if not (folder / name).is_file():
            raise SettingError(f"{said}: the run folder lacks {name}; copy it again with all its files, or train again")
    try:
        vocabulary = (folder / "vocabulary.txt").read_text(encoding="utf-8").removesuffix("\n").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingError(f"{said}: its vocabulary.txt cannot be read ({error}); copy the run again") from error
    try:
        config = OmegaConf.to_container(OmegaConf.load(folder / ".hydra" / "config.yaml"), resolve=True)
        overrides = [str(word) for word in OmegaConf.load(folder / ".hydra" / "overrides.yaml")]
    except (OSError, OmegaConfBaseException, ValueError) as error:
        raise SettingError(f"{said}: its .hydra/config.yaml cannot be read ({str(error).splitlines()[0]})") from error
    if not isinstance(config, dict):
        raise SettingError(f"{said}: its .hydra/config.yaml holds no settings")
    settings = with_current_targets({str(key): value for key, value in config.items()})
    for node in ("data", "model"):
        if "_target_" not in (settings.get(node) or {}):
            raise SettingError(
                f"{said}: its .hydra/config.yaml has no {node}; it is of another version of bows{_version(status)}"
            )
    if trains_on_pairs(settings["model"]):
        raise SettingError(
            f"{said}: this run trained model={_model_option(folder, settings)}, which is no autoencoder; what was measured of it stands in "
            f"{folder / 'report.html'}"
        )
    return FinishedRun(folder, settings, overrides, _model_option(folder, settings), vocabulary, status)


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


def find_others(against: Sequence[str], run: FinishedRun) -> list[FinishedRun | None]:
    """The runs to compare with; None stands for pca.

    Raises SettingError for one that is no finished run, comes twice, or has another latent size or other words.
    """
    others: list[FinishedRun | None] = []
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


def load_autoencoder(run: FinishedRun, setting: str = "run") -> Any:
    """The trained autoencoder of a run, on the CPU.

    Raises SettingError where the run is of another version of bows, DataError where its weights cannot be read or do not fit.
    """
    # Imported here: a command line is checked before torch is needed.
    from hydra.errors import HydraException

    from bows.runs.weights import load_model, make_autoencoder

    try:
        autoencoder = make_autoencoder(run.config["model"], len(run.vocabulary))
    except BowsError:
        raise
    except (HydraException, TypeError) as error:
        raise SettingError(
            f"{setting}={run.folder}: its model cannot be made: {_in_a_line(error)}; "
            f"the run is of another version of bows{_version(run.status)}"
        ) from error
    load_model(run.folder / "model.safetensors", autoencoder)
    if not all(bool(value.isfinite().all()) for value in autoencoder.state_dict().values()):
        raise SettingError(
            f"{setting}={run.folder}: its weights are infinite or not numbers; train again with a lower lr"
        )
    return autoencoder.eval()


def open_data(node: dict[str, Any], run: FinishedRun, setting: str) -> Any:
    """The DataModule of a node of settings, whose vocabulary must be the run's.

    Raises SettingError where it is another one, with the count of words shared; DataError where the corpus cannot be opened or built.
    """
    from hydra.errors import HydraException
    from hydra.utils import instantiate

    try:
        data = instantiate(node, _convert_="all")
        vocabulary = data.corpus.vocabulary
    except BowsError as error:
        if setting == "run":
            raise type(error)(
                f"the corpus of run={run.folder} cannot be opened: {error}; give data=<option> for other documents"
            ) from error
        raise
    except (HydraException, TypeError) as error:
        raise SettingError(
            f"run={run.folder}: its data cannot be made: {_in_a_line(error)}; "
            f"the run is of another version of bows{_version(run.status)}; give data=<option>"
        ) from error
    words_of_the_run = f"data.vocabulary={run.folder / 'vocabulary.txt'}"
    if setting == "run":
        remedy = f"its text or its vocabulary.txt has changed since; give data=<option> {words_of_the_run} for other documents"
    elif "vocab_size" in node:
        remedy = f"for these documents with the run's words add {words_of_the_run}"
    else:
        remedy = "these features are not its words; choose a corpus of text"
    refuse_other_words(vocabulary, run, f"data={node.get('name', node['_target_'])}", remedy)
    if setting == "run" and data.corpus.hash != run.status.get("corpus"):
        log.warning(
            "the text behind run=%s has changed since it was trained: its held-out windows are not the same", run.folder
        )
    return data


def refuse_other_words(vocabulary: list[str], run: FinishedRun, setting: str, remedy: str) -> None:
    """Raises SettingError where a vocabulary is not the run's, word by word in the same order."""
    if vocabulary == run.vocabulary:
        return
    shared = len(set(vocabulary) & set(run.vocabulary))
    order = " but in another order" if set(vocabulary) == set(run.vocabulary) else ""
    raise SettingError(
        f"{setting}: its vocabulary is not that of run={run.folder}: {shared:,} of the run's {len(run.vocabulary):,} words are "
        f"shared{order}; {remedy}"
    )


def _in_a_line(error: Exception) -> str:
    """Hydra's message without its advice for programmers."""
    return " ".join(
        line for line in str(error).split("\n") if "HYDRA_FULL_ERROR" not in line and "full_key" not in line
    )


def _read_status(folder: Path, said: str) -> dict[str, Any]:
    try:
        status = read_json(folder / "status.json")
    except DataError as error:
        raise SettingError(f"{said}: {error}") from error
    if not isinstance(status, dict) or "state" not in status:
        raise SettingError(f"{said}: its status.json has no state; it is no run of bows, or of another version")
    return status


def _model_option(folder: Path, settings: dict[str, Any]) -> str:
    try:
        return str(OmegaConf.load(folder / ".hydra" / "hydra.yaml").hydra.runtime.choices.model)
    except (OSError, OmegaConfBaseException, ValueError, AttributeError):
        return settings["model"]["_target_"].rpartition(".")[2].lower()


def with_own_settings(config: dict[str, Any], run: FinishedRun, given: set[str]) -> dict[str, Any]:
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


def _version(status: dict[str, Any]) -> str:
    version = (status.get("versions") or {}).get("bows")
    return f" ({version})" if version else ""
