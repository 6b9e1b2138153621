"""Ablate a plane of the embeddings: a task's accuracy with the plane alone, and with the plane removed."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from bows.errors import DataError

# Random planes that each ablation is compared with.
RANDOM_PLANES = 20


@dataclass(frozen=True)
class Ablation:
    """Accuracies, in [0, 1]."""

    base: float
    """With the embeddings as they are."""
    keep: float
    """With the plane alone."""
    remove: float
    """With all but the plane."""
    keep_random: list[float]
    """Of each random plane of the same size, it alone kept."""
    remove_random: list[float]

    def metrics(self, of: str = "") -> dict[str, float]:
        """Return the accuracies by metric name.

        They are `ablation/accuracy_base`, `_keep`, `_remove`; of the random planes `_keep_random`, `_remove_random` (means) and their
        standard deviations (ddof 1) `_keep_random_sd`, `_remove_random_sd`, left out where there are fewer than two.

        of: what was kept and removed where it is not the probed plane, as in `ablation/accuracy_keep_<of>_random`.
        """
        of = f"_{of}" if of else ""
        found = {"base": self.base, f"keep{of}": self.keep, f"remove{of}": self.remove}
        for name, values in ((f"keep{of}_random", self.keep_random), (f"remove{of}_random", self.remove_random)):
            if values:
                found[name] = float(torch.tensor(values, dtype=torch.float64).mean())
            if len(values) > 1:
                found[f"{name}_sd"] = float(torch.tensor(values, dtype=torch.float64).std())
        return {f"ablation/accuracy_{name}": value for name, value in found.items()}


def plane_ablation(
    embeddings: Tensor,
    directions: Tensor,
    accuracy: Callable[[Tensor], float],
    random_planes: int = RANDOM_PLANES,
    seed: int = 0,
) -> Ablation:
    """Compute accuracy with the span of some directions alone, and with it removed, compared with random subspaces of the same size.

    Args:
        embeddings: (items, m).
        directions: (m, d) independent columns, such as a probe's weights; d < m.
        accuracy: the task's accuracy with these embeddings (items, m) in the place of its own.
        random_planes: how many; 0 for none.
        seed: of the generator that draws them, uniformly among all subspaces of d dimensions.

    Raises:
        DataError: the directions are not independent, or as many as there are dimensions.
    """
    plane = orthonormal(directions)
    generator = torch.Generator().manual_seed(seed)
    drawn = [
        orthonormal(torch.randn(plane.shape, generator=generator, dtype=torch.float64)) for _ in range(random_planes)
    ]
    return Ablation(
        base=accuracy(embeddings),
        keep=accuracy(keep_plane(embeddings, plane)),
        remove=accuracy(remove_plane(embeddings, plane)),
        keep_random=[accuracy(keep_plane(embeddings, other)) for other in drawn],
        remove_random=[accuracy(remove_plane(embeddings, other)) for other in drawn],
    )


def orthonormal(directions: Tensor) -> Tensor:
    """Return an orthonormal basis (m, d), float64 on the CPU, of the span of the columns (m, d).

    Raises:
        DataError: the columns are not independent, or d is not below m.
    """
    directions = directions.detach().cpu().double()
    width, count = directions.shape
    if count >= width:
        raise DataError(
            f"{count} directions fill an embedding of {width} dimensions; raise latent to {count + 1} or more"
        )
    basis, triangle = torch.linalg.qr(directions / directions.norm(dim=0).clamp_min(1e-300))
    if not bool((triangle.diagonal().abs() > 1e-9).all()):
        raise DataError(
            f"the {count} directions span fewer than {count} dimensions, as where embeddings have shrunk to nothing; lower wd"
        )
    return basis


def keep_plane(embeddings: Tensor, plane: Tensor) -> Tensor:
    """Return mean + P (x - mean) of each item x: differences outside the plane are removed; the mean of all items stays.

    embeddings: (items, m). plane: (m, d), orthonormal columns. Returns (items, m) in the embeddings' own type and device.
    """
    mean, inside = _inside(embeddings, plane)
    return (mean + inside).to(embeddings)


def remove_plane(embeddings: Tensor, plane: Tensor) -> Tensor:
    """Return x - P (x - mean) of each item x: differences inside the plane are removed; the mean stays. Arguments as of `keep_plane`."""
    _, inside = _inside(embeddings, plane)
    return (embeddings.detach().cpu().double() - inside).to(embeddings)


def _inside(embeddings: Tensor, plane: Tensor) -> tuple[Tensor, Tensor]:
    whole = embeddings.detach().cpu().double()
    mean = whole.mean(0)
    return mean, (whole - mean) @ plane @ plane.T
