"""Checking a command line before Hydra acts on it: misspelt keys, groups and options get a did-you-mean, and nothing is made.

A sweep is checked for its keys and options; a value that is out of range fails in the one job that has it, and the others go on.
"""

from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.override_parser.types import IntervalSweep, Override, ValueType
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from bows.config.identity import in_current_form
from bows.config.launchers import LAUNCHERS
from bows.config.overrides import parse, quoted
from bows.config.paths import CONF
from bows.config.validate import check, suggest
from bows.errors import SettingError
from bows.evaluation.request import asked_words, find_others, find_words_apart
from bows.runs.discover import is_sweep
from bows.runs.folder import find_run

# Settings a resumed run may be given anew: they do not change what it trains.
MAY_CHANGE_ON_RESUME = ("logger", "debug", "outputs", "trainer", "hydra")


def check_command_line(name: str, words: list[str], multirun: bool = False) -> None:
    """Raises SettingError for overrides that do not fit `conf/<name>.yaml`, or, outside a sweep, for any value out of range."""
    overrides = parse(words)
    for override in overrides:
        if override.is_sweep_override() and not multirun:
            raise SettingError(f"{override.input_line}: several values need a sweep; add -m")
    _check_values(overrides)
    _check_launcher(overrides)
    groups = _groups(name)
    for override in overrides:
        if override.key_or_group in groups:
            for value in _values(override):
                if value not in ("null", None) and value not in groups[override.key_or_group]:
                    known = groups[override.key_or_group]
                    hint = suggest(str(value), known)
                    hint = f"{hint} options: {', '.join(known)}" if "mean" in hint else f"options: {', '.join(known)}"
                    raise SettingError(f"{override.key_or_group}={value}: there is no such option; {hint}")
    for combination in _samples(overrides, groups):
        config = _compose(name, combination, overrides, groups)
        check(config, name, only_keys=multirun)


def _check_values(overrides: list[Override]) -> None:
    for override in overrides:
        if override.value_type == ValueType.GLOB_CHOICE_SWEEP:
            raise SettingError(f"{override.input_line}: glob is not known here; name the values, separated by commas")
        if override.is_discrete_sweep() and not _values(override):
            raise SettingError(f"{override.input_line}: there is no value in it to sweep over")


def _check_launcher(overrides: list[Override]) -> None:
    chosen = "basic"
    for override in overrides:
        if override.key_or_group == "hydra/launcher":
            chosen = str(override.value())
            if chosen not in LAUNCHERS:
                known = ", ".join(LAUNCHERS)
                raise SettingError(f"{override.input_line}: there is no such option; options: {known}")
    known = [field.name for field in fields(LAUNCHERS[chosen]) if field.name != "_target_"]
    for override in overrides:
        section, _, setting = override.key_or_group.rpartition(".")
        if section == "hydra.launcher" and setting not in known and not override.is_add():
            raise SettingError(f"{override.key_or_group}: {chosen} has no such setting; {suggest(setting, known)}")


def check_run(words: list[str]) -> None:
    """Raises SettingError where a run is not finished, or a word not in its vocabulary, before a folder is made for the results."""
    given: dict[str, Any] = {override.key_or_group: override.value() for override in parse(words)}
    if "word" in given and given["word"] is None:
        raise SettingError("word=null: no word is given; for the word null itself write \"word='null'\"")
    given = {**given, **asked_words(given.get("word"), given.get("context") or [])}
    run = find_run(str(given["run"]))
    find_words_apart(given["word"], given["context"], run.vocabulary)
    find_others(given.get("against") or [], run)


def resumed(words: list[str]) -> list[str]:
    """A command line with resume=<run folder> becomes that run's own, in that run's own folder.

    Raises SettingError where the folder is no run, or where a setting given besides would change what the run trains.
    """
    chosen = [
        override for override in parse(words) if override.key_or_group == "resume" and override.value() is not None
    ]
    if not chosen:
        return words
    folder = Path(str(chosen[-1].value()))
    if is_sweep(folder):
        raise SettingError(f"resume={folder}: this is the folder of a sweep; add -m")
    stored = folder / ".hydra" / "overrides.yaml"
    if not stored.is_file():
        raise SettingError(
            f"resume={folder}: this is not a run folder (it has no .hydra/overrides.yaml); give one of outputs/runs"
        )
    given = [override for override in parse(words) if override.key_or_group != "resume"]
    for override in given:
        if override.key_or_group.split(".")[0].split("/")[0] not in MAY_CHANGE_ON_RESUME:
            raise SettingError(
                f"{override.input_line}: a resumed run keeps its own settings; leave this out, or start a new run without resume"
            )
    own = [str(word) for word in OmegaConf.load(stored) if not str(word).startswith(("resume=", "hydra.run.dir="))]
    _refuse_other_settings(folder, own)
    place = [f"resume={quoted(folder)}", f"hydra.run.dir={quoted(folder)}"]
    return [*own, *(override.input_line or "" for override in given), *place]


