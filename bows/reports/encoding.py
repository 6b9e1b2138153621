"""Arrays in a page: base64 of little-endian numbers, read into a typed array at once, never one object a number."""

import base64
from typing import Any

import numpy as np

# Kinds that the page's scripts can read (static/data.js).
KINDS = ("f4", "i2", "u1", "u2", "u4")


def packed(values: np.ndarray, kind: str = "f4") -> dict[str, Any]:
    """An array of any shape, row by row: ``{"kind": ..., "data": base64}``.

    kind: ``f4`` float32 (NaN stands for no value), ``u1``, ``u2``, ``u4`` whole numbers.

    Raises:
        ValueError: for another kind.

    >>> packed(np.array([1, 258]), "u2")
    {'kind': 'u2', 'data': 'AQACAQ=='}
    """
    if kind not in KINDS:
        raise ValueError(f"kind={kind}: an array of a page is one of {', '.join(KINDS)}")
    return {"kind": kind, "data": base64.b64encode(np.ascontiguousarray(values, dtype=f"<{kind}").tobytes()).decode()}


def packed_scaled(values: np.ndarray) -> dict[str, Any]:
    """Real numbers of like size in two bytes each: whole numbers from -32767 to 32767 and the ``scale`` to multiply them by.

    The error is at most half of 1/32767 of the largest absolute value. Every value must be finite.

    >>> packed_scaled(np.array([0.5, -1.0]))["scale"] * 32767
    1.0
    """
    largest = float(np.abs(values).max()) if values.size else 0.0
    scale = largest / 32767 or 1.0
    return packed(np.rint(values / scale), "i2") | {"scale": scale}


def index_kind(count: int) -> str:
    """The kind that holds whole numbers up to and including `count`.

    >>> index_kind(65_535), index_kind(65_536)
    ('u2', 'u4')
    """
    return "u2" if count < 1 << 16 else "u4"
