"""Search all words for rings, lines and tight clusters beyond chance.

Candidates are :func:`bows.analysis.neighbour_sets.neighbour_sets`; each is scored as a ring, a line and a cluster by
:func:`bows.analysis.set_shapes.shapes` and :func:`bows.analysis.set_shapes.isolation`. Two nulls:

1. *Surrogates*: vocabularies of random directions with the mean and second moments of this one
   (:func:`bows.analysis.surrogates.surrogate_directions`) go through the same search and scoring, which accounts for the number of sets
   searched. :meth:`bows.analysis.set_shapes.Scored.evidence` is made alike for all sizes and kinds (:meth:`Null.comparable`). p = (1 +
   surrogate candidates, of any size and kind, with at least this evidence) / (1 + surrogate candidates); a candidate counts once for
   each kind that it is eligible for (:meth:`bows.analysis.set_shapes.Scored.eligible`). q by Benjamini and Yekutieli over all of them,
   filled up with p = 1 to as many as a surrogate has on average: candidates are branches of one tree, nested and overlapping, and this
   procedure holds under any dependence.
2. *Matched sets*, for the best of overlapping sets of each kind at q <= ``q_threshold``: random sets of the same frequencies from
   around the set (a cluster: from anywhere; :func:`bows.analysis.surrogates.matched_sets`), given its mean cosine by a common
   component (not so for a cluster, whose score it is). p_matched = (1 + those with at least this score) / (1 + draws), its q by
   Benjamini and Hochberg over these rows. A row must beat both: its q is the larger.

Of overlapping sets of one kind (Jaccard index over 0.5, or one inside the other) only the best by q, then score, is kept, and no line
that overlaps a ring: it is an arc or a view of it. At most 200 of each kind are tested against matched sets, and shown.
"""

import math
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from scipy.stats import false_discovery_control
from torch import Tensor

from bows.analysis.directions import directions
from bows.analysis.neighbour_sets import LARGEST, SMALLEST, Neighbourhoods, neighbour_sets, neighbourhoods
from bows.analysis.set_shapes import KINDS, ROUNDING, Scored, cosines, score_sets
from bows.analysis.surrogates import frequency_strata, matched_sets, surrogate_directions, with_mean_cosine
from bows.errors import DataError, SettingError

WORK = 6e12  # multiplications and additions that the surrogates' cosines may cost together: about 70 s of one core
WORDS = 400_000  # words in all surrogates together
FEWEST_SURROGATES, MOST_SURROGATES = 20, 2000
REFERENCE_SETS = 1000  # at each size, for the tail of its evidence
TAIL = 0.1  # share of these sets taken as the tail
ROWS = 200  # of each kind, tested against matched sets
SMALLEST_EXCESS = 1e-3  # so that the evidence stays finite where all surrogates agree

# kind: ring, line or cluster. words: around the ring from its first word in the vocabulary towards the earlier of its neighbours;
# along the line; from the centre of the cluster outwards. evidence: comparable between sizes and kinds; -ln of a tail probability,
# before any correction for the search. planarity, circulance, spread: of the set as a ring, whatever its kind. isolation: null where
# no word is outside.
NUMBERS = (
    "score",
    "evidence",
    "planarity",
    "circulance",
    "spread",
    "linearity",
    "isolation",
    "mean_cosine",
    "p",
    "p_matched",
    "q",
)
SCHEMA = pa.schema(
    {"kind": pa.string(), "size": pa.int32(), "words": pa.list_(pa.string()), **dict.fromkeys(NUMBERS, pa.float64())}
)


class Row(NamedTuple):
    """One candidate as one kind of shape."""

    kind: str
    size: int
    place: int
    """Among the sets of its size."""
    score: float
    evidence: float
    p: float
    q: float


