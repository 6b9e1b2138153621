"""Are the months in order on a circle, and the words of a season near its months?"""

import json
import sys
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from torch import Tensor

from bows.analysis.cycle_plane import angles_in_plane, in_plane, nearness_to_places
from bows.analysis.cyclic_steps import step_correlation
from bows.analysis.ring import SHAPES, regular_positions, ring, shape
from bows.evaluation.ablate import ablate_plane
from bows.evaluation.ablation_results import print_ablation, write_ablation
from bows.evaluation.context import LoadedRun
from bows.files import read_json
from bows.paper.claims import Measured
from bows.paper.runs import NotMeasured, Run, chosen, first
from bows.paper.seeds import try_measure
from bows.paper.text_correlations import directions_of, text_correlations
from bows.paper.word_lists import LEAST_SEASONAL, MONTHS, SEASONAL

SHUFFLES = 9999
SOURCES = (("tied", "weights"), ("pca", "data’s principal components"))
SCORES = b"scores"
RING = "ring/months/"


def measure(runs: Sequence[Run]) -> dict[str, Measured]:
    """Measure the claims on months."""
    tied, pca = chosen(runs, model="tied"), chosen(runs, model="pca")
    return {
        "text": try_measure(in_text, tied),
        "steps": try_measure(steps, tied, pca),
        "weights": try_measure(on_ring, tied, pca),
        "pca": try_measure(on_ring, pca),
        "seasons": try_measure(seasons, tied),
        "used": try_measure(used, tied),
    }


def no_claim(runs: Sequence[Run]) -> dict[str, Measured]:
    """Return no claim, of a question that is not in the paper. Raises NotMeasured where there is no run or the vocabulary lacks a month."""
    first(runs).indices(MONTHS)
    return {}


def in_text(runs: Sequence[Run]) -> Measured:
    """Return p of the correlation between the months' phi over the training windows and their nearness in the year."""
    rho, p = step_correlation(text_correlations(first(runs), MONTHS), SHUFFLES)
    _, scores = months_in_text(first(runs))
    order = f"; order in their plane {scores['order']:.2f} (p {scores['order_p']:.2g})" if "order" in scores else ""
    return Measured(p, f"p {p:.2g}: rank correlation {rho:.2f}{order}", "shuffled months, rank correlation 0")


def steps(runs: Sequence[Run], components: Sequence[Run] = ()) -> Measured:
    """Return the same p of the months' cosines in the weights, mean of all seeds; the baseline is that of principal components."""
    rho, p = nearness(runs)
    of_pca = f"; principal components of the same m {nearness(components)[0]:.2f}" if components else ""
    return Measured(
        p, f"p {p:.2g}: rank correlation {rho:.2f} (mean of {len(runs)} seeds)", f"shuffled months 0{of_pca}"
    )


def nearness(runs: Sequence[Run]) -> tuple[float, float]:
    """Return the rank correlation of the months' cosines with their nearness in the year, mean of some runs, and its p.

    Raises:
        NotMeasured: a month is not in the vocabulary, or all directions are equal.
    """
    first(runs)
    directions = [run.directions(MONTHS) for run in runs]
    try:
        return step_correlation([(unit.T @ unit).numpy() for unit in directions], SHUFFLES)
    except ValueError as error:
        raise NotMeasured(str(error)) from None


def on_ring(runs: Sequence[Run], components: Sequence[Run] = ()) -> Measured:
    """Return the share of runs whose months lie on a ring: an order of 0.5, and the shape `ring` of :func:`bows.analysis.ring.shape`.

    An open arc passes the test of order alone, and so do directions that are in order yet nearly orthogonal.
    """
    scored = _ring_scores(runs)
    if not scored:
        first(runs).indices(MONTHS)
        raise NotMeasured("the runs have no ring scores of the months; they need analysis.groups=[ring]")
    rings = [each["order"] >= 0.5 and SHAPES[shape(each)] == "ring" for each in scored]
    pca = f"; principal components: {_in_words(_ring_scores(components))}" if _ring_scores(components) else ""
    baseline = (
        f"random orders 0.05 of the seeds; planarity of orthogonal directions {scored[0]['planarity_null']:.2f}{pca}"
    )
    return Measured(float(np.mean(rings)), _in_words(scored), baseline)


