"""Map words' directions to two dimensions so that neighbours stay together: by t-SNE or UMAP."""

from typing import Any

import numpy as np

from bows.errors import DataError, SettingError

NEIGHBOURS, LEAST = 15, 5
# Of the map of a run by t-SNE: with fewer words a plane shows as much; more take longer than 3 s of one core (2,000 take 2 s).
FEWEST_WORDS, MOST_WORDS = 50, 2500
# Of 10 nearest words by cosine 29 % are nearest on the map, as with 1000 iterations and a perplexity of 30, in a quarter of their time;
# 3 % are on principal components (V = 1000, m = 64).
ITERATIONS, ANGLE = 500, 0.8
EQUAL = 1e-5  # spread of unit directions, up to which they are one direction but for rounding
# of the layout: umap-learn itself takes 500 of up to 10,000 points, for 2.5 times the time.
EPOCHS = 200


def tsne_coordinates(directions: np.ndarray) -> np.ndarray:
    """Return each word's position on a map by t-SNE of unit directions; distances between far words have no meaning.

    Args:
        directions: (n, m), a row a word of norm 1, n >= 5: their Euclidean distances order pairs as cosines do.

    Returns:
        (n, 2) float64; the same directions give the same map on one machine.

    Raises:
        DataError: there are fewer than 5 words.

    Source: van der Maaten & Hinton 2008; Barnes-Hut approximation, van der Maaten 2014.
    """
    if len(directions) < LEAST:
        raise DataError(f"t-SNE needs {LEAST} words with a direction or more, and there are {len(directions)}")
    from sklearn.manifold import TSNE  # half a second, which a run without a map need not wait for
    from threadpoolctl import threadpool_limits

    perplexity = min(NEIGHBOURS, (len(directions) - 1) / 3)
    # Principal components of equal directions are scaled by 1 / 0, and the Barnes-Hut tree of NaN ends the process.
    init = "pca" if directions.shape[1] > 1 and np.ptp(directions, axis=0).max() > EQUAL else "random"
    layout = TSNE(2, perplexity=perplexity, max_iter=ITERATIONS, angle=ANGLE, init=init, random_state=0, n_jobs=1)
    # One thread, as elsewhere for so few words: on a busy machine the threads of its gradient wait for each other, ten times as long.
    with threadpool_limits(1):
        return np.asarray(layout.fit_transform(np.asarray(directions, dtype=np.float32)), dtype=np.float64)


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
