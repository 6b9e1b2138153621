"""Up to which latent size do the months lie on a ring, and do weight decay or the ReLU move that limit?"""

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bows.analysis.ring import SHAPES
from bows.errors import BowsError
from bows.figures.phase_diagrams import setting_heat_map
from bows.paper.months import no_claim as measure
from bows.paper.months import plane_panel
from bows.paper.ring_prediction import predictions
from bows.paper.runs import NotMeasured, Run, chosen
from bows.paper.word_lists import MONTHS

SETTINGS = ("model", "latent", "wd", "seed")
MEASURES = {
    "months_order": "ring/months/order",
    "months_order_p": "ring/months/order_p",
    "months_closure": "ring/months/closure",
    "months_planarity": "ring/months/planarity",
    "planarity_null": "ring/months/planarity_null",
    "months_procrustes": "ring/months/procrustes",
    "days_order": "ring/days_of_month/order",
    "days_order_p": "ring/days_of_month/order_p",
    "days_line_order": "ring/days_of_month/line_order",
    "purity": "cluster/purity",
    "purity_z": "cluster/purity_z",
    "r2": "reconstruction/r2",
    "gap": "interference/gap",
    "gap_stratified": "interference/gap_stratified",
    "filtered": "interference/filtered",
    "filtered_given_pushed": "interference/filtered_given_pushed",
    "relu_gain": "reconstruction/relu_gain",
    "linear": "regime/linear",
    "mixed": "regime/mixed",
    "absent": "regime/absent",
}
"""Columns of the table and their metrics."""
NAMES = {"tied": "ReLU", "linear": "linear", "prediction": "prediction", "pca": "PCA"}
MAPPED = {"months_planarity": "planarity", "months_order": "order"}
SMALL, LARGE = 100, 1000  # m of the polygons, where the sweep has them
DECAYS = (0, 4)


def models(runs: Sequence[Run]) -> pa.Table:
    """Return one row per model, by model, m, weight decay and seed: `SETTINGS`, `MEASURES`, and two of the months' own.

    Predictions from the covariance have rows of their own, of model `prediction` and `prediction at rest`, with `kept_least` and
    `kept_mean`, the shares of the top m principal directions that survive. `months_variance` is the share of the variance of the months'
    columns w_i, not of their unit directions, in the plane of their top two principal components; `months_shape` the name of
    ``ring/months/shape``. A metric that a run does not have is empty.
    """
    measure(runs)
    rows = [_row(run) for run in runs]
    try:
        rows += predictions(runs)
    except BowsError as error:  # such as a corpus that is gone
        print(f"ring_edge: without predictions: {error}", file=sys.stderr)
    columns = list(dict.fromkeys(name for row in rows for name in row))
    rows.sort(key=lambda row: tuple(row[name] for name in SETTINGS))
    return pa.table({name: [row.get(name) for row in rows] for name in columns})


def _row(run: Run) -> dict[str, Any]:
    shape = run.summary.get("ring/months/shape")
    return {
        **{name: run.settings[name] for name in SETTINGS},
        **{name: run.summary.get(metric) for name, metric in MEASURES.items()},
        "months_variance": plane_share(run.encoder[:, run.indices(MONTHS)].double().numpy()),
        "months_shape": None if shape is None else SHAPES[int(shape)],
    }


def plane_share(columns: np.ndarray) -> float | None:
    """Return the share of the variance of columns (m, n) around their mean in their top two principal components; None without variance."""
    power = np.square(np.linalg.svd(columns - columns.mean(1, keepdims=True), compute_uv=False))
    return float(power[:2].sum() / power.sum()) if power.sum() > 0 else None


def draw_map(table: pa.Table) -> Any:
    """Draw planarity and order of the months over m and weight decay, a panel per kind of model."""
    latents, decays = (sorted(set(table[name].to_pylist())) for name in ("latent", "wd"))
    panels = []
    for model, name in NAMES.items():
        own = table.filter(pc.equal(table["model"], model)).to_pylist()
        for metric, label in MAPPED.items() if own else ():
            cells = [[[row[metric] for row in own if (row["latent"], row["wd"]) == (latent, decay) and row[metric] is not None]
                      for latent in latents] for decay in decays]  # fmt: skip
            if model == "pca":  # decay has no effect on it
                cells = [cells[0]] * len(decays)
            means = [[np.mean(values) if values else np.nan for values in row] for row in cells]
            panels.append((f"{label}: {name}", means, [[len(values) for values in row] for row in cells]))
    return setting_heat_map(panels, ("m", latents), ("wd", decays))


def polygons(runs: Sequence[Run]) -> pa.Table:
    """Return the months in their plane, of the first seed's ReLU models: small and large m without and with weight decay.

    Raises:
        NotMeasured: there are fewer than two of these models.
    """
    measure(runs)
    sizes = sorted({run.settings["latent"] for run in chosen(runs, model="tied")})
    if not sizes:
        raise NotMeasured("no completed run of model=tied")
    ends = dict.fromkeys((SMALL if SMALL in sizes else sizes[0], LARGE if LARGE in sizes else sizes[-1]))
    panels = []
    for latent in ends:
        for decay in DECAYS:
            for run in chosen(runs, model="tied", latent=latent, wd=decay)[:1]:
                words = list(MONTHS)
                scores = run.summary.get("ring/months/planarity")
                plane = "" if scores is None else f", planarity {scores:.2f}"
                panels.append(
                    plane_panel(f"m = {latent}, weight decay {decay}{plane}", words, run.directions(words), run.summary)
                )
    if len(panels) < 2:
        raise NotMeasured(
            f"fewer than two models of m = {', '.join(map(str, ends))} with weight decay {DECAYS[0]} or {DECAYS[1]}"
        )
    return pa.concat_tables(panels)