def scan(
    encoder: Tensor,
    vocabulary: Sequence[str],
    frequency: np.ndarray,
    *,
    seed: int,
    draws: int = 999,
    surrogates: int | None = None,
    q_threshold: float = 0.05,
) -> pa.Table:
    """Return sets of 4 to 24 words whose unit directions lie on a ring, on a line or in a tight cluster, beyond chance.

    The method is described at the top of this module.

    Args:
        encoder: (m, V).
        vocabulary: V words.
        frequency: (V,), the share of held-out windows that hold each word.
        seed: of both nulls.
        draws: matched sets for each row, 1 or more.
        surrogates: how many; None for as many as two minutes allow: from 29 at V = 10,000 and m = 1000 to 2000 at V = 12.
        q_threshold: rows of a higher q are left out, in (0, 1].

    Returns:
        One row per set, by q, then score, of the columns of ``SCHEMA``; its metadata hold the numbers of ``candidates``, ``surrogates``,
        ``surrogate_candidates`` and ``draws``, and ``seed`` and ``q_threshold``.

    Raises:
        SettingError: ``draws``, ``surrogates`` or ``q_threshold`` out of range.
        DataError: ``vocabulary`` or ``frequency`` not of V entries, or a weight or frequency that is not finite.
    """
    frequency = np.asarray(frequency, np.float64)
    _check(encoder, vocabulary, frequency, draws, surrogates, q_threshold)
    unit, kept = directions(encoder)
    # On the CPU: sets are small and many, and their eigenvectors are found there.
    unit, kept = unit.float().cpu(), kept.cpu().numpy()
    surrogates = surrogates or affordable(len(kept), min(unit.shape))
    generator = np.random.default_rng(seed)
    real: dict[int, Scored] = {}
    null, records = Null({}, np.empty(0), 0, surrogates), []
    if len(kept) >= SMALLEST:
        near, columns = neighbourhoods(unit[None]), unit.T.contiguous()
        real = {size: score_sets(cosines(columns, sets), sets, near) for size, sets in neighbour_sets(near).items()}
        if real:
            null = surrogate_null(unit, real, surrogates, generator)
        rows = _apart([row for row in _ranked(real, null) if row.q <= q_threshold], real)
        stratum = frequency_strata(frequency[kept])
        matched = [_matched_p(row, real[row.size], columns, near, stratum, draws, generator) for row in rows]
        tested = zip(rows, matched, false_discovery_control(matched) if matched else [], strict=True)
        names = [str(vocabulary[index]) for index in kept.tolist()]
        records = [
            _record(row, real[row.size], p, max(row.q, float(q)), names) for row, p, q in tested if q <= q_threshold
        ]
    records.sort(key=lambda record: (record["q"], -record["score"]))
    metadata = {"candidates": sum(len(scored.sets) for scored in real.values()), "surrogates": surrogates}
    metadata |= {"surrogate_candidates": null.candidates, "draws": draws, "seed": seed, "q_threshold": q_threshold}
    return pa.Table.from_pylist(records, SCHEMA.with_metadata({name: str(value) for name, value in metadata.items()}))


def affordable(words: int, dimensions: int) -> int:
    """Return how many surrogates of ``words`` directions in ``dimensions`` dimensions two minutes allow: 20 to 2000."""
    by_products = WORK / (2.0 * words**2 * dimensions + 1)
    return int(np.clip(min(by_products, WORDS / max(words, 1)), FEWEST_SURROGATES, MOST_SURROGATES))


class Null(NamedTuple):
    """The scores of the surrogates."""

    tails: dict[tuple[str, int], tuple[float, float]]
    """Threshold and mean excess over it of each kind's raw evidence at each size: an exponential tail of TAIL of the sets, its mean by its
    median so that a few found sets do not hide each other."""
    evidence: np.ndarray
    """That of all candidates of all surrogates, as every kind they are eligible for, in increasing order."""
    candidates: int
    """How many candidates these are."""
    surrogates: int

    def comparable(self, kind: str, size: int, raw: np.ndarray) -> np.ndarray:
        """Return evidence comparable across sizes and kinds: the tail's -ln of the probability of at least the raw evidence."""
        threshold, excess = self.tails[kind, size]
        return (raw - threshold) / excess - math.log(TAIL)

    def p(self, evidence: np.ndarray) -> np.ndarray:
        """Return (1 + surrogate candidates with at least this evidence) / (1 + surrogate candidates), in (0, 1]."""
        count = len(self.evidence)
        return (1 + count - np.searchsorted(self.evidence, evidence - ROUNDING)) / (1 + count)


