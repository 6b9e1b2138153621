"""Check a command line before Hydra acts on it: misspelt keys, groups and options get a did-you-mean, and nothing is written.

A sweep is checked for its keys and options. A value out of range fails in the one job that has it, and the others run.
"""

from collections.abc import Iterator, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from hydra.core.override_parser.types import IntervalSweep, Override, ValueType
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from bows.config.hydra_internals import composed
from bows.config.launchers import LAUNCHERS
from bows.config.overrides import normalized, parse
from bows.config.paths import CONF
from bows.config.resolve import dotted, plain
from bows.config.suggestions import options, suggest, suggest_setting
from bows.config.validate import check
from bows.errors import SettingError
from bows.evaluation.request import asked_words, find_others, find_words_apart
from bows.runs.folder import find_run, read_run
from bows.runs.lock import is_locked, user_of

# Of the measurements of bows.analyze matrix=.
VECTORS_FOLDER = "${outputs}/runs/${now:%Y-%m-%d}/${now:%H-%M-%S-%f}-${name}"


def check_command_line(name: str, words: Sequence[str], multirun: bool = False) -> None:
    """Raise SettingError for overrides that do not fit `conf/<name>.yaml`, or, outside a sweep, for a value that is not allowed."""
    given = normalized(words)
    overrides = parse(with_folder_of_vectors(given) if name == "analyze" else given)
    for override in overrides:
        if override.is_sweep_override() and not multirun:
            raise SettingError(f"{override.input_line}: several values need a sweep; add -m")
        if override.key_or_group == "hydra.mode":
            raise SettingError(f"{override.input_line}: leave it out; a sweep is chosen by -m")
        if override.value_type == ValueType.GLOB_CHOICE_SWEEP:
            raise SettingError(f"{override.input_line}: glob is not known here; name the values, separated by commas")
        if override.is_discrete_sweep() and not _values(override):
            raise SettingError(f"{override.input_line}: there is no value in it to sweep over")
        if name == "analyze" and override.key_or_group == "word" and isinstance(override.value(), float):
            text = str(override.input_line).partition("=")[2]  # the value would be shown as 100000.0 for 1e5
            raise SettingError(f"word={text} is a number; for the word {text} itself write \"word='{text}'\"")
        if multirun and override.key_or_group == "open" and override.input_line != "open=false":
            raise SettingError(f"{override.input_line}: a sweep opens no report; leave it out")
    _check_launcher(overrides)
    # The options of each config group that the command chooses from.
    entries = OmegaConf.load(CONF / f"{name}.yaml").defaults
    chosen = [str(key) for entry in entries if isinstance(entry, DictConfig) for key in entry]
    groups = {group: options(group) for group in chosen if not group.startswith("override ")}
    for override in overrides:
        known = groups.get(override.key_or_group, [])
        for value in _values(override) if known else []:
            if value not in ("null", None) and value not in known:
                hint = suggest(str(value), known)
                hint = f"{hint} options: {', '.join(known)}" if "mean" in hint else f"options: {', '.join(known)}"
                raise SettingError(f"{override.key_or_group}={value}: there is no such option; {hint}")
    for combination in _samples(overrides, groups):
        try:
            config = plain(composed(name, combination))
        except (HydraException, OmegaConfBaseException) as error:
            raise _explained(name, error, overrides, groups) from error
        check(config, name, only_keys=multirun)
    if name == "train" and not multirun:
        _refuse_folder_of_another_run([override.input_line or "" for override in overrides])


def _refuse_folder_of_another_run(words: Sequence[str]) -> None:
    """Raise SettingError where hydra.run.dir is the folder of another run, which would be overwritten."""
    config = composed("train", words)
    folder = Path(str(config.hydra.run.dir))
    if config.resume is None and (folder / "status.json").is_file():
        if is_locked(folder):
            raise SettingError(
                f"hydra.run.dir={folder}: {user_of(folder)} is training this run; wait until it ends, or choose another folder"
            )
        state = read_run(folder).state
        remedy = "choose another folder"
        if state != "completed":
            remedy = f"resume it with resume={folder}, or {remedy}"
        elif not (folder / "report.html").is_file():
            remedy = f"write its report with python -m bows.report {folder}, or {remedy}"
        raise SettingError(f"hydra.run.dir={folder}: this folder contains a {state} run; {remedy}")


def check_run(words: Sequence[str]) -> None:
    """Raise SettingError where the run to analyze is not finished, or a word is not in its vocabulary."""
    given: dict[str, Any] = {override.key_or_group: override.value() for override in parse(words)}
    if given.get("matrix"):
        return  # its settings are checked with its content
    if "word" in given and given["word"] is None:
        raise SettingError("word=null: no word is given; for the word null itself write \"word='null'\"")
    given = {**given, **asked_words(given.get("word"), given.get("context") or [])}
    run = find_run(str(given["run"]))
    find_words_apart(given["word"], given["context"], run.vocabulary)
    find_others(given.get("against") or [], run)


def with_folder_of_vectors(words: Sequence[str]) -> list[str]:
    """Return a command line of bows.analyze; with `matrix=` it has no run, and a folder of its own in outputs/runs."""
    given = {override.key_or_group: override for override in parse(words)}
    if "matrix" not in given:
        return list(words)
    own = {"run": "run=null", "name": "name=vectors", "hydra.run.dir": f"hydra.run.dir={VECTORS_FOLDER}"}
    return [*words, *(word for key, word in own.items() if key not in given)]


def composed_sample(name: str, overrides: Sequence[Override]) -> DictConfig:
    """Compose `conf/<name>.yaml` with a command line, of a sweep with the first of each setting's values; with Hydra's own node."""
    return composed(name, [_single(override, 0) for override in overrides])


def _check_launcher(overrides: Sequence[Override]) -> None:
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


def _values(override: Override) -> list[Any]:
    if override.is_sweep_override():
        return [value.strip("'\"") for value in _swept(override)]
    return [override.value()]


def _swept(override: Override) -> list[str]:
    if override.is_interval_sweep():  # for a sweeper that accepts one
        interval = override.value()
        assert isinstance(interval, IntervalSweep)
        return [str(interval.start)]
    return [str(value) for value in override.sweep_string_iterator()]


def _samples(overrides: Sequence[Override], groups: dict[str, list[str]]) -> Iterator[list[str]]:
    """Yield command lines of single jobs that together have every option of every group in a sweep."""
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
    sign = "++" if override.is_force_add() else "+" if override.is_add() else ""
    return f"{sign}{override.get_key_element().lstrip('+')}={values[number]}"


def _explained(
    name: str, error: Exception, overrides: Sequence[Override], groups: dict[str, list[str]]
) -> SettingError:
    """Return an error with the override that does not fit, and a did-you-mean."""
    choices = [_single(override, 0) for override in overrides if override.key_or_group in groups]
    base: Any = OmegaConf.to_container(composed(name, choices), resolve=False)
    chosen = {group: str(option) for group, option in base.pop("hydra")["runtime"]["choices"].items()}
    keys = [key for key, _ in dotted(base)]
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
            return SettingError(f"{key}: there is no such setting; {suggest_setting(key, [*keys, *groups], chosen)}")
    return SettingError(" ".join(str(error).split()))
