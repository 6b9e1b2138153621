"""The page of all settings: keys, defaults and what is allowed from the composed configuration and its schemas, comments from conf/."""

import dataclasses
import typing
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from bows.config.launchers import LAUNCHERS
from bows.config.paths import CONF
from bows.config.resolve import target_of
from bows.config.schema import AnalyzeConfig, CorpusConfig, TrainConfig
from bows.config.signature import fields_of, schema_of
from bows.config.validate import allowed
from bows.config.words import DEFAULT, named_words
from bows_docs.docstrings import REPOSITORY, as_markdown
from bows_docs.yaml_comments import comments

GROUPS = ("data", "model", "optimizer", "analysis", "trainer", "logger")
ROOTS = {"train": TrainConfig, "corpus": CorpusConfig, "analyze": AnalyzeConfig}
# Mappings that a reader adds names of his own to: shown whole, not key by key.
OPEN = ("analysis.sets", "analysis.categories")


@dataclasses.dataclass(frozen=True)
class Setting:
    """One key. default: as it stands in the configuration, ${...} not resolved."""

    name: str
    default: Any
    allowed: str
    says: str


def options(group: str) -> list[str]:
    """The options of a group; what options share, in shared/, is none."""
    paths = [path.relative_to(CONF / group) for path in (CONF / group).rglob("*.yaml")]
    return sorted(path.with_suffix("").as_posix() for path in paths if "shared" not in path.parts)


def root_settings(name: str) -> list[Setting]:
    """The keys of conf/<name>.yaml itself, its groups apart."""
    said = comments(CONF / f"{name}.yaml")[1]
    content = _read(CONF / f"{name}.yaml")
    hints = typing.get_type_hints(ROOTS[name], include_extras=True)
    return [
        Setting(key, value, allowed(hints[key]), said.get(key, ""))
        for key, value in content.items()
        if key not in ("defaults", "hydra")
    ]


def option_settings(group: str, option: str) -> list[Setting]:
    """Every key of an option as it is composed, with what it inherits."""
    composed = _composed(group, option)
    kind = _schema(group, composed)
    said = _comments(group, option)
    return [
        Setting(f"{group}.{key}", value, allowed(_annotation(kind, key)), said.get(key, ""))
        for key, value in _leaves(composed, group)
    ]


@cache
def _composed(group: str, option: str) -> dict[str, Any]:
    """An option with what its defaults list brings in, values as they are written. Hydra composes the same (a test compares the two), but
    takes seconds for all options together."""
    content = _read(CONF / group / f"{option}.yaml")
    parents = content.pop("defaults", ["_self_"])
    found: dict[str, Any] = {}
    for entry in parents:
        brought = content if entry == "_self_" else _composed(group, str(entry).partition("@")[0])
        found = _merged(found, brought)
    return found


