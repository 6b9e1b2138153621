"""Sums of residues modulo a number: a task that needs the place of each residue on a ring."""

from math import gcd

import numpy as np
import torch

from bows.data.pairs import Coordinates, PairSplit, PairTask, held_out_items
from bows.errors import SettingError


def modular_addition_task(name: str, modulus: int, val_fraction: float, probe_held_out: float, seed: int) -> PairTask:
    """Return all ordered pairs (a, b) of residues 0 to modulus - 1, and (a + b) mod modulus; a share `val_fraction` is held out.

    The candidates for a probe are the places (cos 2 pi k r / p, sin 2 pi k r / p) of residue r, for each frequency k up to p / 2 without
    a factor in common with the modulus p; others put several residues at one place. Higher frequencies are mirror images of these.
    Source: Nanda et al. 2023, Progress measures for grokking via mechanistic interpretability.

    Raises:
        SettingError: a split would have no pairs.
    """
    pairs = modulus * modulus
    held = round(val_fraction * pairs)
    if not 0 < held < pairs:
        raise SettingError(f"data.val_fraction={val_fraction}: of {pairs} pairs this holds out {held}; choose another")
    drawn = np.random.default_rng([seed, 0]).permutation(pairs)
    first, second = np.divmod(drawn, modulus)
    rows = torch.from_numpy(np.column_stack([first, second, (first + second) % modulus]))
    return PairTask(
        name=name,
        items=[str(residue) for residue in range(modulus)],
        classes=[str(residue) for residue in range(modulus)],
        splits={"train": PairSplit(rows[held:]), "validation": PairSplit(rows[:held])},
        coordinate_names=("cosine", "sine"),
        coordinates=[ring_places(modulus, k) for k in range(1, modulus // 2 + 1) if gcd(k, modulus) == 1],
        held_out=held_out_items(modulus, probe_held_out, seed),
        facts={"residue": list(range(modulus))},
    )


def ring_places(modulus: int, frequency: int) -> Coordinates:
    """Return residue r at the angle 2 pi frequency r / modulus of the unit circle; frequency and modulus have no common factor.

    >>> ring_places(5, 2).order
    [0, 3, 1, 4, 2]
    """
    turns = np.arange(modulus) * frequency % modulus  # whole numbers: no rounding however large the product
    angles = 2 * np.pi * turns / modulus
    return Coordinates(np.column_stack([np.cos(angles), np.sin(angles)]), frequency, np.argsort(turns).tolist())
