"""Words that several runs share: their directions aligned, their maps on the same axes, and a table of differences."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import torch

from bows.analysis.directions import directions
from bows.analysis.neighbours import nearest
from bows.errors import DataError
from bows.reports.encoding import coded, index_kind, packed, packed_scaled
from bows.reports.html import number
from bows.reports.run_data import RunData
from bows.reports.word_map import principal_plane

NEIGHBOURS = 10
PERMUTATIONS = 3  # of the words, for what alignment alone brings about


class Aligned(NamedTuple):
    """The directions of one run, aligned with those of another."""

    directions: torch.Tensor
    """(M, K) unit columns."""
    agreement: float
    """Mean cosine of the K words with their own in the other run, in [0, 1]; 1 is the same geometry."""
    by_chance: float
    """The same with words paired at random, mean: what alignment alone reaches."""


def compared_words(runs: Mapping[str, RunData]) -> dict[str, Any]:
    """Return the words that all runs, by letter, share with a direction in each: maps on the first run's axes, and a table of differences.

    Raises:
        BowsError: The weights of a run cannot be read, or fewer than three words are shared.
    """
    base = next(iter(runs.values()))
    position = {letter: {word: place for place, word in enumerate(run.words)} for letter, run in runs.items()}
    units = {letter: _directions(run) for letter, run in runs.items()}
    shared = [
        word
        for word in base.words
        if all(word in position[letter] and bool(units[letter][:, position[letter][word]].any()) for letter in runs)
    ]
    if len(shared) < 3:
        raise DataError(f"the runs share {len(shared)} words with a direction, and a map needs three")
    places = {letter: np.array([position[letter][word] for word in shared]) for letter in runs}
    unit = {letter: units[letter][:, places[letter]] for letter in runs}
    first, *others = runs
    near = {letter: nearest(unit[letter], NEIGHBOURS).indices.numpy() for letter in runs}
    aligned = {letter: align(unit[first], unit[letter]) for letter in others}
    size = max(len(each) for each in unit.values())
    of_run = {
        letter: _padded(aligned[letter].directions if letter in aligned else unit[letter], size) for letter in runs
    }
    left_out = {letter: len(run.words) - len(shared) for letter, run in runs.items()}
    return {
        "words": shared,
        "table": {"columns": _columns(runs, places, of_run, near), "unmeasured": []},
        "neighbours": {"each": near[first].shape[1], "indices": packed(near[first], index_kind(len(shared))), "cosines": None, "note": ""},
        "gains": [f"gain_{letter}" for letter in reversed(others)],
        "facts": [["frequency", "frequency"], *([f"R² {letter}", f"r2_{letter}"] for letter in runs),
                  *([f"alike {letter}", f"alike_{letter}"] for letter in others)],
        "compared": _maps(of_run, aligned) | {"left_out": left_out},
        "of_pairs": base.run.of_pairs,
    }  # fmt: skip


def _columns(
    runs: Mapping[str, RunData],
    places: dict[str, np.ndarray],
    of_run: dict[str, torch.Tensor],
    near: dict[str, np.ndarray],
) -> list[dict[str, Any]]:
    """Return the columns of the table: frequency, gains in R², likeness of directions and of neighbours, R² and regimes."""
    first, *others = runs
    r2 = {letter: _values(run, "r2", places[letter]) for letter, run in runs.items()}
    frequency = _values(runs[first], "frequency", places[first])
    numbers = [("frequency", frequency, f"share of the held-out windows of {first} with the word")]
    numbers += [(f"gain_{letter}", r2[letter] - r2[first], f"R² of {letter} minus R² of {first}") for letter in others]
    each = near[first].shape[1]
    for letter in others:
        same = (of_run[first] * of_run[letter]).sum(0).numpy()
        kept = np.array([len(np.intersect1d(one, other)) for one, other in zip(near[first], near[letter], strict=True)])
        meaning = f"cosine of the word’s direction in {letter}, aligned, with that in {first}"
        numbers.append((f"alike_{letter}", same, meaning))
        meaning = f"share of its {each} nearest words in {first} that are also nearest in {letter}"
        numbers.append((f"near_{letter}", kept / each, meaning))
    numbers += [(f"r2_{letter}", r2[letter], f"R² in {letter}") for letter in runs]
    columns = [{"name": name, "meaning": meaning, "numbers": packed(values)} for name, values, meaning in numbers]
    for letter, run in runs.items():
        labels = _column(run, "regime")
        if labels is not None and any(chosen := [labels[place].as_py() for place in places[letter]]):
            columns.append({"name": f"regime_{letter}", "meaning": f"regime in {letter}", **coded(chosen)})
    return columns


def _directions(run: RunData) -> torch.Tensor:
    """Return (m, V) unit columns, zero where a word has no direction."""
    encoder = run.run.weights.encoder
    unit, kept = directions(encoder)
    whole = torch.zeros(encoder.shape)
    whole[:, kept] = unit
    return whole


def _column(run: RunData, name: str) -> pa.ChunkedArray | None:
    try:
        return run.table.column(name)
    except (DataError, KeyError):
        return None


def _values(run: RunData, name: str, places: np.ndarray) -> np.ndarray:
    """Return a column of the words table at some words, NaN where it is not known."""
    column = _column(run, name)
    if column is None:
        return np.full(len(places), np.nan)
    return column.cast("float64").to_numpy(zero_copy_only=False)[places]


def _maps(of_run: Mapping[str, torch.Tensor], aligned: Mapping[str, Aligned]) -> dict[str, Any]:
    """Return the maps on the axes of the first run."""
    first, *_ = of_run
    plane = principal_plane(of_run[first])
    places = {letter: plane.places(each) for letter, each in of_run.items()}
    maps = []
    for letter, each in places.items():
        note = "the axes are this run’s principal components"
        if letter in aligned:
            found, chance = (number(round(value, 3)) for value in aligned[letter][1:])
            note = f"mean cosine with {first} {found}; {chance} with words paired at random"
        maps.append({"letter": letter, "x": packed_scaled(each[:, 0]), "y": packed_scaled(each[:, 1]), "note": note})
    return {
        "kept": packed(np.arange(len(places[first])), "u4"),
        "reach": np.abs(np.concatenate(list(places.values()))).max(0).tolist(),
        "maps": maps,
        "shares": plane.shares.tolist(),
    }


def align(base: torch.Tensor, other: torch.Tensor) -> Aligned:
    """Align K unit directions with K others by the nearest rotation or reflection: orthogonal Procrustes.

    Where the two have different latent sizes, the smaller is padded with zeros. Source: Schönemann 1966.

    Args:
        base: (m, K) unit columns.
        other: (n, K) unit columns of the same words.

    >>> unit = torch.tensor([[1.0, 0.0, 0.6], [0.0, 1.0, 0.8]])
    >>> turned = torch.tensor([[0.0, -1.0], [1.0, 0.0]]) @ unit
    >>> round(align(unit, turned).agreement, 4)
    1.0
    """
    size = max(len(base), len(other))
    base, other = _padded(base, size), _padded(other, size)
    words = base.shape[1]
    left, cosines, right = torch.linalg.svd(base @ other.T)
    generator = torch.Generator().manual_seed(0)
    chance = [
        float(torch.linalg.svdvals(base @ other[:, torch.randperm(words, generator=generator)].T).sum()) / words
        for _ in range(PERMUTATIONS)
    ]
    return Aligned(left @ right @ other, float(cosines.sum()) / words, sum(chance) / PERMUTATIONS)


def _padded(directions: torch.Tensor, size: int) -> torch.Tensor:
    """Return (m, K) directions in a space of `size` dimensions, m or more."""
    return torch.nn.functional.pad(directions, (0, 0, 0, size - len(directions)))
