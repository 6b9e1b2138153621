"""Do the months lie in order on a circle, and the words of a season beside its months?"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from bows.analysis.ring import ring_coordinates
from bows.paper.claims import Measured
from bows.paper.runs import Run, chosen
from bows.paper.spread import lacking

MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
# Words of a time of the year, and the place of that time among the months, January at 0 (northern hemisphere, as most of the text).
SEASONAL = {
    "winter": 0, "snow": 0, "spring": 3, "Easter": 3, "summer": 6, "autumn": 9, "Halloween": 9, "Thanksgiving": 10, "Christmas": 11,
}  # fmt: skip
LEAST_SEASONAL = 4
SHUFFLES = 9999


def measure(runs: Sequence[Run]) -> dict[str, Measured]:
    """The values of the claims on months."""
    tied = list(chosen(runs, model="tied"))
    return {
        "weights": order_of(tied),
        "pca": order_of(list(chosen(runs, model="pca"))),
        "seasons": seasons(tied),
    }


def order_of(runs: Sequence[Run]) -> Measured:
    """Share of runs whose months lie in order."""
    scores = [
        (run.summary["ring/months/order"], run.summary.get("ring/months/order_p", 1.0))
        for run in runs
        if "ring/months/order" in run.summary
    ]
    if not scores:
        return lacking(no_set(runs, MONTHS))
    share = float(np.mean([order >= 0.5 and p < 0.05 for order, p in scores]))
    each = "; ".join(f"{order:.2f} (p {p:.2g})" for order, p in scores)
    return Measured(share, f"order {each}")


def no_set(runs: Sequence[Run], words: Sequence[str]) -> str:
    """Why a set of words was not measured."""
    if not runs:
        return "no completed run"
    known = set(runs[0].vocabulary)
    found = sum(word in known for word in words)
    return f"{found} of the {len(words)} words are in this corpus's vocabulary"


def seasons(runs: Sequence[Run]) -> Measured:
    """p of the mean angle between seasonal words and their months, in the months' plane, against shuffled months: of all seeds together."""
    angles = []
    words: list[str] = []
    for run in runs:
        months = run.indices(MONTHS)
        if months is None:
            return lacking(no_set(runs, MONTHS))
        words = [word for word in SEASONAL if run.indices([word]) is not None]
        if len(words) < LEAST_SEASONAL:
            return lacking(f"{len(words)} seasonal words are in this corpus's vocabulary, {LEAST_SEASONAL} are needed")
        found = angles_from_months(run.unit, months, [run.indices([word])[0] for word in words])  # type: ignore[index]
        if found is None:
            return lacking("the months' directions span no plane")
        angles.append(found)
    if not angles:
        return lacking("no completed run")
    between = np.mean(angles, axis=0)
    places = np.array([SEASONAL[word] for word in words])
    own = float(between[np.arange(len(words)), places].mean())
    random = np.random.default_rng(0)
    drawn = np.array([between[np.arange(len(words)), random.permutation(places)].mean() for _ in range(SHUFFLES)])
    p = float((1 + (drawn <= own).sum()) / (1 + SHUFFLES))
    return Measured(
        p,
        f"p {p:.2g}: {np.degrees(own):.0f}° from their months, {np.degrees(drawn.mean()):.0f}° from others' ({', '.join(words)})",
    )


def angles_from_months(unit: Tensor, months: Sequence[int], others: Sequence[int]) -> np.ndarray | None:
    """(others, 12): the angle in [0, pi] between each word and each month, seen from the months' centre in the months' plane; None where
    they span none."""
    directions = unit[:, list(months)].double()
    centre = directions.mean(1, keepdim=True)
    if ring_coordinates(unit, months) is None:
        return None
    plane = torch.linalg.svd(directions - centre, full_matrices=False).U[:, :2]
    seen = plane.T @ (unit[:, [*months, *others]].double() - centre)
    angle = torch.atan2(seen[1], seen[0])
    between = (angle[len(months) :, None] - angle[None, : len(months)]).abs()
    return torch.minimum(between, 2 * torch.pi - between).numpy()
