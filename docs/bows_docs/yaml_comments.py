"""What the comments in a configuration file say of each key."""

from pathlib import Path

import yaml


def comments(path: Path) -> tuple[str, dict[str, str]]:
    """The comment at the head of a YAML file, as lines; and what stands behind each key, dotted where it lies in another.

    A comment behind a key may go on in the lines under it, further in than the key.
    """
    lines = path.read_text(encoding="utf-8").splitlines()
    head = []
    for line in lines:
        if not line.startswith("#"):
            break
        head.append(line.removeprefix("#").removeprefix(" "))
    found: dict[str, str] = {}
    node = yaml.compose("\n".join(lines))
    if isinstance(node, yaml.MappingNode):
        _collect(node, "", lines, found)
    return "\n".join(line for line in head if not line.startswith("@package")), found


def _collect(node: yaml.MappingNode, prefix: str, lines: list[str], found: dict[str, str]) -> None:
    for key, value in node.value:
        name = f"{prefix}{key.value}"
        nested = isinstance(value, yaml.MappingNode) and not value.flow_style
        # Of a nested mapping the comment stands behind the key itself.
        mark = key.end_mark if nested else value.end_mark
        said = [_behind(lines[mark.line], mark.column)]
        for line in lines[mark.line + 1 :]:
            inner = line.lstrip()
            if not said[0] or not inner.startswith("#") or len(line) - len(inner) <= key.start_mark.column:
                break
            said.append(inner.removeprefix("#").strip())
        if text := " ".join(filter(None, said)):
            found[name] = text
        if isinstance(value, yaml.MappingNode):
            _collect(value, f"{name}.", lines, found)


def _behind(line: str, column: int) -> str:
    rest = line[column:].lstrip(": ")
    return rest.removeprefix("#").strip() if rest.startswith("#") else ""
