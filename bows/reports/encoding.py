"""Arrays in a report: base64 of little-endian numbers, read into typed arrays at once."""

import base64
from collections.abc import Sequence
from typing import Any

import numpy as np

# Kinds that static/data.js can read.
KINDS = ("f4", "i2", "u1", "u2", "u4")


def packed(values: np.ndarray, kind: str = "f4") -> dict[str, Any]:
    """Return an array of any shape, row by row; f4 is float32 (NaN for no value), the other kinds are whole numbers.

    Raises:
        ValueError: Another kind.

    >>> packed(np.array([1, 258]), "u2")
    {'kind': 'u2', 'data': 'AQACAQ=='}
    """
    if kind not in KINDS:
        raise ValueError(f"kind={kind}: an array of a report is one of {', '.join(KINDS)}")
    return {"kind": kind, "data": base64.b64encode(np.ascontiguousarray(values, dtype=f"<{kind}").tobytes()).decode()}


def packed_scaled(values: np.ndarray) -> dict[str, Any]:
    """Return real numbers of similar size in two bytes each: whole numbers from -32767 to 32767 and the ``scale`` to multiply them by.

    The error is at most half of 1/32767 of the largest absolute value. Every value must be finite.

    >>> packed_scaled(np.array([0.5, -1.0]))["scale"] * 32767
    1.0
    """
    largest = float(np.abs(values).max()) if values.size else 0.0
    scale = largest / 32767 or 1.0
    return packed(np.rint(values / scale), "i2") | {"scale": scale}


def index_kind(count: int) -> str:
    """Return the kind that holds whole numbers up to and including `count`.

    >>> index_kind(65_535), index_kind(65_536)
    ('u2', 'u4')
    """
    return "u2" if count < 1 << 16 else "u4"


def coded(values: Sequence[Any], distinct: Sequence[Any] | None = None) -> dict[str, Any]:
    """Return values as codes into their distinct ``values``; None has the code after the last.

    distinct: The values to code, in order; None for those that occur, in order of occurrence.

    >>> coded(["b", None, "b"])["values"]
    ['b']
    """
    known = [value for value in (dict.fromkeys(values) if distinct is None else distinct) if value is not None]
    places = {value: place for place, value in enumerate(known)}
    codes = np.array([places.get(value, len(known)) for value in values])
    return {"values": known, "codes": packed(codes, index_kind(len(known)))}
