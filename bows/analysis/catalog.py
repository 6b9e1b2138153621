"""The catalog of metrics: what catalog.toml states of every key of summary.json.

The console table, reports, dashboard, glossary and README read it. No other place describes a metric.
"""

import math
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from functools import cache
from pathlib import Path
from typing import Literal, NamedTuple

from bows.console import four_digits


@dataclass(frozen=True)
class Metric:
    """One metric, or the metrics of one pattern: ``<set>`` in a name matches any text."""

    name: str
    label: str
    """Short, for a table or an axis."""
    meaning: str = ""
    """One phrase; empty for a metric that is not in the catalog."""
    range: str = "(-∞, ∞)"
    """An interval, as ``[0, 1]``, or ``0, 1, 2, ...``."""
    better: Literal["higher", "lower", ""] = ""
    """Empty where neither direction is better."""
    unit: str = ""
    """Empty for a pure number."""
    baseline: str = ""
    """What to compare with, parts separated by "; ". Names of metrics are in braces; :func:`baseline` puts in values."""
    source: str = ""
    """Citation; "bows" where the definition is this project's."""
    function: str = ""
    """Dotted name of the function or class whose docstring has the formula."""
    optional: bool = False
    """Whether some models or documents have no such value, by definition."""
    pattern: str = ""
    """The key of this entry in METRICS, as ``ring/<set>/order``."""

    @property
    def group(self) -> str:
        """The first part of the name, a key of GROUPS."""
        return self.name.partition("/")[0]

    @property
    def compared_with(self) -> tuple[str, ...]:
        """The metrics that the baseline names."""
        return tuple(name for name in _braced(self.baseline) if not name.startswith("="))

    def holds(self, value: float) -> bool:
        """Return whether a value is in the metric's range; an upper bound of m or V is not checked.

        >>> metric("cluster/purity").holds(0.0), metric("cluster/purity_p").holds(0.0), metric("cluster/words").holds(1.5)
        (True, False, False)
        """
        if not (found := re.fullmatch(r"([\[(])(.+?), (.+)([\])])", self.range)):
            return value >= 0 and value == int(value)
        low, high = (float(text.replace("∞", "inf")) if "m" not in text else math.inf for text in found.groups()[1:3])
        return low < value < high or (value == low and found[1] == "[") or (value == high and found[4] == "]")


class Group(NamedTuple):
    """The metrics whose names begin alike."""

    title: str
    about: str


def _read() -> tuple[dict[str, Metric], dict[str, Group], tuple[str, ...], dict[str, str]]:
    """Return metrics, groups, headline and columns of catalog.toml; metrics in the order of their groups."""
    given = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
    rows = {name: Metric(name=name, pattern=name, **entry) for name, entry in given["metrics"].items()}
    groups = {name: Group(**entry) for name, entry in given["groups"].items()}
    order = list(groups)
    rows = {name: rows[name] for name in sorted(rows, key=lambda name: order.index(rows[name].group))}
    return rows, groups, tuple(given["headline"]), given["columns"]


METRICS: Mapping[str, Metric]
"""Every metric by its name or pattern."""
GROUPS: Mapping[str, Group]
"""First part of a metric's name -> its group, in the order in which groups are shown."""
HEADLINE: tuple[str, ...]
"""The metrics to show first, in order."""
COLUMNS: Mapping[str, str]
"""Column of words.parquet -> its meaning."""
METRICS, GROUPS, HEADLINE, COLUMNS = _read()


@cache
def _patterns() -> list[tuple[re.Pattern[str], Metric]]:
    """Return a regular expression for each pattern, those with the most literal text first."""
    found = []
    for row in METRICS.values():
        parts = re.split(r"<(\w+)>", row.name)
        if len(parts) > 1:
            text = "".join(f"(?P<{part}>.+)" if place % 2 else re.escape(part) for place, part in enumerate(parts))
            found.append((len("".join(parts[::2])), re.compile(text), row))
    return [(expression, row) for _, expression, row in sorted(found, key=lambda each: -each[0])]


@cache
def metric(name: str) -> Metric:
    """Return a metric by its name in summary.json; one without meaning, range and source for a name that is not known.

    >>> metric("ring/months/order").label, metric("ring/months/order").pattern, metric("my/own").meaning
    ('months in cyclic order', 'ring/<set>/order', '')
    """
    if name in METRICS:
        return METRICS[name]
    for expression, row in _patterns():
        if found := expression.fullmatch(name):
            texts = {field.name: getattr(row, field.name) for field in fields(row) if field.name != "pattern"}
            for part, text in found.groupdict().items():
                texts = {
                    key: value.replace(f"<{part}>", text) if isinstance(value, str) else value
                    for key, value in texts.items()
                }
            return replace(row, **texts)
    return Metric(name, name)


def baseline(name: str, summary: Mapping[str, float | None], latent: int | None = None) -> str:
    """Return what a metric is compared with, with values; parts whose values are not known are left out.

    Args:
        name: Of the metric.
        summary: Metric name -> value.
        latent: m, which the cosine of random directions depends on.

    >>> baseline("alignment/rsa", {"alignment/rsa": 0.3, "alignment/rsa_p": 0.01})
    'unrelated 0; p against relabelled words 0.01'
    """
    values = {name: value for name, value in summary.items() if value is not None} | _computed(summary, latent)
    parts = [part for part in metric(name).baseline.split("; ") if part and all(key in values for key in _braced(part))]
    return re.sub(r"{(.+?)}", lambda found: four_digits(values[found[1]]), "; ".join(parts))


def headline_labels() -> dict[str, str]:
    """Return the label of every metric of HEADLINE."""
    return {name: metric(name).label for name in HEADLINE}


def _computed(summary: Mapping[str, float | None], latent: int | None) -> dict[str, float]:
    """Return the baselines that follow from other metrics."""
    found = {}
    loss, r2 = summary.get("reconstruction/loss"), summary.get("reconstruction/r2")
    if loss is not None and r2 is not None and r2 < 1:
        found["=frequency_loss"] = loss / (1 - r2)  # R^2 = 1 - loss / that of the words' frequencies
    coherence, ratio = summary.get("packing/coherence"), summary.get("packing/welch_ratio")
    if coherence is not None and ratio:
        found["=welch_bound"] = coherence / ratio
    if latent:
        found["=random_cosine"] = 1 / math.sqrt(latent)  # root mean square cosine of two random directions
    return found


def _braced(text: str) -> list[str]:
    return re.findall(r"{(.+?)}", text)
