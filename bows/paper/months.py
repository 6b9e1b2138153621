"""Do the months lie in order on a circle, and the words of a season beside its months?"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from bows.analysis.cyclic_steps import step_correlation
from bows.analysis.ring import ring, ring_coordinates
from bows.files import read_json
from bows.paper.claims import Measured
from bows.paper.plane_removal import plane_removed
from bows.paper.runs import Run, chosen
from bows.paper.seeds import not_measured, try_measure
from bows.paper.text_correlations import directions_of, text_correlations
from bows.paper.word_lists import LEAST_SEASONAL, MONTHS, SEASONAL

SHUFFLES = 9999


def measure(runs: Sequence[Run]) -> dict[str, Measured]:
    """The values of the claims on months."""
    tied = list(chosen(runs, model="tied"))
    return {
        "text": try_measure(in_text, tied),
        "steps": steps(tied),
        "weights": order_of(tied),
        "pca": order_of(list(chosen(runs, model="pca"))),
        "seasons": seasons(tied),
        "used": try_measure(used, tied),
    }


def used(runs: Sequence[Run]) -> Measured:
    """The largest p, over seeds and both nulls, of what the months' companions lose without the months' plane."""
    folders = [plane_removed(run) for run in runs]
    found = [read_json(folder / "summary.json") for folder in folders if folder is not None]
    if not found:
        return not_measured(no_set(runs, MONTHS))
    p = {
        group: [max(of[f"ablation/months/{group}/drop_random_{null}_p"] for null in ("plane", "set")) for of in found]
        for group in ("set", "companions")
    }
    drops = {group: float(np.mean([of[f"ablation/months/{group}/drop"] for of in found])) for group in p}
    r2 = float(np.mean([of["ablation/months/set/r2"] for of in found]))
    return Measured(
        max(p["companions"]),
        f"p {max(p['companions']):.2g}: companions lose R² {drops['companions']:.3f}; "
        f"the months themselves {drops['set']:.3f} of {r2:.2f} (p {max(p['set']):.2g})",
    )


def in_text(runs: Sequence[Run]) -> Measured:
    """p of the correlation between the months' phi over the training windows and their nearness in the year."""
    if not runs or runs[0].indices(MONTHS) is None:
        return not_measured(no_set(runs, MONTHS))
    rho, p = step_correlation(text_correlations(runs[0], MONTHS), SHUFFLES)
    _, scores = months_in_text(runs[0])
    order = f"; order in their plane {scores['order']:.2f} (p {scores['order_p']:.2g})" if "order" in scores else ""
    return Measured(p, f"p {p:.2g}: rank correlation {rho:.2f}{order}")


def steps(runs: Sequence[Run]) -> Measured:
    """The same of the months' cosines in the weights, mean of all seeds."""
    found = nearness(runs)
    if found is None:
        return not_measured(no_set(runs, MONTHS))
    rho, p = found
    return Measured(p, f"p {p:.2g}: rank correlation {rho:.2f} (mean of {len(runs)} seeds)")


def nearness(runs: Sequence[Run]) -> tuple[float, float] | None:
    """The rank correlation of the months' cosines with their nearness in the year, mean of some runs, and its p; None where a month is
    not_measured or all directions are alike.
    """
    indices = [run.indices(MONTHS) for run in runs]
    if not runs or None in indices:
        return None
    cosines = [run.unit[:, each].double() for run, each in zip(runs, indices, strict=True)]
    try:
        return step_correlation([(unit.T @ unit).numpy() for unit in cosines], SHUFFLES)
    except ValueError:
        return None


def months_in_text(run: Run, beside: Sequence[str] = ()) -> tuple[Tensor, dict[str, float]]:
    """Directions (n, 12 + beside) with the months' and further words' correlations over the training windows, and the months' ring scores.

    Raises BowsError where a word never varies or the corpus is gone.
    """
    directions = directions_of(text_correlations(run, [*MONTHS, *beside]))
    return directions, ring(directions, None, range(len(MONTHS)), permutations=SHUFFLES, seed=run.settings["seed"])


def seasonal_words(run: Run) -> list[str]:
    """The words of SEASONAL that the vocabulary has; none where they are too few."""
    words = [word for word in SEASONAL if run.indices([word]) is not None]
    return words if len(words) >= LEAST_SEASONAL else []


def order_of(runs: Sequence[Run]) -> Measured:
    """Return the share of runs whose months lie on a ring: in order, and December as near January as neighbours are to each other.

    An open arc passes the test of order alone (see :func:`bows.analysis.ring.shape`).
    """
    scores = [
        (summary["ring/months/order"], summary.get("ring/months/order_p", 1.0), summary.get("ring/months/closure"))
        for run in runs
        if "ring/months/order" in (summary := run.summary)
    ]
    if not scores:
        return not_measured(no_set(runs, MONTHS))
    share = float(np.mean([order >= 0.5 and p < 0.05 and (closed or 0) >= 0.5 for order, p, closed in scores]))
    each = (
        f"{order:.2f} (p {p:.2g}, closure {'not known' if closed is None else format(closed, '.2f')})"
        for order, p, closed in scores
    )
    return Measured(share, f"order {'; '.join(each)}")


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
            return not_measured(no_set(runs, MONTHS))
        words = [word for word in SEASONAL if run.indices([word]) is not None]
        if len(words) < LEAST_SEASONAL:
            return not_measured(
                f"{len(words)} seasonal words are in this corpus's vocabulary, {LEAST_SEASONAL} are needed"
            )
        found = angles_from_months(run.unit, months, [run.indices([word])[0] for word in words])  # type: ignore[index]
        if found is None:
            return not_measured("the months' directions span no plane")
        angles.append(found)
    if not angles:
        return not_measured("no completed run")
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
    they span none.
    """
    seen = in_plane(unit, months, others)
    if seen is None:
        return None
    angle = np.arctan2(seen[1], seen[0])
    between = np.abs(angle[len(months) :, None] - angle[None, : len(months)])
    return np.minimum(between, 2 * np.pi - between)


def in_plane(unit: Tensor, months: Sequence[int], others: Sequence[int] = ()) -> np.ndarray | None:
    """(2, 12 + others): months, then other words, in the months' plane, their centre at 0; None where they span none."""
    if ring_coordinates(unit, months) is None:
        return None
    directions = unit[:, list(months)].double()
    centre = directions.mean(1, keepdim=True)
    plane = torch.linalg.svd(directions - centre, full_matrices=False).U[:, :2]
    return (plane.T @ (unit[:, [*months, *others]].double() - centre)).numpy()
