"""Word vectors in closed form: the leading eigenpairs of a matrix of word associations that is computed from co-occurrence.

word2vec factorises such a matrix implicitly (Levy & Goldberg 2014). Here its best approximation W^T W of rank m is computed directly, and
W is used as the weight of a linear tied autoencoder, so that every metric of a trained model applies to it.
"""

from abc import abstractmethod
from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor

from bows.model.pca import ROWS, Components, joint_frequencies, leading_pairs
from bows.setting_types import Count, Positive


class AssociationFactors(Components):
    """h = W f, f^ = W^T h + b, W^T W the best approximation of rank m of a times a matrix of word associations M.

    Row k of W is sqrt(a l_k) u_k, with l_k > 0 the k-th largest eigenvalue of M and u_k its unit eigenvector; rows without a positive
    eigenvalue are 0. M has no scale in common with bags, so a, and the output bias b, are those of the lowest squared error: with C and mu
    the bags' covariance and mean and G the approximation at a = 1, a = tr(G C) / tr(G C G) and b = (I - a G) mu. Directions and cosines do
    not depend on a. The diagonal of M is 0: a bag holds a word once, so how often a word occurs together with itself is not observed.
    """

    @abstractmethod
    def associations(self, joint: np.ndarray) -> np.ndarray:
        """Return M, symmetric (V, V), of the joint frequencies P; see :func:`bows.model.pca.joint_frequencies`."""

    def fit(self, batches: Iterable[Tensor]) -> None:
        """Fit to (batch, V) bags, streamed once.

        Memory: two V x V float64 matrices (1.6 GB at V = 10,000) and the workspace of the eigendecomposition.
        """
        joint = joint_frequencies(batches, self.features)
        mean = joint.diagonal().copy()
        values, vectors = leading_pairs(self.associations(joint), self.latent)
        weight = np.sqrt(values.clip(0))[:, None] * vectors
        latent_covariance = weight @ joint @ weight.T - np.outer(weight @ mean, weight @ mean)
        quadratic = float((latent_covariance * (weight @ weight.T)).sum())
        scale = float(latent_covariance.trace()) / quadratic if quadratic > 0 else 1.0
        weight *= np.sqrt(scale)
        with torch.no_grad():
            self.weight.copy_(torch.from_numpy(weight))
            self.bias.copy_(torch.from_numpy(mean - weight.T @ (weight @ mean)))


class PositivePMI(AssociationFactors):
    """Factors of M_ij = max(log(P_ij / (P_i P_j)) - log k, 0), the shifted positive pointwise mutual information of bags.

    Source: Levy & Goldberg 2014, Neural word embedding as implicit matrix factorization (k is word2vec's number of negative samples).
    """

    def __init__(self, features: int, latent: Count, negative_samples: Positive = 1.0):
        super().__init__(features, latent)
        self.negative_samples = negative_samples

    def associations(self, joint: np.ndarray) -> np.ndarray:
        return positive_pmi(joint, self.negative_samples)


class QuadraticTarget(AssociationFactors):
    """Factors of M*_ij = (P_ij - P_i P_j) / ((P_ij + P_i P_j) / 2), the target of word2vec's loss to second order.

    Source: Karkada et al. 2025 (arXiv 2502.09863), Closed-form training dynamics reveal learned features and linear structure in
    word2vec-like models.
    """

    def associations(self, joint: np.ndarray) -> np.ndarray:
        return quadratic_target(joint)


def positive_pmi(joint: np.ndarray, negative_samples: float = 1.0) -> np.ndarray:
    """Return max(log(P_ij / (P_i P_j)) - log k, 0), (V, V) float64, with a diagonal of 0; 0 for pairs that occur in no bag.

    >>> positive_pmi(np.array([[0.5, 0.5], [0.5, 0.5]])).round(3).tolist()
    [[0.0, 0.693], [0.693, 0.0]]
    """
    result, share = np.zeros_like(joint), joint.diagonal()
    for start in range(0, len(joint), ROWS):
        rows = slice(start, start + ROWS)
        expected = np.outer(share[rows], share)
        expected *= negative_samples
        np.divide(joint[rows], expected, out=result[rows], where=expected > 0)
        np.log(result[rows].clip(1.0), out=result[rows])
    np.fill_diagonal(result, 0.0)
    return result


def quadratic_target(joint: np.ndarray) -> np.ndarray:
    """Return (P_ij - P_i P_j) / ((P_ij + P_i P_j) / 2), (V, V) float64 in [-2, 2], with a diagonal of 0; 0 for words that occur in no bag.

    >>> quadratic_target(np.array([[0.5, 0.5], [0.5, 0.5]])).round(3).tolist()
    [[0.0, 0.667], [0.667, 0.0]]
    """
    result, share = np.zeros_like(joint), joint.diagonal()
    for start in range(0, len(joint), ROWS):
        rows = slice(start, start + ROWS)
        expected = np.outer(share[rows], share)
        mean = (joint[rows] + expected) / 2
        np.divide(joint[rows] - expected, mean, out=result[rows], where=mean > 0)
    np.fill_diagonal(result, 0.0)
    return result
