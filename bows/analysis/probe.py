"""Fit a ridge probe of two coordinates per item to embeddings, scored on held-out items."""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from torch import Tensor

from bows.errors import DataError, SettingError

# The penalty of the paper's probe, on the squared norm of the weights beside the summed squared error.
RIDGE = 1e-3


@dataclass(frozen=True)
class Probe:
    """A fitted probe: coordinates = embeddings @ weights[chosen] + a constant."""

    chosen: int
    """Which of the candidates it reads."""
    scores: np.ndarray
    """(candidates,): leave-one-out R^2 on the items it was fitted on, by which it chose."""
    weights: np.ndarray
    """(candidates, m, 2): what it would read of each."""
    predicted: np.ndarray
    """(items, 2): the chosen coordinates of all items, as probed."""
    r2: float
    """On the held-out items, at most 1; see `fit_probe`."""
    p: float | None
    """Share of permutations at least as good; None where there were none."""


def fit_probe(
    embeddings: Tensor | np.ndarray,
    candidates: np.ndarray,
    held_out: np.ndarray,
    ridge: float = RIDGE,
    permutations: int = 999,
    seed: int = 0,
) -> Probe:
    """Fit a ridge regression with intercept from embeddings to two coordinates, on the items that are not held out.

    Of several candidates for the coordinates the one is read that the items it is fitted on tell best by leave-one-out R^2; the
    held-out items have no say. `r2` = 1 - SSE / SST over held-out items, both coordinates pooled in their own units, SST around the
    held-out mean. `p` = (1 + permutations of the items' coordinates with at least this r2) / (1 + permutations), in (0, 1]: each
    permutation makes the choice among candidates anew.

    Args:
        embeddings: (items, m).
        candidates: (candidates, items, 2).
        held_out: (items,) bool; at least three items are not held out, at least two are.
        ridge: penalty on the squared norm of the weights, above 0; the intercept is free.
        permutations: how many the p value rests on, 0 or more.
        seed: of the generator that draws them.

    Raises:
        DataError: an embedding is not finite, too few items on one side, or items of equal coordinates.
        SettingError: ridge is not above 0 or permutations is negative.
    """
    if ridge <= 0 or permutations < 0:
        raise SettingError(
            f"ridge={ridge} with permutations={permutations}: the penalty must be above 0, the permutations 0 or more"
        )
    inputs = _as_array(embeddings)
    fitted = ~held_out
    if fitted.sum() < 3 or held_out.sum() < 2:
        raise DataError(f"a probe needs 3 items to fit and 2 held out, got {fitted.sum()} and {held_out.sum()}")
    middle = inputs[fitted].mean(0)
    centred = inputs - middle
    own = centred[fitted]
    # (X^T X + ridge)^-1 X^T, through which every fit below is one matrix product: (m, fitted items).
    solver = cho_solve(cho_factor(own.T @ own + ridge * np.eye(own.shape[1])), own.T)
    hat, reach = own @ solver, centred[held_out] @ solver

    def choose(coordinates: np.ndarray) -> tuple[int, float, np.ndarray]:
        targets = coordinates[:, fitted]
        scores = _leave_one_out_r2(hat, targets)
        chosen = int(scores.argmax())
        mean = targets[chosen].mean(0)
        return chosen, _r2(coordinates[chosen, held_out], reach @ (targets[chosen] - mean) + mean), scores

    chosen, r2, scores = choose(candidates)
    generator = np.random.default_rng(seed)
    at_least = sum(
        choose(candidates[:, generator.permutation(len(inputs))])[1] >= r2 - 1e-12 for _ in range(permutations)
    )
    means = candidates[:, fitted].mean(1, keepdims=True)
    weights = solver @ (candidates[:, fitted] - means)
    p = (1 + at_least) / (1 + permutations) if permutations else None
    return Probe(chosen, scores, weights, centred @ weights[chosen] + means[chosen], r2, p)


def _leave_one_out_r2(hat: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Return R^2 (candidates,) of each item's coordinates predicted by the fit on all other items, coordinates pooled.

    From one fit on all: leaving item i out divides its residual by 1 - h_ii, where h is the hat matrix with the intercept's 1 / n. The
    mean that SST is around is left out likewise. Source: Allen 1974 (PRESS).
    """
    count = len(hat)
    centred = targets - targets.mean(1, keepdims=True)
    leverage = np.diag(hat) + 1 / count
    residuals = (centred - hat @ centred) / (1 - leverage)[:, None]
    spread = np.square(centred / (1 - 1 / count)).sum((1, 2))
    if not spread.all():
        raise DataError("the items a probe is fitted on have equal coordinates: there is nothing to read")
    return 1 - np.square(residuals).sum((1, 2)) / spread


def _r2(targets: np.ndarray, predicted: np.ndarray) -> float:
    spread = float(np.square(targets - targets.mean(0)).sum())
    if spread == 0:
        raise DataError("the held-out items of the probe have equal coordinates: there is nothing to explain")
    return 1 - float(np.square(targets - predicted).sum()) / spread


def _as_array(embeddings: Tensor | np.ndarray) -> np.ndarray:
    if isinstance(embeddings, Tensor):
        embeddings = embeddings.detach().cpu().double().numpy()
    embeddings = np.asarray(embeddings, dtype=float)
    if not np.isfinite(embeddings).all():
        raise DataError("an embedding is infinite or not a number")
    return embeddings
