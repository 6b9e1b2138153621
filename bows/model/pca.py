"""The closed-form optimum of the linear autoencoder: the principal components of the bags, without gradient steps.

Minimising the mean of ||W^T W f + b - f||^2 over W and b gives W's rows as the top m eigenvectors of the bags' covariance and
b = (I - W^T W) mu, mu the mean bag (Baldi & Hornik 1989).
"""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import chain
from typing import ClassVar

import numpy as np
import torch
from scipy.linalg import eigh
from scipy.sparse.linalg import ArpackError, eigsh
from torch import Tensor
from torch.nn import functional

from bows.model.autoencoder import Autoencoder, OutputActivation
from bows.setting_types import Count
from bows.sparse_bags import Products, products

# Up to here float32 represents all integers exactly.
EXACT = 1 << 24
SMALL = 500  # words: up to here the words of any bags are multiplied densely
NEARLY_EMPTY = 0.1  # share of ones in the first batch, below which words are multiplied sparsely
FULL = 2000  # words: up to here by a full eigendecomposition
FEW = 30  # words per pair, above which Lanczos is faster: of 4,000 words, 0.4 times the full one for 100 pairs, 1.8 for 400
ROWS = 1024  # of the covariance at a time
BIAS_BAGS = 20_000  # that the bias of rectified components is fitted to
BIAS_WORDS = 1000  # words at a time: 80 MB a matrix of 20,000 bags
CACHED_WORDS = 16  # words of a search at a time: 1.3 MB of 20,000 bags stay in a processor's cache
CONVERGED = 1e-6  # a smaller step of a bias ends its search


class Components(Autoencoder):
    """h = W f, f^ = s(W^T h + b), the rows of W the top m eigenvectors of the bags' covariance; fitted in closed form by `fit`."""

    closed_form = True
    linear_parameters = ("weight",)
    tied = True
    matrices = 1
    output: ClassVar[OutputActivation] = "identity"

    def __init__(self, features: int, latent: Count):
        super().__init__(features, latent, self.output, "squared_error")
        self.weight = torch.nn.Parameter(torch.zeros(latent, features))

    def encode(self, bags: Tensor) -> Tensor:
        return functional.linear(bags, self.weight)

    @property
    def encoder_weight(self) -> Tensor:
        return self.weight

    @property
    def decoder_weight(self) -> Tensor:
        return self.weight.T


class PrincipalComponents(Components):
    """h = W f, f^ = W^T h + b with orthonormal rows of W."""

    def fit(self, batches: Iterable[Tensor]) -> None:
        """Fit to (batch, V) bags, streamed once.

        Memory: a V x V float32 matrix while counting, a float64 one while solving (0.4 and 0.8 GB at V = 10,000), and LAPACK's workspace.
        """
        mean, covariance = moments(batches, self.features)
        with torch.no_grad():
            _, directions = leading_pairs(covariance, self.latent)
            self.weight.copy_(torch.from_numpy(directions))
            self.bias.copy_(torch.from_numpy(mean - directions.T @ (directions @ mean)))


class RectifiedPrincipalComponents(Components):
    """h = W f, f^ = relu(W^T h + b): W of `PrincipalComponents`, b the output bias of the lowest squared error given W.

    What a ReLU and a bias alone add to the linear optimum: the fair baseline of a model with a ReLU.
    """

    output = "relu"

    def fit(self, batches: Iterable[Tensor]) -> None:
        """Fit to (batch, V) bags, streamed once; the bias to at most `BIAS_BAGS` of them, evenly spaced.

        Memory: that of `PrincipalComponents.fit`, and the kept bags as indices of their words.
        """
        kept = BagSample(BIAS_BAGS)
        mean, covariance = moments(kept.passing(batches), self.features)
        with torch.no_grad():
            self.weight.copy_(torch.from_numpy(leading_pairs(covariance, self.latent)[1]))
        self.fit_bias(kept.bags, mean)

    @torch.no_grad()
    def fit_bias(self, bags: list[Tensor], mean: np.ndarray) -> None:
        """Fit the bias to bags, given as index vectors of their words, with the directions as they are; `mean` is the mean bag."""
        by_word = self.weight.T.contiguous().cpu()  # where the bags are
        start = torch.from_numpy(mean).to(by_word)
        start = start - by_word @ (by_word.T @ start)
        sizes, words = torch.tensor([len(words) for words in bags]), torch.cat(bags)
        latent = functional.embedding_bag(words, by_word, sizes.cumsum(0) - sizes, mode="sum")
        rows = torch.repeat_interleave(torch.arange(len(bags)), sizes)
        words, order = words.sort(stable=True)
        rows, ends = rows[order], torch.bincount(words, minlength=self.features).cumsum(0).tolist()
        for first in range(0, self.features, BIAS_WORDS):
            values = by_word[first : first + BIAS_WORDS] @ latent.T
            for low in range(first, first + len(values), CACHED_WORDS):
                high = min(low + CACHED_WORDS, first + len(values))
                here = slice(ends[low - 1] if low else 0, ends[high - 1])
                self.bias[low:high] = rectified_bias(
                    values[low - first : high - first], words[here] - low, rows[here], start[low:high]
                )


class BagSample:
    """At most `most` bags of a stream of unknown length, evenly spaced, as index vectors of their words on the CPU."""

    def __init__(self, most: int):
        self.most, self.step, self.seen = most, 1, 0
        self.bags: list[Tensor] = []

    def passing(self, batches: Iterable[Tensor]) -> Iterator[Tensor]:
        """Yield the batches while sampling their bags."""
        for bags in batches:
            for bag in bags[-self.seen % self.step :: self.step]:
                self.bags.append(bag.nonzero().flatten().cpu())
            self.seen += len(bags)
            while len(self.bags) > self.most:
                self.bags, self.step = self.bags[::2], 2 * self.step
            yield bags


