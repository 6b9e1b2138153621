"""Synthetic features whose correlations are known: on a circle, a figure 8, a sphere, or independent.

Row i draws feature j with probability sigmoid(sharpness * <u_j, z_i> + log_odds), where u_j is the feature's place and z_i the row's.
Circle and figure 8: the places are regular in t, (cos t, sin t) and (sin t, sin 2t), and rows visit them in turn. Sphere: u_j is a
Fibonacci lattice, z_i uniform. Independent: every feature has the mean probability that a circle would give it.
Source: Prieto et al. 2026, synthetic data.
"""

import hashlib
from typing import Literal

import numpy as np
from scipy.special import expit

from bows.data.corpus import Bags, Corpus

Structure = Literal["circular", "figure8", "sphere", "iid"]


def feature_places(structure: str, features: int) -> np.ndarray:
    """Return the places u_j of the features: (features, 2) on a circle or figure 8, or (features, 3) unit vectors on a sphere."""
    if structure == "sphere":
        number = np.arange(features) + 0.5
        height = 1 - 2 * number / features
        angle = np.pi * (1 + np.sqrt(5)) * number
        radius = np.sqrt(1 - height**2)
        return np.stack([radius * np.cos(angle), radius * np.sin(angle), height], axis=1)
    t = 2 * np.pi * np.arange(features) / features
    if structure == "figure8":
        return np.stack([np.sin(t), np.sin(2 * t)], axis=1)
    return np.stack([np.cos(t), np.sin(t)], axis=1)


def probabilities(
    structure: str, features: int, rows: int, sharpness: float, log_odds: float, generator: np.random.Generator
) -> np.ndarray:
    """Return the probability that each row has each feature: (rows, features) float64 in (0, 1)."""
    places = feature_places(structure, features)
    if structure == "sphere":
        row_places = generator.standard_normal((rows, 3))
        row_places /= np.linalg.norm(row_places, axis=1, keepdims=True)
    else:
        row_places = places[np.arange(rows) % features]
    probability = expit(sharpness * row_places @ places.T + log_odds)
    if structure == "iid":
        return np.full((rows, features), probability[:features].mean())
    return probability


def synthetic_corpus(  # the parameters are settings of the synthetic options, whose schema is their factory's signature
    name: str,
    structure: str,
    features: int,
    train_rows: int,
    validation_rows: int,
    sharpness: float,
    log_odds: float,
    seed: int,
    relabel: bool = False,
) -> Corpus:
    """Return a corpus held in memory: word `feature<j>` has place j; a row is a sample.

    Words are in order of their places; with `relabel` in a random order, so that a word's index contains no information on its place. The
    order depends on `seed` and the number of features alone, and each feature's draws are the same as without it.
    """
    generator = np.random.default_rng(seed)
    rows = train_rows + validation_rows
    present = generator.random((rows, features)) < probabilities(
        structure, features, rows, sharpness, log_odds, generator
    )
    order = np.arange(features)
    if relabel:
        # A separate stream, which leaves the draws above unchanged and does not depend on the number of rows.
        order = generator.spawn(1)[0].permutation(features)
        present = present[:, order]
    # Rows visit the places in turn, so a cut anywhere leaves both splits with the same distribution.
    splits = {"train": _bags(present[:train_rows]), "validation": _bags(present[train_rows:])}
    source = {
        "kind": "synthetic", "structure": structure, "sharpness": sharpness, "log_odds": log_odds, "seed": seed, "relabel": relabel
    }  # fmt: skip
    return Corpus(
        name=name,
        vocabulary=[f"feature{place}" for place in order],
        splits=splits,
        hash=hashlib.sha256(np.packbits(present).tobytes()).hexdigest(),
        facts={"source": source, "words": features},
    )


def _bags(present: np.ndarray) -> Bags:
    indptr = np.concatenate([[0], np.cumsum(present.sum(axis=1))]).astype(np.int64)
    return Bags(indptr, np.nonzero(present)[1].astype(np.uint16))
