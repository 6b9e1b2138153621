"""The numbers a person looks at first, each with what it is held against."""

import math
from collections.abc import Callable, Mapping
from typing import NamedTuple

from bows.analysis.catalog import GROUPS, meaning
from bows.reports.html import number

Summary = Mapping[str, float]


class Headline(NamedTuple):
    """One number of the page's head."""

    metric: str
    title: str
    value: float
    phrase: str
    null: str
    """What it is held against; empty where there is nothing."""


def _linear(summary: Summary, value: float) -> str:
    if (linear := summary.get("reconstruction/r2_linear")) is None:
        return "beside 0 by the words’ frequencies alone"
    return f"beside {number(linear)} by the best linear read-out, 0 by the words’ frequencies alone"


def _loss(summary: Summary, value: float) -> str:
    r2 = summary.get("reconstruction/r2")
    return "" if r2 is None or r2 >= 1 else f"beside {number(value / (1 - r2))} by the words’ frequencies alone"


def _p(name: str, drawn: str) -> Callable[[Summary, float], str]:
    return lambda summary, _: "" if (p := summary.get(name)) is None else f"p = {number(p)} among {drawn}"


def _beside(name: str, said: str) -> Callable[[Summary, float], str]:
    return lambda summary, _: "" if (value := summary.get(name)) is None else f"beside {number(value)} {said}"


def _purity(summary: Summary, value: float) -> str:
    null, z = summary.get("cluster/purity_null"), summary.get("cluster/purity_z")
    return (
        ""
        if null is None
        else f"beside {number(null)} with labels permuted" + ("" if z is None else f"; z = {number(z)}")
    )


def _welch(summary: Summary, value: float) -> str:
    ratio = summary.get("packing/welch_ratio")
    return "" if not ratio else f"beside {number(value / ratio)}, the least for so many words (Welch’s bound)"


def _said(text: str) -> Callable[[Summary, float], str]:
    return lambda summary, value: text


# Metric, its title, and what it is held against.
_HEADLINES: tuple[tuple[str, str, Callable[[Summary, float], str]], ...] = (
    ("reconstruction/r2", "Variance explained, held out", _linear),
    ("reconstruction/loss", "Loss a cell, held out", _loss),
    ("reconstruction/relu_gain", "More than a linear read-out", _said("beside 0, where the output activation adds nothing")),
    ("interference/gap", "Interference helps by", _said("beside 0, where others add as much without it")),
    ("interference/filtered", "False alarms the ReLU removes", _said("")),
    ("alignment/rsa", "Geometry follows co-occurrence", _p("alignment/rsa_p", "relabelled words")),
    ("cluster/purity", "Neighbours of one’s own category", _purity),
    ("packing/interference_rms", "Typical cosine of two words", lambda summary, value: ""),
    ("packing/coherence", "Largest cosine of two words", _welch),
    ("capacity/features_per_dimension", "Features a dimension", _said("")),
    ("capacity/represented_fraction", "Words with a direction longer than ½", _said("")),
    ("classification/accuracy", "Pairs named rightly, held out",
     _beside("ablation/accuracy_majority", "by always naming the most frequent class")),
    ("probe/r2", "A linear probe reads the values", _p("probe/p", "relabelled items")),
    ("ablation/accuracy_keep", "Accuracy, the probed plane alone",
     _beside("ablation/accuracy_keep_random", "by random planes")),
    ("ablation/accuracy_remove", "Accuracy, all but that plane",
     _beside("ablation/accuracy_remove_random", "without random planes")),
)  # fmt: skip
CHANCE = 0.05


def headlines(summary: Summary, latent: int | None) -> list[Headline]:
    """The headline numbers that a run has. latent: m, for the cosine of random directions; None where it is not known."""
    told = []
    for metric, title, against in _HEADLINES:
        if (value := summary.get(metric)) is not None:
            null = against(summary, value)
            if metric == "packing/interference_rms" and latent:
                null = f"beside {number(1 / math.sqrt(latent))} for random directions"
            told.append(Headline(metric, title, value, meaning(metric), null))
    tested = {name: p for name, p in summary.items() if name.startswith("ring/") and name.endswith("/order_p")}
    if tested:
        found = sum(p < CHANCE for p in tested.values())
        phrase = f"of {len(tested)} ordered sets lie in their known order with p under {CHANCE:g}"
        null = f"beside {number(CHANCE * len(tested))} expected of random orders"
        told.append(Headline("ring", "Sets in their order", float(found), phrase, null))
    return told


class Row(NamedTuple):
    """One row of the table of all metrics."""

    metric: str
    value: float | None
    phrase: str


def grouped(summary: Mapping[str, float | None]) -> list[tuple[str, list[Row]]]:
    """All metrics under the titles of their groups, in the groups' order, those of unknown groups last."""
    found: dict[str, list[Row]] = {title: [] for title in GROUPS.values()}
    for name, value in summary.items():
        prefix = name.partition("/")[0]
        found.setdefault(GROUPS.get(prefix, "Other"), []).append(Row(name, value, meaning(name)))
    return [(title, rows) for title, rows in found.items() if rows]
