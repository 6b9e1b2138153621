"""Choose the panels of a dashboard: a section per group of the metric catalog, every logged metric in a panel."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Literal

from bows.analysis.catalog import GROUPS, HEADLINE, METRICS, Metric, metric
from bows.tracking.dashboard.logged import Logged, known

Kind = Literal["line", "bar", "scatter", "spread", "parallel", "table", "images"]
# Metrics that one panel shows: parts of a whole, or alternatives.
TOGETHER = {
    "Shares of the words": tuple(f"regime/{name}" for name in ("absent", "linear", "antipodal", "orthogonal", "mixed")),
    "Error rates": ("reconstruction/false_positive_rate", "reconstruction/false_negative_rate"),
    "Words rescued and false positives filtered": ("interference/rescued", "interference/filtered"),
}
# Metrics that are drawn against the varied settings, the first ones of the headline.
SWEEP_METRICS = 8


@dataclass(frozen=True)
class Panel:
    """One chart, or a table, or a gallery."""

    kind: Kind
    """line: against the step. bar: the last value of each run. scatter: against a setting, a point per run. spread: mean
    and standard error over the runs of each value of a setting. parallel: coordinates of settings and metrics, a line per run."""
    title: str
    names: tuple[str, ...] = ()
    """Of metrics, or the key of the table, or those of images."""
    pattern: str = ""
    """A regular expression that replaces names: every metric that matches."""
    settings: tuple[str, ...] = ()
    """Dotted settings: the one of a scatter or a spread, all of a parallel."""


@dataclass(frozen=True)
class Section:
    """Panels under one heading."""

    name: str
    about: str
    panels: tuple[Panel, ...]


def sections(logged: Logged) -> list[Section]:
    """Return the sections of a dashboard: groups of metrics, then the sweep, the tables of words and the figures.

    Every metric of `logged` is in a panel; a panel refers to nothing else.
    """
    order = {name: place for place, name in enumerate(METRICS)}
    rows = sorted(map(metric, logged.metrics), key=lambda row: (order.get(row.pattern, len(order)), row.name))
    found = []
    for name in dict.fromkeys([*GROUPS, *(row.group for row in rows)]):
        title, about = GROUPS.get(name, (name, "Metrics that are not in the catalog"))
        found.append(Section(title, about, tuple(_panels([row for row in rows if row.group == name], logged))))
    found.append(Section("Sweep", "Metrics against what was varied, over all runs shown", tuple(_sweep(logged))))
    words = tuple(Panel("table", name.partition("/")[2], (name,)) for name in logged.tables)
    found.append(Section("Words", "Every word, and the regimes by frequency", words))
    found.append(Section("Figures", "Figures of each run", tuple(_images(logged))))
    return [section for section in found if section.panels]


def left_out(logged: Logged) -> list[str]:
    """Return what of `known` was not logged: titles of groups that have nothing, then single names."""
    standard = known()
    groups = {name.partition("/")[0] for name in logged.metrics}
    missing = [row for name, row in METRICS.items() if name in standard.metrics and name not in logged.metrics]
    whole = dict.fromkeys(GROUPS[row.group].title for row in missing if row.group not in groups)
    single = [row.name for row in missing if row.group in groups and "<" not in row.name]
    media = [name for name in standard.tables if name not in logged.tables]
    return [*whole, *single, *media, *(name for name in standard.images if name not in logged.images)]


def _panels(rows: list[Metric], logged: Logged) -> Iterator[Panel]:
    """Yield the panels of a group: one metric with its baselines, or one metric of all ordered sets."""
    shown: set[str] = set()
    for row in rows:
        if row.name in shown:
            continue
        title, together = row.label, (row.name,)
        for alternative, names in TOGETHER.items():
            if row.name in names:
                title, together = alternative, names
        if "<" in row.pattern:
            title = f"{GROUPS[row.group].title}: {re.sub(r'<.+?>:? ?', '', METRICS[row.pattern].label)}"
            together = tuple(each.name for each in rows if each.pattern == row.pattern)
        names = dict.fromkeys([*together, *_baselines(row, logged)])
        chosen = tuple(name for name in names if name in logged.metrics and name not in shown)
        shown |= set(chosen)
        yield _chart(title, chosen, logged)


def _baselines(row: Metric, logged: Logged) -> Iterator[str]:
    """Yield the metrics that a metric is compared with and that share its axis: its null, or one of the same range."""
    for other in map(metric, row.compared_with):
        like = other.name.endswith("_null") or (other.range, other.unit) == (row.range, row.unit)
        if (
            like
            and other.group == row.group
            and (other.name in logged.over_training) == (row.name in logged.over_training)
        ):
            yield other.name


def _chart(title: str, names: tuple[str, ...], logged: Logged) -> Panel:
    if (
        "<" in names[0]
    ):  # the names of the sets, or the numbers of the deciles, are not known; W&B has no pattern for bars
        return Panel("line", title, pattern="|".join(f"^{re.sub('<.+?>', '[^/]+', name)}$" for name in names))
    return Panel("line" if logged.over_training.issuperset(names) else "bar", title, names)


def _sweep(logged: Logged) -> Iterator[Panel]:
    headline = [name for name in HEADLINE if name in logged.metrics and not name.startswith("speed/")]
    headline = tuple(headline[:SWEEP_METRICS])
    if not headline or not logged.settings:
        return
    yield Panel("parallel", "Settings and metrics", headline, settings=tuple(logged.settings))
    for name, (setting, number) in product(headline, logged.settings.items()):
        label = metric(name).label
        if number and setting != "seed":
            yield Panel("scatter", f"{label} against {setting}", (name,), settings=(setting,))
        if setting != "seed":
            yield Panel("spread", f"{label} by {setting}: mean and standard error", (name,), settings=(setting,))


def _images(logged: Logged) -> Iterator[Panel]:
    rings = tuple(name for name in logged.images if name.startswith("figures/ring_"))
    for title, names in (("Figures", tuple(name for name in logged.images if name not in rings)), ("Rings", rings)):
        if names:
            yield Panel("images", title, names)
