"""Did-you-mean for misspelt settings and options."""

import difflib
from collections.abc import Sequence
from functools import cache

import yaml

from bows.config.paths import CONF

# Names of other programs for settings of bows that are spelt quite differently.
SYNONYMS = {"learning_rate": "lr", "dimensions": "latent", "iterations": "epochs"}


def suggest(wrong: str, known: Sequence[str]) -> str:
    """Return a did-you-mean for a misspelt name, or the list of known names.

    >>> suggest('wdd', ['wd', 'lr']), suggest('adamW', ['adam', 'adamw'])
    ('did you mean wd?', 'did you mean adamw?')
    """
    lowered = {name.lower(): name for name in known}
    close = difflib.get_close_matches(wrong.lower(), list(lowered), n=1, cutoff=0.6)
    return f"did you mean {lowered[close[0]]}?" if close else f"known: {', '.join(sorted(known))}"


def suggest_setting(wrong: str, known: Sequence[str], choices: dict[str, str]) -> str:
    """Return a hint for a setting, by its dotted name, that is not in a composed configuration.

    In this order: a known setting or group that is close; the same or a close setting that other options of its group have; a known
    setting of another group with the same last part. `choices` is config group -> chosen option.
    """
    section, _, last = wrong.rpartition(".")
    siblings = sorted({name for name in known if name.rpartition(".")[0] == section})
    group, _, rest = wrong.partition(".")
    others = settings_of_options(group) if group in choices else {}
    having = [option for option, settings in others.items() if rest in settings]
    if having:
        return _owners(group, choices[group], having)
    if wrong in SYNONYMS:
        return f"did you mean {SYNONYMS[wrong]}?"
    far = {setting for settings in others.values() for setting in settings} - {
        name.partition(".")[2] for name in siblings
    }
    best = difflib.get_close_matches(wrong, [*siblings, *(f"{group}.{name}" for name in sorted(far))], n=1)
    if best and best[0] not in siblings:
        having = [option for option, settings in others.items() if best[0].partition(".")[2] in settings]
        return f"did you mean {best[0]}? {_owners(group, choices[group], having)}"
    if "mean" in (text := suggest(wrong, siblings)):
        return text
    if same_end := [name for name in known if name.rpartition(".")[2] == last]:
        return f"did you mean {same_end[0]}?"
    text = suggest(wrong, known)
    return text if "mean" in text else suggest(wrong, siblings or sorted({name.partition(".")[0] for name in known}))


def _owners(group: str, chosen: str, having: Sequence[str]) -> str:
    return f"options of {group} that have it: {', '.join(having)} (chosen: {chosen})"


@cache
def options(group: str) -> list[str]:
    """Return the options of a config group. Files in a folder shared/ are parts of options."""
    found = sorted(path.relative_to(CONF / group).with_suffix("").as_posix() for path in (CONF / group).rglob("*.yaml"))
    return [option for option in found if "shared/" not in option]


@cache
def settings_of_options(group: str) -> dict[str, set[str]]:
    """Return the names of the settings of each option of a group, read from its file and those in its defaults list."""
    return {option: _settings(group, option) for option in options(group)}


def _settings(group: str, option: str) -> set[str]:
    content = yaml.safe_load((CONF / group / f"{option}.yaml").read_text(encoding="utf-8")) or {}
    found = {name for name in content if name not in ("defaults", "_target_")}
    for parent in content.get("defaults", []):
        if isinstance(parent, str) and parent != "_self_":
            found |= _settings(group, parent.partition("@")[0])
    return found
