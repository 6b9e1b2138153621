"""Find rings, lines and tight clusters of words that nobody named, and say which are more than chance."""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import torch
from scipy.stats import false_discovery_control
from torch import Tensor

from bows.analysis.columns import directions
from bows.analysis.neighbour_sets import LARGEST, SMALLEST, Neighbourhoods, neighbour_sets, neighbourhoods
from bows.analysis.shapes import FLAT, KINDS, Shapes, isolation, shapes
from bows.errors import DataError, SettingError

CELLS = 10_000_000  # numbers held at a time, of directions gathered or surrogates drawn: 40 MB in float32
WORK = 4e12  # multiplications and additions that the surrogates may cost together: about a minute of one core
WORDS = 400_000  # words in all surrogates together
MOST_SURROGATES = 2000
REFERENCE_SETS = 4000  # for the mean and deviation of each score at each size
DECILES = 10
ROUNDS = 4  # of making a surrogate's moments right and its directions unit in turn
TINY = 1e-30
ROWS = 200  # of each kind, tested against matched sets
NEARBY = 10  # words of a set's neighbourhood for each of its own
ROUNDING = 1e-6  # two equal scores may differ by this
SMALLEST_DEVIATION = 1e-3  # of a score, so that z stays finite where all surrogates agree

SCHEMA = pa.schema(
    [
        ("kind", pa.string()),
        ("size", pa.int32()),
        ("words", pa.list_(pa.string())),
        ("score", pa.float64()),
        ("z", pa.float64()),
        ("planarity", pa.float64()),
        ("circulance", pa.float64()),
        ("spread", pa.float64()),
        ("linearity", pa.float64()),
        ("isolation", pa.float64()),
        ("mean_cosine", pa.float64()),
        ("p", pa.float64()),
        ("p_matched", pa.float64()),
        ("q", pa.float64()),
    ]
)


class Scored(NamedTuple):
    """Sets of one size with their shapes."""

    sets: np.ndarray
    """(S, n) word numbers."""
    shapes: Shapes
    isolation: np.ndarray
    """(S,), NaN where there is no word outside."""

    def score(self, kind: str) -> np.ndarray:
        """(S,): the score that the kind is ranked by; NaN where not defined."""
        return {"ring": self.shapes.ring, "line": self.shapes.line, "cluster": self.isolation}[kind]

    def evidence(self, kind: str) -> np.ndarray:
        """(S,): -log(1 - score) of a ring or a line, the score of a cluster.

        That n words come within e of a perfect shape by chance has a probability like e^(cn), so -log(1 - score) falls off exponentially at
        every size, only faster for more words; standardised it means the same for 4 words as for 24, which the score itself does not.
        """
        score = self.score(kind)
        return score if kind == "cluster" else -np.log(np.maximum(1 - score, ROUNDING))

    def order(self, kind: str) -> np.ndarray:
        """(S, n): positions in each set in the kind's order."""
        return {"ring": self.shapes.around, "line": self.shapes.along, "cluster": self.shapes.central}[kind]


