r"""Predict the weights of a linear tied autoencoder under AdamW from the data's covariance alone: which principal directions survive.

Notation: f^ = W^T W f + b, loss L = E |f - f^|^2 / V (mean over cells), P = W^T W, covariance S = sum_k s_k u_k u_k^T, mean mu, batches of
B bags, learning rates that sum to tau over the run, weight decay wd (decoupled: W shrinks by lr * wd per step).

1. With b at its optimum, dL/dW = -(2/V) W (2 S - S P - P S).
2. AdamW divides it, element by element, by the root mean square of the gradients of batches. Near the optimum that is their noise, of a
   bag's gradient -(2/V) h_k r_i with h = W f and the residual r = (I - P)(f - mu). Taking h and r as independent, and all latent dimensions
   and words as alike (the latent basis is arbitrary), its variance is (4/V^2) H R / B, H = E|h|^2 / m, R = E|r|^2 / V. At rest the mean
   gradient balances the decay, -wd * rho * W, which adds wd^2 rho^2 w^2, w^2 = |W|^2 / (m V). So rho = (2/V) d with
   d = sqrt(H R / B / (1 - wd^2 w^2)); no weight exceeds 1 / wd (Xie & Li 2024). Decoupled decay acts as an L2 penalty of
   wd * rho / 2 on |W|^2 (Loshchilov & Hutter 2019, section 3, for a fixed preconditioner).
3. In time t = the sum of learning rates so far, dW/dt = W (2 S - S P - P S) / d - wd W. A principal direction with p_k = u_k^T P u_k grows
   by the rate 2 s_k (1 - p_k) / d - wd, and is at rest at p_k = 1 - wd d / (2 s_k): it survives if 2 s_k > wd d. For wd = 0, p_k = 1 and
   P is the projector on the top m directions: principal components. (For an L2 penalty: Kunin et al. 2019.) d depends on P through H and
   R: both are solved together. More decay shrinks d too, so that the strongest direction never dies.
4. Directions compete for m dimensions. While they grow, the row space of W is that of W_0 exp(K S), K = 2 tau / d (exact for Oja's flow;
   Yan, Helmke & Moore 1994), W_0 random: eigenvalues of directions inside and outside the top m that differ by less than 1/K are not
   separated. In the basis of the u_k, W_0 = [G_1 G_2] (m x m, m x rest), this space is the rows of [I, X],
   X_ij = (G_1^-1 G_2)_ij exp(-K (s_i - s_j)), which vanishes as K grows. There S has directions of its own, which 3. shrinks.

Approximations: linear outputs; one rho for all weights, which holds while wd times the largest weight is well below 1; second moments
that have forgotten the start (1,000 steps by default; in runs of 385 steps rho, and so the decay, was 1.4 to 1.6 times as large); h and r
independent (rho is 10 % larger on Wikipedia, whose windows differ in length); all of tau spent growing, none to leave the start. So K is an
upper bound: real runs separate directions less.
"""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

STEPS = 400  # of the fixed point of the retention, a quarter of the way each: it does not oscillate
LEAST_BOUND = 1e-2  # of 1 - wd^2 w^2, while the fixed point is approached


@dataclass(frozen=True)
class Spectrum:
    """The top N principal directions of the data, as far as the prediction for some words needs them."""

    values: Float[np.ndarray, " N"]
    """Eigenvalues of the covariance, falling."""
    columns: Float[np.ndarray, "N words"]
    """Entries of the eigenvectors (a row each) at these words."""
    mean: Float[np.ndarray, " N"]
    """Components of the mean bag along the eigenvectors."""
    trace: float
    """Of the whole covariance."""
    words: int
    """V."""


@dataclass(frozen=True)
class Decay:
    """Settings of the training that decide which directions survive."""

    weight_decay: float | int
    batch: int
    """B, bags per step."""
    rates: float | int = math.inf
    """tau, the sum of the learning rates over all steps, lr * steps / 2 for a cosine schedule; infinite: trained to convergence."""


def retention(spectrum: Spectrum, latent: int, decay: Decay) -> tuple[Float[np.ndarray, " m"], float]:
    """Return p_k, in [0, 1], of the top m principal directions at rest, and d; see the top of this module.

    p_k is the share of direction k that the autoencoder reconstructs: 0 where the decay is stronger than its growth. Without decay 1.

    >>> flat = Spectrum(np.array([2.0, 1.0, 0.1]), np.eye(3), np.zeros(3), 3.1, 3)
    >>> retention(flat, 2, Decay(weight_decay=0, batch=8))[0].tolist()
    [1.0, 1.0]
    >>> [round(float(p), 2) for p in retention(flat, 2, Decay(weight_decay=2, batch=8))[0]]
    [0.79, 0.57]
    """
    values, means = spectrum.values[:latent], np.square(spectrum.mean[:latent])
    kept, noise = np.ones(latent), 0.0
    for _ in range(STEPS):
        power = (kept * (values + means)).sum() / latent
        residual = (spectrum.trace - (values * (1 - np.square(1 - kept))).sum()) / spectrum.words
        bound = 1 - decay.weight_decay**2 * kept.sum() / (latent * spectrum.words)
        noise = math.sqrt(power * max(residual, 0.0) / decay.batch / max(bound, LEAST_BOUND))
        if decay.weight_decay:
            kept = (3 * kept + np.maximum(0, 1 - decay.weight_decay * noise / (2 * values))) / 4
    return kept, noise


def predicted_weights(spectrum: Spectrum, latent: int, decay: Decay, seed: int = 0) -> Float[np.ndarray, "m words"]:
    """Return the columns of W at the spectrum's words, up to a rotation of the latent; see the top of this module.

    Args:
        spectrum: of the training windows, with more directions than the latent has: directions beyond it are taken to have died out.
        latent: m, below the spectrum's directions.
        decay: the settings of the training.
        seed: of the random start W_0, which matters where `decay.rates` is finite.

    Without decay and of infinite rates: the top m principal directions.
    """
    _, noise = retention(spectrum, latent, decay)
    space = _row_space(spectrum.values, latent, 2 * decay.rates / noise if noise else math.inf, seed)
    own, turn = np.linalg.eigh((space * spectrum.values) @ space.T)
    rows = turn.T @ space
    kept = np.maximum(0, 1 - decay.weight_decay * noise / (2 * np.maximum(own, 1e-300)))
    return np.sqrt(kept)[:, None] * (rows @ spectrum.columns)


def _row_space(values: np.ndarray, latent: int, sharpness: float, seed: int) -> Float[np.ndarray, "m N"]:
    """Return an orthonormal basis of the rows of W_0 exp(K S), in the basis of the principal directions; K = sharpness."""
    if math.isinf(sharpness):
        return np.eye(latent, len(values))
    start = np.random.default_rng(seed).normal(size=(latent, len(values)))
    apart = values[:latent, None] - values[None, latent:]
    beyond = np.linalg.solve(start[:, :latent], start[:, latent:]) * np.exp(-sharpness * apart)
    return np.linalg.qr(np.hstack([np.eye(latent), beyond]).T).Q.T
