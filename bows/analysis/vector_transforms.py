"""Transform word vectors that are not raw directions: centre, remove principal components, scale to unit norm."""

import numpy as np

from bows.errors import SettingError


def transformed(matrix: np.ndarray, centre: bool, remove_components: int, unit_norm: bool) -> np.ndarray:
    """Return (V, m) float32 vectors, transformed in this order.

    Args:
        matrix: (V, m).
        centre: Subtract the mean vector.
        remove_components: Project out so many top principal directions, of the centred vectors. Source: Mu & Viswanath 2018.
        unit_norm: Divide each vector by its norm.

    Raises:
        SettingError: There are not so many components.

    >>> transformed(np.array([[1.0, 0.0], [3.0, 0.0]]), True, 0, True).tolist()
    [[-1.0, 0.0], [1.0, 0.0]]
    """
    if remove_components >= matrix.shape[1]:
        raise SettingError(
            f"remove_components={remove_components} is not allowed; allowed: 0 to {matrix.shape[1] - 1}, as the vectors have "
            f"{matrix.shape[1]} dimensions"
        )
    mean = matrix.mean(0, dtype=np.float64)
    if centre:
        matrix = matrix - mean.astype(matrix.dtype)
    if remove_components:
        shifted = matrix - matrix.mean(0, dtype=np.float64).astype(matrix.dtype)
        _, vectors = np.linalg.eigh((shifted.T @ shifted).astype(np.float64))
        top = vectors[:, -remove_components:].astype(matrix.dtype)
        matrix = matrix - (matrix @ top) @ top.T
    if unit_norm:
        norms = np.linalg.norm(matrix, axis=1, keepdims=True)
        matrix = matrix / np.where(norms > 0, norms, 1)
    return np.ascontiguousarray(matrix, np.float32)
