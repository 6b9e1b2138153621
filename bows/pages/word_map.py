"""The word map: unit directions of words in two dimensions."""

from typing import Any

import numpy as np
import torch

from bows.analysis.columns import directions
from bows.errors import DataError, SettingError
from bows.pages.arrays import packed, packed_scaled

KINDS = ("pca", "umap")


def word_map(encoder: torch.Tensor, kinds: tuple[str, ...] = ("pca",), seed: int = 0) -> dict[str, Any]:
    """Where the words lie, for the page: ``kept`` (words with a direction), ``left_out`` (how many have none), and ``maps``, each with
    ``kind``, ``x`` and ``y`` of the kept words, the ``axes``' names and a ``note``.

    Args:
        encoder: (m, V).
        kinds: of KINDS, the first of which the page opens with.
        seed: of UMAP.

    Raises:
        DataError: where no word has a direction.
        SettingError: for umap where it is not installed.
    """
    unit, kept = directions(encoder)
    if not len(kept):
        raise DataError("no word has a direction: all columns of the weights are zero")
    made = {"pca": _pca, "umap": _umap}
    return {
        "kept": packed(kept.numpy(), "u4"),
        "left_out": encoder.shape[1] - len(kept),
        "maps": [made[kind](unit, seed) for kind in kinds],
    }


def principal_plane(unit: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Positions of K unit directions (m, K) in the plane of their top two principal components, centred: (K, 2) float64; and the two
    shares of the variance. With one dimension, or without variance, the second coordinate or both are 0.

    Each axis points so that its entry of largest absolute value is positive.
    """
    centred = unit - unit.mean(1, keepdim=True)
    scatter = (centred @ centred.T).double()
    values, vectors = torch.linalg.eigh(scatter)
    top = vectors[:, -2:].flip(1)
    places = (centred.double().T @ top).numpy() if unit.shape[1] < 2 else (centred.T @ top.float()).double().numpy()
    places = np.pad(places, ((0, 0), (0, 2 - places.shape[1])))
    places *= np.where(places[np.abs(places).argmax(0), [0, 1]] < 0, -1.0, 1.0)
    total = float(values.clamp_min(0).sum())
    shares = np.pad(values.clamp_min(0).numpy()[::-1][:2], (0, 2 - min(len(values), 2)))
    return places, shares / total if total > 0 else np.zeros(2)


def _pca(unit: torch.Tensor, seed: int) -> dict[str, Any]:
    places, shares = principal_plane(unit)
    axes = [f"principal component {number + 1} ({share:.1%} of the variance)" for number, share in enumerate(shares)]
    note = "Principal components of the words’ unit directions. Two of them hold "
    note += f"{shares.sum():.1%} of the variance: words that lie together here need not lie together in all dimensions."
    return _placed("PCA", places, axes, note)


def _umap(unit: torch.Tensor, seed: int) -> dict[str, Any]:
    umap = load_umap()
    count = unit.shape[1]
    if count < 5:
        raise DataError(f"UMAP needs 5 words with a direction or more, and there are {count}")
    model = umap.UMAP(n_neighbors=min(15, count - 1), min_dist=0.1, metric="cosine", random_state=seed, n_jobs=1,
                      init="spectral" if count > 50 else "random")  # fmt: skip
    note = "UMAP by cosine: who is near whom is kept as far as can be; distances between groups, and the axes, mean nothing."
    return _placed("UMAP", model.fit_transform(unit.T.numpy()), ["UMAP 1", "UMAP 2"], note)


def load_umap():
    """The library, imported on demand as it takes seconds. Raises SettingError where it is not installed."""
    try:
        import umap
    except ImportError:
        raise SettingError(
            '--map=umap: umap-learn is not installed; install it with pip install "bows[umap]", or take --map=pca'
        ) from None
    return umap


def _placed(kind: str, places: np.ndarray, axes: list[str], note: str) -> dict[str, Any]:
    places = np.asarray(places, dtype=float)
    centre = (places.min(0) + places.max(0)) / 2
    x, y = (places - centre).T
    return {"kind": kind, "x": packed_scaled(x), "y": packed_scaled(y), "axes": axes, "note": note}
