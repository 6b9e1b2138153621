"""Map words' directions to two dimensions by UMAP."""

from typing import Any

import numpy as np

from bows.errors import DataError, SettingError

NEIGHBOURS, LEAST = 15, 5
# of the layout: umap-learn itself takes 500 of up to 10,000 points, for 2.5 times the time.
EPOCHS = 200


def umap_coordinates(directions: np.ndarray, seed: int = 0) -> np.ndarray:
    """Return each word's position on a map that keeps neighbours by cosine together; distances between far words have no meaning.

    Args:
        directions: (n, m), a row a word, none of them zero, n >= 5.
        seed: of the layout; the same seed gives the same map on one machine.

    Returns:
        (n, 2) float64.

    Raises:
        SettingError: umap-learn is not installed.
        DataError: there are fewer than 5 words.

    Source: McInnes, Healy & Melville 2018, arXiv 1802.03426; 15 neighbours and a least distance of 0.1 are its defaults.
    """
    if len(directions) < LEAST:
        raise DataError(f"UMAP needs {LEAST} words with a direction or more, and there are {len(directions)}")
    # One thread: with more, the same seed gives another map each time.
    layout = load_umap().UMAP(
        n_neighbors=min(NEIGHBOURS, len(directions) - 1),
        metric="cosine",
        random_state=seed,
        n_jobs=1,
        init="pca",
        n_epochs=EPOCHS,
    )
    return np.asarray(layout.fit_transform(np.asarray(directions, dtype=np.float32)), dtype=np.float64)


def load_umap() -> Any:
    """Import umap-learn on demand, as it takes seconds. Raises SettingError where it is not installed."""
    try:
        import umap  # pyright: ignore[reportMissingImports] - an optional extra
    except ImportError as error:
        raise SettingError(
            'a map by UMAP needs umap-learn, which is not installed; pip install "bows[umap]"'
        ) from error
    return umap
