"""The closed-form optimum of the linear autoencoder: the principal components of the bags, without gradient steps.

Minimising the mean of ||W^T W f + b - f||^2 over W and b gives W's rows as the top m eigenvectors of the bags' covariance and
b = (I - W^T W) mu, mu the mean bag (Baldi & Hornik 1989).
"""

from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from bows.model.autoencoder import Autoencoder
from bows.setting_types import Count

# Up to here float32 represents all integers exactly.
EXACT = 1 << 24


class PrincipalComponents(Autoencoder):
    """h = W f, f^ = W^T h + b with orthonormal rows of W, fitted in closed form by `fit`."""

    closed_form = True
    matrices = 1

    def __init__(self, features: int, latent: Count):
        super().__init__(features, latent, "identity", "squared_error")
        self.weight = torch.nn.Parameter(torch.zeros(latent, features))

    def fit(self, batches: Iterable[Tensor]) -> None:
        """Fit to (batch, V) bags, streamed once.

        Memory: a V x V float32 matrix while counting, a float64 one while solving (0.4 and 0.8 GB at V = 10,000), and LAPACK's workspace.
        """
        mean, covariance = moments(batches, self.features)
        with torch.no_grad():
            directions = top_eigenvectors(covariance, self.latent)
            self.weight.copy_(torch.from_numpy(directions))
            self.bias.copy_(torch.from_numpy(mean - directions.T @ (directions @ mean)))

    def encode(self, bags: Tensor) -> Tensor:
        return functional.linear(bags, self.weight)

    @property
    def encoder_weight(self) -> Tensor:
        return self.weight

    @property
    def decoder_weight(self) -> Tensor:
        return self.weight.T

    @property
    def tied(self) -> bool:
        return True


def moments(batches: Iterable[Tensor], features: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean (V,) and covariance (V, V) of zero-one bags, float64.

    Co-occurrences are counted in float32 by matrix products, exact while counts stay below 2^24; before that they are added to a float64
    total.
    """
    total = 0
    together: Tensor | None = None
    folded: np.ndarray | None = None
    since_fold = 0
    for bags in batches:
        if together is None:
            together = torch.zeros(features, features, device=bags.device)
        if since_fold + len(bags) > EXACT:
            counted = together.double().cpu().numpy()
            folded = counted if folded is None else folded + counted
            together.zero_()
            since_fold = 0
        together.addmm_(bags.T, bags)
        since_fold += len(bags)
        total += len(bags)
    assert together is not None, "no bags"
    covariance = together.double().cpu().numpy()
    del together
    if folded is not None:
        covariance += folded
    covariance /= total
    mean = covariance.diagonal().copy()  # of zeros and ones, where the mean square is the mean
    for first in range(0, features, 1024):
        covariance[first : first + 1024] -= np.outer(mean[first : first + 1024], mean)
    return mean, covariance


def top_eigenvectors(covariance: np.ndarray, count: int) -> np.ndarray:
    """Return the unit eigenvectors (count, V) of a symmetric (V, V) matrix by decreasing eigenvalue, each with its largest entry positive.

    Overwrites the matrix.
    """
    from scipy.linalg import eigh

    size = len(covariance)
    _, vectors = eigh(covariance, subset_by_index=(size - count, size - 1), overwrite_a=True, check_finite=False)
    vectors = vectors[:, ::-1].T
    largest = np.abs(vectors).argmax(axis=1)
    return vectors * np.sign(vectors[np.arange(count), largest])[:, None]
