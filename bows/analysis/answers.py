"""The answers with which a report opens, written from the thresholds in catalog.toml."""

import re
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple


class Answers(NamedTuple):
    """What the metrics of a run answer."""

    stated: list[str]
    """Sentences, each with its full stop."""
    not_measured: list[str]
    """Subjects of the answers whose metrics are not there."""


def answers(summary: Mapping[str, float], items: bool = False) -> Answers:
    """Return the answers that the metrics of a run give.

    Args:
        summary: Metric name -> finite value.
        items: Whether the run is of pairs of items.

    >>> answers({"cluster/purity_z": 45.2}).stated
    ['Words of one category lie together (z 45).']
    """
    found = Answers([], [])
    for entry in _entries():
        if entry.get("items", False) != items:
            continue
        value, name = _best(entry, summary)
        if value is None:
            found.not_measured.extend([entry["subject"]] if "subject" in entry else [])
        elif text := next(each["text"] for each in entry["texts"] if value >= each.get("from", -float("inf"))):
            found.stated.append(_filled(text, name, summary) + ".")
    return found


@cache
def _entries() -> list[dict[str, Any]]:
    return tomllib.loads(Path(__file__).with_name("catalog.toml").read_text(encoding="utf-8"))["answers"]


def _best(entry: Mapping[str, Any], summary: Mapping[str, float]) -> tuple[float | None, str]:
    """Return the value of an entry's metric, and the text that <set> matched, of the best set; None where there is no such metric."""
    before, _, after = entry["metric"].partition("<set>")
    pattern = re.compile(f"{re.escape(before)}(.+){re.escape(after)}" if after else f"{re.escape(before)}()")
    names = {match[1]: summary[match[0]] for match in map(pattern.fullmatch, summary) if match}
    if not names:
        return None, ""
    p = {name: summary.get(entry["p"].replace("<set>", name), 1.0) if "p" in entry else 0.0 for name in names}
    held = {name: value if p[name] * len(names) <= entry.get("level", 1.0) else 0.0 for name, value in names.items()}
    best = max(names, key=lambda name: (held[name], -p[name]))
    return held[best], best


def _filled(text: str, name: str, summary: Mapping[str, float]) -> str:
    """Put the name of a set and values of two significant digits into a text; a value that is not there is a dash."""

    def value(match: re.Match[str]) -> str:
        key = match[1].replace("<set>", name)
        return f"{float(f'{summary[key]:.2g}'):g}" if key in summary else "–"

    return re.sub(r"{(.+?)}", value, text.replace("{set}", name.replace("_", " ")))