def surrogate_null(unit: Tensor, real: dict[int, Scored], count: int, generator: np.random.Generator) -> Null:
    """Search and score ``count`` surrogates of the unit directions (m, V).

    The tails are those of random neighbourhoods (a random word of a surrogate with its nearest), of the surrogates' candidates, and of
    the real candidates, ``real`` by size: left out, these would not be treated as the surrogates' are, and p would be too low.
    """
    words = unit.shape[1]
    sizes = range(SMALLEST, min(LARGEST, words) + 1)
    every: dict[tuple[str, int], list[np.ndarray]] = {(kind, size): [] for kind in KINDS for size in sizes}
    candidate: dict[tuple[str, int], list[np.ndarray]] = {(kind, size): [] for kind in KINDS for size in sizes}
    for size, scored in real.items():
        for kind in KINDS:
            every[kind, size].append(scored.evidence(kind))
    searched = 0
    starts = math.ceil(REFERENCE_SETS / count)
    for batch in surrogate_directions(unit, count, generator):
        near = neighbourhoods(batch)
        columns = batch.mT.reshape(-1, batch.shape[1])
        start = generator.integers(len(columns), size=starts * len(batch))
        around = np.concatenate([start[:, None], near.indices[start]], axis=1)
        nested = cosines(columns, around[:, : sizes[-1]])  # a neighbourhood's nearest words are a smaller neighbourhood
        groups = [(False, score_sets(nested[:, :size, :size], around[:, :size], near)) for size in sizes]
        found = neighbour_sets(near).values()
        groups += [(True, score_sets(cosines(columns, sets), sets, near)) for sets in found]
        searched += sum(len(sets) for sets in found)
        for is_candidate, group in groups:
            for kind in KINDS:
                raw, key = group.evidence(kind), (kind, group.sets.shape[1])
                every[key].append(raw)
                if is_candidate:
                    candidate[key].append(raw[group.eligible(kind)])
    tails = {}
    for key, stored in every.items():
        pooled = np.concatenate(stored)
        pooled = pooled[np.isfinite(pooled)]
        threshold = np.quantile(pooled, 1 - TAIL) if len(pooled) else 0.0
        above = pooled[pooled > threshold] - threshold
        excess = float(np.median(above)) / math.log(2) if len(above) else 0.0
        tails[key] = float(threshold), max(excess, SMALLEST_EXCESS)
    null = Null(tails, np.empty(0), searched, count)
    evidence = [null.comparable(*key, raw) for key, stored in candidate.items() for raw in stored]
    return null._replace(evidence=np.sort(np.concatenate([np.empty(0), *evidence])))


def _ranked(real: dict[int, Scored], null: Null) -> list[Row]:
    """Return every candidate as every kind that it is eligible for, with its p and q by the surrogates, best first."""
    rows: list[Row] = []
    for size, scored in real.items():
        for kind in KINDS:
            place = np.flatnonzero(scored.eligible(kind))
            evidence = null.comparable(kind, size, scored.evidence(kind)[place])
            columns = (place, scored.score(kind)[place], evidence, null.p(evidence))
            rows += [Row(kind, size, *row, q=1.0) for row in zip(*(column.tolist() for column in columns), strict=True)]
    # p is among candidates; a vocabulary with few of them must not count as having been searched less than the surrogates were.
    typical = math.ceil(len(null.evidence) / null.surrogates)
    q = false_discovery_control([row.p for row in rows] + [1.0] * (typical - len(rows)), method="by")[: len(rows)]
    ranked = [row._replace(q=float(value)) for row, value in zip(rows, q, strict=True)]
    return sorted(ranked, key=lambda row: (row.q, -row.score))


