"""Parse and quote Hydra overrides."""

import difflib
import re
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf

from bows.config.identity import is_of_the_result
from bows.config.paths import CONF
from bows.config.words import DEFAULT, named_words
from bows.errors import SettingError
from bows.spelling import spelling


def quoted(path: Path | str) -> str:
    """Quote a path or other text as the value of an override, whatever its characters."""
    return "'" + str(path).replace("\\", "\\\\").replace("'", "\\'") + "'"


def parse(words: Sequence[str]) -> list[Override]:
    """Parse the words of a command line; raise SettingError for one that is not of the form setting=value."""
    overrides = []
    for word in words:
        try:
            overrides += OverridesParser.create().parse_overrides([word])
            if not overrides[-1].key_or_group:
                raise SettingError(f"{word}: there is no name of a setting before =; write setting=value")
        except HydraException as error:
            if "=" not in word and Path(word).is_dir():
                hint = f"for a run folder write run={word}, or resume={word} to resume it"
                raise SettingError(f"{word}: this is not of the form setting=value; {hint}") from error
            raise SettingError(
                f"{word}: this is not of the form setting=value; quote a value that holds commas, spaces, = or brackets twice, "
                "once for the shell and once for Hydra: \"data.train='my, file.txt'\""
            ) from error
    return overrides


def shown_settings(words: Sequence[str], varied: Collection[str] = ()) -> dict[str, str]:
    """Return the settings of a command line of bows.train that change a result, each with `setting=value`, for the name of a run.

    Of a path only the last part is kept. Settings that are equal to the default of conf/train.yaml are left out, but for those in
    `varied`; the defaults of a config group's own settings are not known here. The order is by what tells runs apart, as a name may be
    cut: `varied`, the others, those of the evaluation.
    """
    defaults: Any = OmegaConf.load(CONF / "train.yaml")
    groups = {
        key: option for entry in defaults.defaults if isinstance(entry, DictConfig) for key, option in entry.items()
    }
    standard: Any = OmegaConf.to_container(defaults, resolve=False)
    standard |= groups
    kept = {}
    for override in parse(words):
        key, given = override.key_or_group, str(override.input_line).partition("=")[2].strip("'\"")
        changes = is_of_the_result(key) and not override.is_hydra_override() and key != "name"
        if changes and (key in varied or override.is_delete() or override.value() != standard.get(key)):
            kept[key] = f"{key}={given.rpartition('/')[2]}" if given else f"~{key}"
    return {key: kept[key] for key in sorted(kept, key=lambda key: (key not in varied, key.startswith("analysis")))}


def swept_settings(words: Sequence[str]) -> set[str]:
    """Return the settings that a command line of a sweep varies."""
    return {override.key_or_group for override in parse(words) if override.is_sweep_override()}


def normalized(words: Sequence[str]) -> list[str]:
    """Return a command line in a form that Hydra accepts.

    Values with characters outside ASCII are quoted, which Hydra's grammar needs. The entries of the list that `analysis.words` names are
    not part of the composed configuration. So replacing one (`analysis.sets.months=[...]`) becomes adding it, and deleting one
    (`~analysis.sets.months`) becomes setting it to null.

    Raises:
        SettingError: An entry that is added with + is in the list, or one that is replaced or deleted is not.
    """
    overrides = parse([_ascii_quoted(word) for word in words])
    chosen = [each for each in overrides if each.key_or_group == "analysis.words"]
    name = chosen[-1].value() if chosen and not chosen[-1].is_sweep_override() else DEFAULT
    return [_of_word_list(each, None if name is None else str(name)) for each in overrides]


def _ascii_quoted(word: str) -> str:
    """Quote the parts of a value with characters outside ASCII.

    >>> _ascii_quoted("context=[café, thé,'été',milk]"), _ascii_quoted("name=café au lait")
    ("context=['café', 'thé','été',milk]", "name='café au lait'")
    """
    key, equals, value = word.partition("=")
    if value.isascii():
        return word
    # Quoted text as it is; else a part without the characters that separate values.
    parts = re.sub(
        r"""'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"|[^\s,:{}()\[\]](?:[^,:{}()\[\]]*[^\s,:{}()\[\]])?""",
        lambda part: part[0] if part[0].isascii() or part[0][0] in "'\"" else quoted(part[0]),
        value,
    )
    return f"{key}{equals}{parts}"


def _of_word_list(override: Override, name: str | None) -> str:
    line = override.input_line or ""
    *path, entry = override.key_or_group.split(".")
    if override.key_or_group in ("analysis.sets", "analysis.categories") and isinstance(override.value(), dict):
        return f"++{line.lstrip('+')}"
    if path not in (["analysis", "sets"], ["analysis", "categories"]) or override.is_force_add():
        return line
    listed = named_words(name)["sets" if path[1] == "sets" else "categories"]
    key, written = override.key_or_group, line.lstrip("+~")
    if override.is_add():
        if entry in listed:
            raise SettingError(f"{key}: analysis.words={name} has {entry} already; to replace it write ++{written}")
        return line
    if entry not in listed:
        spelt = {spelling(name, folded=True): name for name in listed}
        close = difflib.get_close_matches(spelling(entry, folded=True), spelt, n=1)
        hint = f"did you mean {'.'.join([*path, spelt[close[0]]])}?" if close else f"to add it write +{written}"
        raise SettingError(f"{key}: there is no such setting; {hint}")
    return f"++{key}=null" if override.is_delete() else f"++{written}"
