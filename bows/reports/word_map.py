"""The word map: unit directions of words in two dimensions."""

from typing import Any, NamedTuple

import numpy as np
import torch

from bows.analysis.directions import directions
from bows.analysis.word_map import FEWEST_WORDS, LEAST, MOST_WORDS, tsne_coordinates, umap_coordinates
from bows.errors import DataError
from bows.reports.encoding import packed, packed_scaled

KINDS = ("neighbours", "umap", "pca", "auto")
MOST_NUMBERS = 400_000  # of the directions in a report, whose script computes cosines of chosen words


def word_map(
    encoder: torch.Tensor, kind: str | None = None, seed: int = 0, places: np.ndarray | None = None
) -> dict[str, Any]:
    """Return the positions of the words, for the script.

    They are ``kept`` (words with a direction), ``left_out`` (how many have none), ``maps``, each with ``kind``, ``x`` and ``y`` of
    the kept words, the ``axes``' names and a ``note``; and ``directions`` (K, m) with their ``size`` m, None where they are too many.

    Args:
        encoder: (m, V).
        kind: Of KINDS, which is shown first, principal components after it; auto for neighbours where that takes seconds; None for
            neighbours where their places are given.
        seed: Of UMAP.
        places: (V, 2) on the map by neighbours, where they were laid out.

    Raises:
        DataError: No word has a direction.
        SettingError: UMAP is not installed.
    """
    unit, kept = directions(encoder)
    if not len(kept):
        raise DataError("no word has a direction: all columns of the weights are zero")
    maps = [_pca(unit)]
    few_words = FEWEST_WORDS <= len(kept) <= MOST_WORDS
    of_kept = None if places is None else places[kept.numpy()]
    if of_kept is not None and not np.isfinite(of_kept).all():
        of_kept = None  # of other weights
    if kind == "umap":
        maps.insert(0, _umap(unit, seed))
    elif of_kept is not None or (kind == "neighbours" and len(kept) >= LEAST) or (kind == "auto" and few_words):
        maps.insert(0, _neighbours(tsne_coordinates(unit.T.numpy()) if of_kept is None else of_kept))
    elif kind in ("auto", None) and len(kept) > LEAST:
        maps[0]["note"] += " python -m bows.report <run> --map neighbours lays out a map by t-SNE"
        maps[0]["note"] += f", which more than {MOST_WORDS:,} words take long for." if len(kept) > MOST_WORDS else "."
    if kind == "pca":
        maps.reverse()
    few = unit.numel() <= MOST_NUMBERS
    return {
        "kept": packed(kept.numpy(), "u4"),
        "left_out": encoder.shape[1] - len(kept),
        "maps": maps,
        "size": len(unit),
        "directions": packed_scaled(unit.T.numpy()) if few else None,
    }


class Plane(NamedTuple):
    """The plane of the top two principal components of K unit directions; zeros for a component that there is not.

    Their mean (m, 1), orthonormal columns (m, 2), and shares of the variance (2,).
    """

    middle: torch.Tensor
    axes: torch.Tensor
    shares: np.ndarray

    def places(self, unit: torch.Tensor) -> np.ndarray:
        """Return (K, 2) float64 coordinates of directions (m, K) in it."""
        return ((unit - self.middle).T @ self.axes).double().numpy()


def principal_plane(unit: torch.Tensor) -> Plane:
    """Return the plane of K unit directions (m, K). Each axis points so that its entry of largest absolute value is positive."""
    middle = unit.mean(1, keepdim=True)
    centred = unit - middle
    values, vectors = torch.linalg.eigh((centred @ centred.T).double())
    axes = torch.zeros(len(unit), 2, dtype=unit.dtype)
    found = vectors[:, -2:].flip(1).to(unit.dtype)
    axes[:, : found.shape[1]] = found
    places = centred.T @ axes
    largest = places[places.abs().argmax(0), torch.arange(2)]
    shares = np.zeros(2)
    shares[: found.shape[1]] = values.clamp_min(0).numpy()[::-1][:2]
    total = float(values.clamp_min(0).sum())
    return Plane(middle, torch.where(largest < 0, -axes, axes), shares / total if total > 0 else shares)


def _pca(unit: torch.Tensor) -> dict[str, Any]:
    plane = principal_plane(unit)
    shares = plane.shares
    axes = [f"principal component {number + 1} ({share:.1%} of the variance)" for number, share in enumerate(shares)]
    note = "Principal components of the words’ unit directions. Two of them explain "
    note += f"{shares.sum():.1%} of the variance: words that lie together here need not lie together in all dimensions."
    return _placed("PCA", plane.places(unit), axes, note)


def _neighbours(places: np.ndarray) -> dict[str, Any]:
    note = "t-SNE: it keeps near words near; distances between groups, and the axes, mean nothing."
    return _placed("neighbours", places, ["t-SNE 1", "t-SNE 2"], note)


def _umap(unit: torch.Tensor, seed: int) -> dict[str, Any]:
    note = "UMAP by cosine: it keeps near words near; distances between groups, and the axes, mean nothing."
    return _placed("UMAP", umap_coordinates(unit.T.numpy(), seed), ["UMAP 1", "UMAP 2"], note)


def _placed(kind: str, places: np.ndarray, axes: list[str], note: str) -> dict[str, Any]:
    places = np.asarray(places, dtype=float)
    centre = (places.min(0) + places.max(0)) / 2
    x, y = (places - centre).T
    return {"kind": kind, "x": packed_scaled(x), "y": packed_scaled(y), "axes": axes, "note": note}