def _ring_scores(runs: Sequence[Run]) -> list[dict[str, float]]:
    known = {"order_p": 1.0, "planarity": 0.0, "planarity_null": 2 / (len(MONTHS) - 1)}
    return [
        known | {name.removeprefix(RING): value for name, value in run.summary.items() if name.startswith(RING)}
        for run in runs
        if f"{RING}order" in run.summary
    ]


def _in_words(scored: Sequence[Mapping[str, float]]) -> str:
    closed = [f"{each['closure']:.2f}" if "closure" in each else "not known" for each in scored]
    return "; ".join(
        f"order {each['order']:.2f} (p {each['order_p']:.2g}, closure {closure}, planarity {each['planarity']:.2f})"
        for each, closure in zip(scored, closed, strict=True)
    )


def months_in_text(run: Run, others: Sequence[str] = ()) -> tuple[Tensor, dict[str, float]]:
    """Return directions (n, 12 + others) with the correlations of the months and other words over the training windows; the months' scores.

    Raises:
        BowsError: a word never varies, or the corpus is missing.
    """
    directions = directions_of(text_correlations(run, [*MONTHS, *others]))
    return directions, ring(directions, None, range(len(MONTHS)), permutations=SHUFFLES, seed=run.settings["seed"])


def seasonal_words(run: Run) -> list[str]:
    """Return the words of SEASONAL that the vocabulary has; none where they are too few."""
    words = run.known(SEASONAL)
    return words if len(words) >= LEAST_SEASONAL else []


def seasons(runs: Sequence[Run]) -> Measured:
    """Return p of the mean angle between seasonal words and their months, in the months' plane, of all seeds together."""
    first(runs).indices(MONTHS)
    words = first(runs).known(SEASONAL)
    if len(words) < LEAST_SEASONAL:
        raise NotMeasured(f"{len(words)} seasonal words are in this corpus's vocabulary, {LEAST_SEASONAL} are needed")
    between = np.mean([angles_in_plane(run.directions([*MONTHS, *words]), len(MONTHS)) for run in runs], axis=0)
    own, shuffled, p = nearness_to_places(between, np.array([SEASONAL[word] for word in words]), SHUFFLES)
    text = f"p {p:.2g}: {np.degrees(own):.0f}° from their months ({', '.join(words)})"
    return Measured(p, text, f"shuffled months {np.degrees(shuffled):.0f}°")


def used(runs: Sequence[Run]) -> Measured:
    """Return the largest p, over seeds and both nulls, of the R² that words associated with the months lose without the months' plane."""
    first(runs)
    found = [read_json(plane_removed(run) / "summary.json") for run in runs]

    def mean(name: str) -> float:
        return float(np.mean([of[f"ablation/months/{name}"] for of in found]))

    p = {null: max(of[f"ablation/months/companions/drop_random_{null}_p"] for of in found) for null in ("plane", "set")}
    text = f"p {max(p.values()):.2g}: they lose R² {mean('companions/drop'):.3f}; "
    text += f"the months themselves {mean('set/drop'):.3f} of {mean('set/r2'):.2f}"
    null = {name: f"{mean(f'companions/drop_random_{name}_null'):.3f}" for name in p}
    own = {name: f"{mean(f'set/drop_random_{name}_null'):.3f}" for name in p}
    baseline = f"random planes {null['plane']}, months {own['plane']}; random sets without theirs {null['set']} and {own['set']}"
    return Measured(max(p.values()), text, baseline)