class Row(NamedTuple):
    """One candidate as one kind of shape."""

    kind: str
    size: int
    place: int
    """Among the sets of its size."""
    z: float
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
    """Sets of 4 to 24 words whose unit directions lie on a ring, on a line or in a tight cluster, beyond chance.

    Candidates are :func:`bows.analysis.neighbour_sets.neighbour_sets`; each is scored as a ring, a line and a cluster by
    :func:`bows.analysis.shapes.shapes` and :func:`bows.analysis.shapes.isolation`. Two nulls:

    1. *Surrogates*: vocabularies of random directions with the second moments of this one (:func:`surrogate_directions`) go through the same
       search and scoring, so that having looked at many sets is allowed for. Scores become comparable between sizes as z = (score - mean) / sd
       over random neighbourhoods of that size (a random word of a surrogate and its nearest). p = (1 + surrogate candidates of the kind with at
       least this z) / (1 + surrogate candidates of the kind); q by Benjamini and Hochberg over all candidates of all kinds.
    2. *Matched sets*, for the best of overlapping sets of each kind at q < ``q_threshold``: :func:`matched_sets`, random sets of the same
       frequencies from around the set, scored alike. p_matched = (1 + those with at least this score) / (1 + draws), its q by Benjamini
       and Hochberg over these rows. A row must beat both: its q is the larger.

    Of overlapping sets of one kind (Jaccard index over 0.5, or one inside the other) only the best is kept.

    Args:
        encoder: (m, V).
        vocabulary: V words.
        frequency: (V,), the share of held-out windows that hold each word.
        seed: of both nulls.
        draws: matched sets for each row, 1 or more.
        surrogates: how many; None for as many as two minutes allow: from 20 at V = 10,000 and m = 1000 to 2000 at V = 12.
        q_threshold: rows at this q or above are left out, in (0, 1].

    Returns:
        One row a set, by q, then z: ``kind`` (ring, line or cluster), ``size``, ``words`` (around the ring from its first word of the
        vocabulary towards the earlier of its neighbours; along the line; or from the centre of the cluster outwards), ``score`` (what the kind is
        ranked by), ``z``, ``planarity``, ``circulance`` and ``spread`` (of the set as a ring, whatever its kind), ``linearity``, ``isolation``
        (null where no word is outside), ``mean_cosine``, ``p``, ``p_matched``, ``q``. The schema's metadata hold the numbers of
        ``candidates``, ``surrogates``, ``surrogate_candidates`` and ``draws``, and the ``seed`` and ``q_threshold``.

    Raises:
        SettingError: ``draws``, ``surrogates`` or ``q_threshold`` out of range.
        DataError: ``vocabulary`` or ``frequency`` not of V entries, or a weight or frequency that is not finite.
    """
    frequency = np.asarray(frequency, np.float64)
    _check(encoder, vocabulary, frequency, draws, surrogates, q_threshold)
    unit, kept = directions(encoder)
    # Scores have nothing to gain from a GPU: sets are small and many, and their eigenvectors are found on the CPU.
    unit, kept = unit.float().cpu(), kept.cpu().numpy()
    words = len(kept)
    surrogates = surrogates or affordable(words, min(unit.shape))
    generator = np.random.default_rng(seed)
    real: dict[int, Scored] = {}
    records, searched = [], 0
    if words > SMALLEST:
        near, columns = neighbourhoods(unit[None]), unit.T.contiguous()
        real = {size: score_sets(columns, sets, near) for size, sets in neighbour_sets(near).items()}
    if real:
        null = surrogate_null(unit, surrogates, generator)
        searched = len(null.z["ring"])
        rows = _apart([row for row in _ranked(real, null) if row.q < q_threshold or q_threshold == 1], real)
        stratum = _strata(frequency[kept])
        matched = [_matched_p(row, real[row.size], columns, near, stratum, draws, generator) for row in rows]
        q_matched = false_discovery_control(matched) if matched else []
        names = [vocabulary[index] for index in kept.tolist()]
        for row, p_matched, q in zip(rows, matched, q_matched, strict=True):
            if max(row.q, q) < q_threshold or q_threshold == 1:
                records.append(_record(row, real[row.size], p_matched, max(row.q, float(q)), names))
    records.sort(key=lambda record: (record["q"], -record["z"]))
    metadata = {
        "candidates": sum(len(scored.sets) for scored in real.values()),
        "surrogates": surrogates,
        "surrogate_candidates": searched,
        "draws": draws,
        "seed": seed,
        "q_threshold": q_threshold,
    }
    return pa.Table.from_pylist(records, SCHEMA.with_metadata({name: str(value) for name, value in metadata.items()}))


def affordable(words: int, dimensions: int) -> int:
    """Surrogates of ``words`` directions in ``dimensions`` dimensions that two minutes allow: 20 to 2000."""
    by_products = WORK / (2.0 * words**2 * dimensions + 1)
    return int(np.clip(min(by_products, WORDS / max(words, 1)), 20, MOST_SURROGATES))


