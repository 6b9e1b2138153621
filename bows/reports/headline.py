"""The headline metrics of a report, each with its baseline, and all metrics by group."""

from collections.abc import Mapping
from typing import NamedTuple

from bows.analysis.catalog import GROUPS, HEADLINE, baseline, metric
from bows.reports.html import number

LEVEL = 0.05


class Headline(NamedTuple):
    """One headline metric."""

    metric: str
    title: str
    value: float
    phrase: str
    null: str
    """What it is compared with; empty where there is nothing."""


def headlines(summary: Mapping[str, float], latent: int | None) -> list[Headline]:
    """Return the headline metrics that a run has, and how many ordered sets are in their order.

    Args:
        summary: Metric name -> value.
        latent: m, for the cosine of random directions; None where it is not known.
    """
    found = []
    for name in HEADLINE:
        row = metric(name)
        if name in summary and row.group not in ("ring", "speed"):
            found.append(Headline(name, row.label, summary[name], row.meaning, baseline(name, summary, latent)))
    tested = {name: p for name, p in summary.items() if metric(name).pattern == "ring/<set>/order_p"}
    if tested:
        ordered = sum(p < LEVEL for p in tested.values())
        phrase = f"of {len(tested)} ordered sets are in their cyclic order with p < {LEVEL:g}"
        null = f"random orders {number(LEVEL * len(tested))} expected"
        found.append(Headline("ring", "Ordered sets in cyclic order", float(ordered), phrase, null))
    return found


class Row(NamedTuple):
    """One row of the table of all metrics."""

    metric: str
    value: float | None
    phrase: str


def grouped(summary: Mapping[str, float | None]) -> list[tuple[str, list[Row]]]:
    """Return all metrics under the titles of their groups, in the groups' order, those of unknown groups last."""
    found: dict[str, list[Row]] = {group.title: [] for group in GROUPS.values()}
    for name, value in summary.items():
        row = metric(name)
        title = GROUPS[row.group].title if row.group in GROUPS else "Other"
        found.setdefault(title, []).append(Row(name, value, row.meaning))
    return [(title, rows) for title, rows in found.items() if rows]