def plane_removed(run: Run) -> Path:
    """Return the folder of `bows.analyze plane=months` of a run; remove the plane and measure where that was not done yet.

    Raises:
        NotMeasured: the vocabulary lacks a month.
    """
    months, folder = run.indices(MONTHS), run.folder / "analysis" / "paper-months-plane"
    if not (folder / "summary.json").is_file():
        loaded = LoadedRun(run.files, run.autoencoder, run.data, run.data, torch.device("cpu"), run.settings["seed"])
        ablation = ablate_plane(loaded, "months", months, run.files.config["analysis"]["threshold"])
        write_ablation(ablation, folder)
        with redirect_stdout(sys.stderr):  # its table is progress here
            print_ablation(ablation)
    return folder


def planes(runs: Sequence[Run]) -> pa.Table:
    """Return months and seasonal words in the months' plane, of the first seed.

    The planes are those of the weights, of the data's principal components, and of the correlations of the training windows themselves.
    """
    panels = []
    for model, source in SOURCES:
        for run in chosen(runs, model=model)[:1]:
            words = [*MONTHS, *seasonal_words(run)]
            panels.append(
                plane_panel(f"{source}, m = {run.settings['latent']}", words, run.directions(words), run.summary)
            )
    for run in chosen(runs, model="tied")[:1]:
        words = [*MONTHS, *seasonal_words(run)]
        directions, scores = months_in_text(run, words[len(MONTHS) :])
        summary = {f"{RING}{name}": value for name, value in scores.items()}
        panels.append(plane_panel("correlations in the text", words, directions, summary))
    first(runs)
    return pa.concat_tables(panels)


def plane_panel(panel: str, words: Sequence[str], directions: Tensor, summary: Mapping[str, float]) -> pa.Table:
    """Return months and other words in the months' plane, turned and mirrored so that the months are as near as possible to clock hours.

    Args:
        panel: its title; order and p of `summary` (`ring/months/order`, `..._p`) follow it.
        words: the months, then others.
        directions: (any, words): their unit directions.
        summary: the metrics that give order and p.

    Raises:
        NotMeasured: the months span no plane.
    """
    count = len(MONTHS)
    seen = in_plane(directions, len(MONTHS))
    angles = np.pi / 2 - regular_positions(count)
    left, _, right = np.linalg.svd(seen[:, :count] @ np.column_stack([np.cos(angles), np.sin(angles)]))
    turned = (left @ right).T @ seen
    known = [
        (name, summary[f"{RING}{key}"])
        for name, key in (("order", "order"), ("p", "order_p"))
        if f"{RING}{key}" in summary
    ]
    return pa.table(
        {
            "panel": [f"{panel}\n{'; '.join(f'{name} {value:.2g}' for name, value in known)}"] * len(words),
            "word": list(words),
            "place": pa.array([*range(count), *[None] * (len(words) - count)], pa.int64()),
            "x": turned[0],
            "y": turned[1],
        }
    )


def correlations(runs: Sequence[Run]) -> pa.Table:
    """Return phi of every two months over the training windows and the cosines of their directions, of the first seed."""
    matrices = {"phi in the text": text_correlations(first(chosen(runs, model="tied")), MONTHS)}
    for model, source in SOURCES:
        for run in chosen(runs, model=model)[:1]:
            unit = run.directions(MONTHS)
            matrices[f"cosine in the {source}"] = (unit.T @ unit).numpy()
    rows = [
        {"panel": panel, "row": MONTHS[row], "column": MONTHS[column], "value": float(value)}
        for panel, matrix in matrices.items()
        for (row, column), value in np.ndenumerate(matrix)
    ]
    return pa.Table.from_pylist(rows)


def ablation(runs: Sequence[Run]) -> pa.Table:
    """Return R² of months, associated words and other words without random planes; the schema's metadata has that without their own."""
    folder = plane_removed(first(chosen(runs, model="tied")))
    scores = {
        name.removeprefix("ablation/months/"): value for name, value in read_json(folder / "summary.json").items()
    }
    return pq.read_table(folder / "ablation_null.parquet").replace_schema_metadata({SCORES: json.dumps(scores)})