def surrogate_directions(unit: Tensor, count: int, generator: np.random.Generator) -> Iterator[Tensor]:
    """Random vocabularies with the first and second moments of a real one: ``count`` of them, in batches (B, r, V) float32.

    With U (m, V) the real unit directions, a surrogate is U turned by a random rotation of the *words*, U Q, Q uniform over the
    rotations that keep the mean (Q 1 = 1): it keeps the mean direction, how many dimensions the vocabulary uses and how much of each, and
    loses which words go together. Without the mean, words that merely all have something in common would look like a line. The
    directions are then made unit, which changes the moments a little, so these are set again and the directions made unit again, four times.

    Args:
        unit: (m, V) unit directions.
        count: how many.
        generator: draws them.
    """
    words = unit.shape[1]
    mean, spectrum = _moments(unit)
    rank = len(spectrum)
    step = max(1, CELLS // (rank * words))
    for first in range(0, count, step):
        batch = min(step, count - first)
        gaussian = torch.from_numpy(generator.standard_normal((batch, words, rank), dtype=np.float32))
        drawn = torch.linalg.qr(gaussian - gaussian.mean(1, keepdim=True)).Q.mT
        for _ in range(ROUNDS):
            drawn = drawn - drawn.mean(2, keepdim=True)
            drawn *= (spectrum[:, None] / drawn.square().sum(2, keepdim=True).clamp_min(TINY)).sqrt()
            drawn += mean[:, None]
            drawn /= torch.linalg.vector_norm(drawn, dim=1, keepdim=True)
        yield drawn


def _moments(unit: Tensor) -> tuple[Tensor, Tensor]:
    """Mean (r,) and centred sums of squares (r,) of unit directions (m, V), on their principal axes and, last, the rest of the mean's axis."""
    exact = unit.double()
    mean = exact.mean(1)
    centred = exact - mean[:, None]
    if unit.shape[0] <= unit.shape[1]:
        squares, axes = torch.linalg.eigh(centred @ centred.T)
    else:
        squares, turned = torch.linalg.eigh(centred.T @ centred)
        axes = centred @ turned / squares.clamp_min(TINY).sqrt()
    used = squares > unit.shape[1] * FLAT
    axes, squares = axes[:, used], squares[used]
    along = axes.T @ mean
    rest = torch.linalg.vector_norm(mean - axes @ along)
    return torch.cat([along, rest[None]]).float(), torch.cat([squares, squares.new_zeros(1)]).float()


class Null(NamedTuple):
    """What the surrogates hold."""

    centre: dict[tuple[str, int], tuple[float, float]]
    """Mean and standard deviation of each kind's score over random neighbourhoods of each size."""
    z: dict[str, np.ndarray]
    """By kind, the z of all candidates of all surrogates, in increasing order."""

    def standardised(self, kind: str, size: int, score: np.ndarray) -> np.ndarray:
        """z = (score - mean) / sd for sets of one size."""
        mean, deviation = self.centre[kind, size]
        return (score - mean) / deviation

    def p(self, kind: str, z: np.ndarray) -> np.ndarray:
        """(1 + candidates with at least this z) / (1 + candidates), in (0, 1]."""
        null = self.z[kind]
        return (1 + len(null) - np.searchsorted(null, z - ROUNDING)) / (1 + len(null))


def surrogate_null(unit: Tensor, count: int, generator: np.random.Generator) -> Null:
    """Search and score ``count`` surrogates of the unit directions (m, V)."""
    words = unit.shape[1]
    sizes = range(SMALLEST, min(LARGEST, words) + 1)
    reference: dict[tuple[str, int], list[np.ndarray]] = {(kind, size): [] for kind in KINDS for size in sizes}
    candidate: dict[tuple[str, int], list[np.ndarray]] = {(kind, size): [] for kind in KINDS for size in sizes}
    starts = math.ceil(REFERENCE_SETS / count)
    for batch in surrogate_directions(unit, count, generator):
        near = neighbourhoods(batch)
        columns = batch.mT.reshape(-1, batch.shape[1])
        start = generator.integers(len(columns), size=starts * len(batch))
        around = np.concatenate([start[:, None], near.indices[start]], axis=1)
        for store, sets in (
            (reference, {size: around[:, :size] for size in sizes}),
            (candidate, neighbour_sets(near)),
        ):
            for size, group in sets.items():
                scored = score_sets(columns, group, near)
                for kind in KINDS:
                    evidence = scored.evidence(kind)
                    store[kind, size].append(evidence[np.isfinite(evidence)])
    centre = {}
    for key, scores in reference.items():
        pooled = np.concatenate(scores)
        centre[key] = (pooled.mean(), max(pooled.std(), SMALLEST_DEVIATION)) if len(pooled) else (0.0, 1.0)
    null = Null(centre, {})
    for kind in KINDS:
        z = [null.standardised(kind, size, score) for size in sizes for score in candidate[kind, size]]
        null.z[kind] = np.sort(np.concatenate([np.empty(0), *z]))
    return null


def score_sets(columns: Tensor, sets: np.ndarray, near: Neighbourhoods) -> Scored:
    """Score sets (S, n) of the words whose unit directions are the rows of ``columns`` (N, m)."""
    count, size = sets.shape
    step = max(1, CELLS // (size * max(columns.shape[1], size)))
    parts = []
    with torch.autocast(columns.device.type, enabled=False):
        for start in range(0, count, step):
            chosen = columns[torch.from_numpy(sets[start : start + step])]
            parts.append(shapes((chosen @ chosen.mT).numpy()))
    whole = Shapes(*(np.concatenate(field) for field in zip(*parts, strict=True)))
    return Scored(sets, whole, isolation(sets, whole.mean_cosine, near))


def matched_sets(
    members: np.ndarray, columns: Tensor, stratum: np.ndarray, draws: int, generator: np.random.Generator, nearby: bool
) -> np.ndarray:
    """Random sets with the frequencies of a set of n words: (draws, n) words, each from the stratum of the member it stands for.

    Nearby: from the stratum's words of highest cosine with the mean direction of the set, 10 n of them spread over the strata as the members
    are. Without replacement where that leaves twice as many words as are drawn, else with it (a small vocabulary has only one set of
    all its words). Their mean cosine needs no matching: ring and line do not change by a component that all words share.

    Args:
        members: (n,) words.
        columns: (V, m) unit directions.
        stratum: (V,) frequency stratum of each word.
        draws: how many sets.
        generator: draws them.
        nearby: from around the set, or from the whole stratum.
    """
    drawn = np.empty((draws, len(members)), np.int64)
    similarity = (columns @ columns[torch.from_numpy(members)].sum(0)).numpy()
    filled = 0
    for level, needed in zip(*np.unique(stratum[members], return_counts=True), strict=True):
        pool = np.flatnonzero(stratum == level)
        if nearby:
            pool = pool[np.argsort(-similarity[pool], kind="stable")[: NEARBY * needed]]
        if len(pool) >= 2 * needed:
            chosen = np.argsort(generator.random((draws, len(pool))), axis=1)[:, :needed]
        else:
            chosen = generator.integers(len(pool), size=(draws, needed))
        drawn[:, filled : filled + needed] = pool[chosen]
        filled += needed
    return drawn


def _strata(frequency: np.ndarray) -> np.ndarray:
    """Frequency decile of each word, 0 to 9; one for all where deciles would be smaller than a set."""
    words = len(frequency)
    if words < DECILES * LARGEST:
        return np.zeros(words, np.int64)
    rank = np.argsort(np.argsort(frequency, kind="stable"), kind="stable")
    return rank * DECILES // words


def _ranked(real: dict[int, Scored], null: Null) -> list[Row]:
    """Every candidate as every kind it is defined for, with its p and q by the surrogates, best first."""
    rows = []
    for size, scored in real.items():
        for kind in KINDS:
            evidence = scored.evidence(kind)
            place = np.flatnonzero(np.isfinite(evidence))
            z = null.standardised(kind, size, evidence[place])
            rows += zip([kind] * len(place), [size] * len(place), place.tolist(), z, null.p(kind, z), strict=True)
    q = false_discovery_control([row[-1] for row in rows], method="by") if rows else []
    ranked = [Row(*row, value) for row, value in zip(rows, q, strict=True)]
    return sorted(ranked, key=lambda row: (row.q, -row.z))


def _apart(rows: list[Row], real: dict[int, Scored]) -> list[Row]:
    """Of overlapping sets of one kind the first, and no more than ROWS of a kind."""
    kept: list[Row] = []
    taken: dict[str, list[set[int]]] = {kind: [] for kind in KINDS}
    holding: dict[tuple[str, int], list[int]] = {}  # the sets taken of a kind that hold a word
    for row in rows:
        members = set(real[row.size].sets[row.place].tolist())
        shared = Counter(index for word in members for index in holding.get((row.kind, word), []))
        sets = taken[row.kind]
        if len(sets) == ROWS or any(_overlap(members, sets[index], both) for index, both in shared.items()):
            continue
        for word in members:
            holding.setdefault((row.kind, word), []).append(len(sets))
        sets.append(members)
        kept.append(row)
    return kept


def _overlap(first: set[int], second: set[int], both: int) -> bool:
    """Whether two sets that share ``both`` words are one finding: a Jaccard index over 0.5, or one inside the other."""
    return both == min(len(first), len(second)) or both > 0.5 * (len(first) + len(second) - both)


def _matched_p(
    row: Row, scored: Scored, columns: Tensor, near: Neighbourhoods, stratum: np.ndarray, draws: int, generator
) -> float:
    """(1 + matched sets with at least the row's score) / (1 + draws)."""
    members = scored.sets[row.place]
    sets = matched_sets(members, columns, stratum, draws, generator, nearby=row.kind != "cluster")
    score = score_sets(columns, sets, near).score(row.kind)
    return (1 + int((score >= scored.score(row.kind)[row.place] - ROUNDING).sum())) / (1 + draws)


def _record(row: Row, scored: Scored, p_matched: float, q: float, names: list[str]) -> dict:
    """The table's row."""
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
    return {
        "kind": row.kind,
        "size": row.size,
        "words": [names[word] for word in ordered],
        "score": float(scored.score(row.kind)[row.place]),
        "z": float(row.z),
        **measured,
        "isolation": apart if math.isfinite(apart) else None,
        "p": float(row.p),
        "p_matched": p_matched,
        "q": q,
    }


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