def rectified_bias(values: Tensor, words: Tensor, windows: Tensor, start: Tensor, steps: int = 60) -> Tensor:
    """Return the b that minimises the mean of (f - relu(x + b))^2 of each word: (V,).

    With the active windows A = {x + b > 0} fixed, the best b is the mean of f - x over A: Newton's method on a piecewise quadratic. A step
    that does not lower the error is halved. It finds a local minimum from `start`. Words that have converged are left out of later steps.

    Args:
        values: x, (V, windows).
        words: of the cells where f is 1, the word, in [0, V): (n,).
        windows: of the same cells, the window: (n,).
        start: (V,), such as the bias of the linear optimum.
        steps: at most, of Newton or halving.
    """
    # The error is sum relu(x + b)^2 - 2 sum over f = 1 of relu(x + b) + the number of f = 1, which stays.
    present = values[words, windows]

    def error_and_step(bias: Tensor) -> tuple[Tensor, Tensor]:
        outputs = (values + bias[:, None]).relu_()
        outputs_present = (present + bias[words]).relu_()
        error = torch.linalg.vecdot(outputs, outputs).double()
        error.index_add_(0, words, outputs_present.double(), alpha=-2)
        too_high = outputs.sum(1).index_add_(0, words, (outputs_present > 0).to(values), alpha=-1)
        return error, -too_high / outputs.count_nonzero(1).clamp_min(1)

    found, todo = start.clone(), torch.arange(len(values), device=values.device)
    bias = found.clone()
    best, step = error_and_step(bias)
    for _ in range(steps):
        if bool((open_ := step.abs() >= CONVERGED).logical_not().any()):
            found[todo] = bias
            todo, bias, best, step, values = (each[open_] for each in (todo, bias, best, step, values))
            kept, number = open_[words], open_.cumsum(0) - 1
            words, present = number[words[kept]], present[kept]
        if not len(todo):
            break
        error, following = error_and_step(bias + step)
        better = error < best
        bias, best = torch.where(better, bias + step, bias), torch.where(better, error, best)
        step = torch.where(better, following, step / 2)
    found[todo] = bias
    return found


def moments(batches: Iterable[Tensor], features: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean (V,) and covariance (V, V) of zero-one bags, float64; see :func:`joint_frequencies`."""
    covariance = joint_frequencies(batches, features)
    mean = covariance.diagonal().copy()  # of zeros and ones, where the mean square is the mean
    for start in range(0, features, ROWS):
        covariance[start : start + ROWS] -= np.outer(mean[start : start + ROWS], mean)
    return mean, covariance


def joint_frequencies(batches: Iterable[Tensor], features: int) -> np.ndarray:
    """Return P, (V, V) float64: P_ij the share of zero-one bags that hold words i and j, P_ii the share that holds word i.

    Co-occurrences are counted in float32, exact while counts stay below 2^24; before that they are added to a float64 total. On a CPU
    the words of nearly empty bags are multiplied sparsely.
    """
    batches = iter(batches)
    first = next(batches, None)
    assert first is not None, "no bags"
    whole = chain([first], batches)
    nearly_empty = (
        first.device.type == "cpu" and features > SMALL and first.count_nonzero() < NEARLY_EMPTY * first.numel()
    )
    total = since_fold = 0
    together = torch.zeros(features, features, device=first.device)
    folded: np.ndarray | float = 0.0
    for bags in products(part.numpy() for part in whole) if nearly_empty else whole:
        if since_fold + len(bags) > EXACT:
            folded = folded + together.double().cpu().numpy()
            together.zero_()
            since_fold = 0
        if isinstance(bags, Products):  # its upper half
            for start in range(0, features, ROWS):
                together[start : start + ROWS, start:] += bags.rows(start, min(start + ROWS, features), start)
        else:
            together.addmm_(bags.T, bags)
        since_fold += len(bags)
        total += len(bags)
    joint = together.double().cpu().numpy()
    del together
    joint += folded
    for start in range(0, features, ROWS) if nearly_empty else ():
        joint[start + ROWS :, start : start + ROWS] = joint[start : start + ROWS, start + ROWS :].T
    joint /= total
    return joint


def leading_pairs(matrix: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the largest eigenvalues (count,) of a symmetric matrix, falling, and their unit eigenvectors (count, V).

    Each vector has its largest entry positive. Overwrites the matrix. Where few pairs of a large matrix are asked for they are found by the
    implicitly restarted Lanczos method (ARPACK), to a relative accuracy of 1e-6.
    """
    size, found = len(matrix), None
    if size > FULL and FEW * count <= size:
        start = np.random.default_rng(0).standard_normal(size)
        with suppress(ArpackError):  # the matrix may have fewer dimensions than pairs
            found = eigsh(matrix, count, which="LA", v0=start, tol=1e-6)  # pyright: ignore[reportArgumentType], the stub has int
    if found is None:
        found = eigh(matrix, subset_by_index=(size - count, size - 1), overwrite_a=True, check_finite=False)
    order = np.argsort(-found[0], kind="stable")
    values, vectors = found[0][order], found[1][:, order].T
    largest = np.abs(vectors).argmax(axis=1)
    return values, vectors * np.sign(vectors[np.arange(count), largest])[:, None]
