"""Find the settings that were varied between runs, from their stored configurations."""

import re
from collections.abc import Mapping, Sequence
from itertools import compress
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException

from bows.config.resolve import dotted
from bows.runs.folder import RunFolder

# Settings on which no metric depends.
IGNORED = {"name", "outputs", "resume", "logger", "hydra", "debug", "open"}
# The options of this group set keys of any other group.
ANYWHERE = "experiment"


def varied(jobs: Sequence[RunFolder]) -> dict[str, list[Any]]:
    """Return what differs between runs: config group -> options, dotted setting -> values, one value per run.

    Interpolations are compared as written, so `optimizer.weight_decay: ${wd}` does not vary with `wd`. A key of a group whose option varies
    is included only where a command line sets it: otherwise it follows from the option. A run without a configuration (it never started)
    has the values of its command line, and None elsewhere; a setting that a run's option does not have is None too.

    Returns:
        Groups first, then settings, each in the order of the configurations. Values are numbers, text, booleans or None; lists and mappings
        are text.
    """
    groups = dict.fromkeys(group for job in jobs for group in job.choices)
    lines = [{} if job.stored_config and job.choices else _command_line(job.overrides) for job in jobs]
    stored_leaves = [flat(job.stored_config) if job.stored_config else None for job in jobs]
    words = {word.partition("=")[0].lstrip("+~").partition("@")[0] for job in jobs for word in job.overrides}
    named = words - set(groups)
    found: dict[str, list[Any]] = {}
    for group in groups:
        options = [{**line, **job.choices} for job, line in zip(jobs, lines, strict=True)]
        if group not in IGNORED and _differ([each[group] for each in options if group in each]):
            found[group] = [each.get(group) for each in options]
    # Of runs without a configuration only the command line is known.
    settings = dict.fromkeys(setting for leaves in stored_leaves for setting in leaves or ())
    settings |= dict.fromkeys(setting for line in lines for setting in line)
    for setting in settings:
        top = setting.partition(".")[0]
        if top in IGNORED or setting in groups or setting.endswith("._target_"):
            continue
        if (top in found or ANYWHERE in found) and not any(f"{setting}.".startswith(f"{name}.") for name in named):
            continue
        stored = [line if leaves is None else leaves for leaves, line in zip(stored_leaves, lines, strict=True)]
        # A run that started has None where its options lack the setting; of one that did not, the value is not known.
        known = [leaves is not None or setting in line for leaves, line in zip(stored_leaves, lines, strict=True)]
        values = [_resolved(each.get(setting), each) for each in stored]
        written = [each.get(setting) for each in stored]
        if all(_differ(list(compress(which, known))) for which in (written, values)):
            found[setting] = values
    return {name: [_number(value) for value in values] for name, values in found.items()}


def _differ(values: Sequence[Any]) -> bool:
    return len({(type(value) in (bool, str), str(value)) for value in map(_number, values)}) > 1


def _command_line(overrides: Sequence[str]) -> dict[str, Any]:
    """Return setting -> value of a command line, as Hydra reads it."""
    line: dict[str, Any] = {}
    for word in overrides:
        try:
            parsed = OverridesParser.create().parse_override(word)
        except HydraException:  # no run started with it: only its text is known
            name, _, value = word.partition("=")
            line[name.lstrip("+~")] = value
            continue
        if parsed.is_delete():
            continue
        value = parsed.value()
        line[parsed.key_or_group] = _leaf(value if isinstance(value, int | float | bool | None) else str(value))
    return line


def flat(config: dict[str, Any]) -> dict[str, Any]:
    """Return dotted setting -> value, lists as text; an empty mapping has none."""
    return {name: _leaf(value) for name, value in dotted(config) if not isinstance(value, dict)}


def _leaf(value: Any) -> Any:
    return f"[{','.join(map(str, value))}]" if isinstance(value, list) else value


def _resolved(value: Any, leaves: Mapping[str, Any]) -> Any:
    """Return the value of an interpolation such as ${wd}; any other value unchanged."""
    for _ in range(10):  # an interpolation of itself ends too
        reference = re.fullmatch(r"\$\{([\w.]+)\}", value) if isinstance(value, str) else None
        if reference is None:
            break
        value = leaves.get(reference[1])
    return value


def _number(value: Any) -> Any:
    """Return text such as 1e-3, which YAML reads as text, as a number, and 1.0 as 1; other values unchanged."""
    if isinstance(value, str):
        if not re.fullmatch(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?", value):
            return value
        value = float(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value