def _refuse_other_settings(folder: Path, own: list[str]) -> None:
    """Raises SettingError where the run's own command line no longer means what it meant: bows' defaults have changed since."""
    try:
        stored = _in_dotted_form(OmegaConf.load(folder / ".hydra" / "config.yaml"))
    except (OSError, OmegaConfBaseException) as error:
        raise SettingError(
            f"resume={folder}: its .hydra/config.yaml cannot be read ({error}); start a new run"
        ) from error
    now = _in_dotted_form(_composed("train", own))
    for key in sorted({*stored, *now}):
        if key.split(".")[0] not in {*MAY_CHANGE_ON_RESUME, "resume"} and stored.get(key) != now.get(key):
            raise SettingError(
                f"resume={folder}: this run was made with {key}={stored.get(key)}, which its command line now sets to {now.get(key)}: "
                "it is of another version of bows; resume it with that one, or start a new run"
            )


def _in_dotted_form(config: Any) -> dict[str, Any]:
    content: Any = in_current_form(OmegaConf.to_container(config, resolve=False))  # type: ignore[arg-type]
    content.get("analysis", {}).pop("words", None)
    return dict(_dotted(content))


def composed_sample(name: str, overrides: list[Override]) -> DictConfig:
    """`conf/<name>.yaml` with a command line, of a sweep with the first of each setting's values; Hydra's own node is in it."""
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return compose(name, [_single(override, 0) for override in overrides], return_hydra_config=True)


def _groups(name: str) -> dict[str, list[str]]:
    """Options of each config group that `conf/<name>.yaml` chooses from."""
    groups: dict[str, list[str]] = {}
    chosen = {
        str(key)
        for entry in OmegaConf.load(CONF / f"{name}.yaml").defaults
        if isinstance(entry, DictConfig)
        for key in entry
    }
    for path in sorted(CONF.rglob("*.yaml")):
        group, _, option = path.relative_to(CONF).with_suffix("").as_posix().partition("/")
        # An option may lie in a folder of its group (experiment=paper/months); what options share, in shared/, is none.
        if group in chosen and not option.startswith("shared/"):
            groups.setdefault(group, []).append(option)
    return groups


def _values(override: Override) -> list[Any]:
    if override.is_sweep_override():
        return [value.strip("'\"") for value in _swept(override)]
    return [override.value()]


def _swept(override: Override) -> list[str]:
    if override.is_interval_sweep():  # for a sweeper that can do with one
        interval = override.value()
        assert isinstance(interval, IntervalSweep)
        return [str(interval.start)]
    return [str(value) for value in override.sweep_string_iterator()]


def _samples(overrides: list[Override], groups: dict[str, list[str]]) -> Iterator[list[str]]:
    """Command lines that between them name every option of every group in a sweep."""
    first = [_single(override, 0) for override in overrides]
    yield first
    for place, override in enumerate(overrides):
        if override.key_or_group in groups and override.is_sweep_override():
            for number in range(1, len(_values(override))):
                yield [*first[:place], _single(override, number), *first[place + 1 :]]


def _single(override: Override, number: int) -> str:
    if not override.is_sweep_override():
        return override.input_line or ""
    values = _swept(override)
    sign = "+" if override.is_add() else ""
    return f"{sign}{override.get_key_element().lstrip('+')}={values[number]}"


def _compose(name: str, words: list[str], overrides: list[Override], groups: dict[str, list[str]]) -> dict[str, Any]:
    try:
        config = _composed(name, words)
        resolved = OmegaConf.to_container(config, resolve=True)
    except (HydraException, OmegaConfBaseException) as error:
        raise _explained(name, error, overrides, groups) from error
    assert isinstance(resolved, dict)
    return {str(key): value for key, value in resolved.items()}


def _composed(name: str, words: list[str]) -> DictConfig:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return compose(name, words)


def _explained(name: str, error: Exception, overrides: list[Override], groups: dict[str, list[str]]) -> SettingError:
    """Which override does not fit, with a did-you-mean."""
    choices = [_single(override, 0) for override in overrides if override.key_or_group in groups]
    base = OmegaConf.to_container(_composed(name, choices), resolve=False)
    keys = [key for key, _ in _dotted(base)]
    for override in overrides:
        key = override.key_or_group
        if key in groups or key.split(".")[0].split("/")[0] == "hydra" or override.is_add():
            continue
        section = key.partition(".")[0]
        if key not in keys and section in groups and not any(known.startswith(f"{section}.") for known in keys):
            return SettingError(
                f"{key}: no {section} is chosen; give {section}=<option> with it: {', '.join(groups[section])}"
            )
        if key not in keys:
            return SettingError(f"{key}: there is no such setting; {_suggest_key(key, [*keys, *groups])}")
    return SettingError(" ".join(str(error).split()))


def _suggest_key(key: str, keys: list[str]) -> str:
    """A close key; failing that, one that ends in the same word."""
    section, _, last = key.rpartition(".")
    # A folder that options share, such as data/shared, is no group of settings.
    siblings = sorted({known for known in keys if known.rpartition(".")[0] == section and "/" not in known})
    text = suggest(key, siblings)
    if "mean" in text:
        return text
    same_end = [known for known in keys if known.rpartition(".")[2] == last]
    if same_end:
        return f"did you mean {same_end[0]}?"
    text = suggest(key, keys)
    return text if "mean" in text else suggest(key, siblings or sorted({known.partition(".")[0] for known in keys}))


def _dotted(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted names of all settings and groups of settings, with what they are set to."""
    if isinstance(value, dict):
        for key, inner in value.items():
            name = f"{path}.{key}" if path else str(key)
            yield name, inner
            yield from _dotted(inner, name)