def _apart(rows: list[Row], real: dict[int, Scored]) -> list[Row]:
    """Return the first of overlapping sets of one kind, no line that overlaps a ring, and at most ROWS of a kind."""
    kept: list[Row] = []
    family = {"ring": "chain", "line": "chain", "cluster": "cluster"}
    holding: dict[tuple[str, int], list[set[int]]] = {}  # the sets kept of a family that hold a word
    count: Counter[str] = Counter()
    for row in sorted(rows, key=lambda row: row.kind == "line"):  # rings before lines, else in their order
        members = set(real[row.size].sets[row.place].tolist())
        near = [other for word in members for other in holding.get((family[row.kind], word), [])]
        if count[row.kind] == ROWS or any(_overlap(members, other) for other in near):
            continue
        for word in members:
            holding.setdefault((family[row.kind], word), []).append(members)
        count[row.kind] += 1
        kept.append(row)
    return kept


def _overlap(first: set[int], second: set[int]) -> bool:
    """Return whether two sets are one finding: a Jaccard index over 0.5, or one inside the other."""
    both = len(first & second)
    return both == min(len(first), len(second)) or both > 0.5 * len(first | second)


def _matched_p(
    row: Row, scored: Scored, columns: Tensor, near: Neighbourhoods, stratum: np.ndarray, draws: int, generator
) -> float:
    """Return (1 + matched sets with at least the row's score) / (1 + draws)."""
    sets = matched_sets(scored.sets[row.place], columns, stratum, draws, generator, nearby=row.kind != "cluster")
    gram = cosines(columns, sets)
    if row.kind != "cluster":
        gram = with_mean_cosine(gram, float(scored.shapes.mean_cosine[row.place]))
    score = score_sets(gram, sets, near).score(row.kind)
    return (1 + int((score >= row.score - ROUNDING).sum())) / (1 + draws)


def _record(row: Row, scored: Scored, p_matched: float, q: float, names: list[str]) -> dict:
    """Return a row of the table."""
    members, order = scored.sets[row.place], scored.order(row.kind)[row.place]
    ordered = members[order].tolist()
    if row.kind == "ring":
        start = ordered.index(min(ordered))
        ordered = ordered[start:] + ordered[:start]
        if ordered[-1] < ordered[1]:
            ordered = ordered[:1] + ordered[:0:-1]
    elif row.kind == "line" and ordered[-1] < ordered[0]:
        ordered.reverse()
    measured = {
        name: float(getattr(scored.shapes, name)[row.place])
        for name in ("planarity", "circulance", "spread", "linearity", "mean_cosine")
    }
    apart = float(scored.isolation[row.place])
    found = {"kind": row.kind, "size": row.size, "words": [names[word] for word in ordered], "score": float(row.score)}
    found |= {"evidence": float(row.evidence), **measured, "isolation": apart if math.isfinite(apart) else None}
    return {**found, "p": float(row.p), "p_matched": p_matched, "q": q}


def _check(encoder, vocabulary, frequency, draws, surrogates, q_threshold) -> None:
    words = encoder.shape[1] if encoder.ndim == 2 else 0
    if len(vocabulary) != words or frequency.shape != (words,):
        raise DataError(
            f"an encoder of {words} words needs as many in vocabulary and frequency; got {len(vocabulary)} and"
            f" {frequency.shape}: give those of its own run"
        )
    if not np.isfinite(frequency).all():
        raise DataError("frequency holds values that are not finite: count the words in windows that hold some")
    for name, value in (("draws", draws), ("surrogates", surrogates)):
        if value is not None and value < 1:
            raise SettingError(f"{name}={value}: give 1 or more")
    if not 0 < q_threshold <= 1:
        raise SettingError(f"q_threshold={q_threshold}: give a rate over 0 and at most 1, such as 0.05")