def _merged(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    return below | {
        key: _merged(below[key], value) if isinstance(value, dict) and isinstance(below.get(key), dict) else value
        for key, value in above.items()
    }


def _read(path: Path) -> dict[str, Any]:
    return yaml.safe_load(path.read_text(encoding="utf-8")) or {}


def _schema(group: str, composed: dict[str, Any]) -> Any:
    if "_target_" in composed:
        return schema_of(target_of(composed), group)
    return typing.get_type_hints(TrainConfig)[group]


def _leaves(node: dict[str, Any], group: str, prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in node.items():
        if key == "_target_":
            continue
        if isinstance(value, dict) and f"{group}.{prefix}{key}" not in OPEN:
            yield from _leaves(value, group, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _annotation(kind: Any, key: str) -> Any:
    for part in key.split("."):
        kind = (fields_of(kind) or {})[part]
    return kind


@cache
def _comments(group: str, option: str) -> dict[str, str]:
    """What stands behind the keys of an option, and of the options that its defaults list names."""
    path = CONF / group / f"{option}.yaml"
    found: dict[str, str] = {}
    for entry in _read(path).get("defaults", []):
        parent = str(entry).partition("@")[0]
        if parent != "_self_":
            found |= _comments(group, parent)
    return found | comments(path)[1]


def shown(value: Any) -> str:
    """A default as one would write it on the command line."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return f"[{','.join(shown(each) for each in value)}]"
    if isinstance(value, dict):
        return f"{len(value)} of them"
    return "none: it must be given" if value == "???" else str(value)


def table(settings: list[Setting]) -> list[str]:
    """Settings as a table in Markdown."""
    lines = ["| setting | default | allowed | what it is |", "| --- | --- | --- | --- |"]
    for setting in settings:
        default = shown(setting.default)
        if len(default) > 90:
            default = f"{default[:80].rpartition(',')[0]},...]"
        cells = [f"`{setting.name}`", f"`{default}`", as_markdown(setting.allowed), as_markdown(setting.says)]
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return lines


def page() -> str:
    """The page, as Markdown."""
    lines = [
        "# Settings",
        "",
        "Every key of every option, made from `conf/` and the schemas in `bows/config/schema.py` each time this page is built. A setting "
        "is given on the command line as `setting=value`, a group as `group=option`; `--cfg job` prints what a command line amounts to. "
        "`${...}` takes the value of another setting.",
        "",
        "Lists are written `[a,b]`. A value with commas, spaces, `=` or brackets is quoted twice, once for the shell and once for Hydra: "
        "`\"data.train='my, file.txt'\"`.",
        "",
    ]
    for name in ROOTS:
        lines += [f"## bows.{name}", "", *table(root_settings(name)), ""]
    for group in GROUPS:
        lines += [f"## {group}", ""]
        for option in options(group):
            head = comments(CONF / group / f"{option}.yaml")[0]
            lines += [
                f"({group}-{option})=",
                f"### {group}={option}",
                "",
                *_head(head),
                *table(option_settings(group, option)),
                "",
            ]
    lines += ["## hydra/launcher", "", "Of a sweep (`-m`).", ""]
    for name in LAUNCHERS:
        lines += [
            f"(launcher-{name})=",
            f"### hydra/launcher={name}",
            "",
            f"{LAUNCHERS[name].__doc__}",
            "",
            *table(launcher_settings(name)),
            "",
        ]
    lines += [
        "## experiment",
        "",
        "Settings that belong together. What such a file does not name keeps its default.",
        "",
    ]
    for option in options("experiment"):
        path = CONF / "experiment" / f"{option}.yaml"
        lines += [
            f"(experiment-{option.replace('/', '-')})=",
            f"### experiment={option}",
            "",
            "```yaml",
            path.read_text(encoding="utf-8").rstrip(),
            "```",
            "",
        ]
    lines += [
        "## Words that are looked for",
        "",
        "The ordered sets of `analysis.sets`, and the categories of `analysis.categories`.",
        "",
    ]
    for name, words in named_words(DEFAULT)["sets"].items():
        lines += [f"- `{name}`: {as_markdown(', '.join(map(str, words)))}"]
    lines += ["", "Categories, with the first of their words:", ""]
    for name, words in named_words(DEFAULT)["categories"].items():
        words = words.split() if isinstance(words, str) else words
        lines += [f"- `{name}` ({len(words)} words): {as_markdown(', '.join(words[:12]))}, ..."]
    return "\n".join([*lines, ""])


def launcher_settings(name: str) -> list[Setting]:
    """The settings of an option of hydra/launcher, with the comments that stand over them in the code."""
    said = _field_comments(REPOSITORY / "bows" / "config" / "launchers.py")
    hints = typing.get_type_hints(LAUNCHERS[name])
    return [
        Setting(
            f"hydra.launcher.{field.name}",
            {} if field.default is dataclasses.MISSING else field.default,
            "a mapping" if field.default is dataclasses.MISSING else allowed(hints[field.name]),
            said.get(field.name, ""),
        )
        for field in dataclasses.fields(LAUNCHERS[name])
        if field.name not in ("_target_", "engine")
    ]


def _field_comments(path: Path) -> dict[str, str]:
    found, said = {}, []
    for line in path.read_text(encoding="utf-8").splitlines():
        line = line.strip()
        if line.startswith("#"):
            said.append(line.removeprefix("#").strip())
            continue
        name, colon, _ = line.partition(":")
        if said and colon and name.isidentifier():
            found[name] = " ".join(said)
        said = []
    return found


def _head(text: str) -> list[str]:
    """The head of a file: commands in a block of code, the rest as text."""
    lines = []
    for line in text.splitlines():
        lines += ["```sh", line, "```", ""] if line.startswith("python -m ") else [as_markdown(line)]
    return [*lines, ""] if lines else []
