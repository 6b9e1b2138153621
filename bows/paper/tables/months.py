"""Months in their plane, how they go together in the text, and what the model loses without their plane."""

import json
from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from bows.analysis.ring import regular_positions
from bows.paper.months import in_plane, months_in_text, no_set, seasonal_words
from bows.paper.plane_removal import plane_removed
from bows.paper.runs import Run, chosen, first
from bows.paper.seeds import NotDrawn
from bows.paper.text_correlations import text_correlations
from bows.paper.word_lists import MONTHS

SOURCES = (("tied", "weights"), ("pca", "data’s principal components"))


def planes(runs: Sequence[Run]) -> pa.Table:
    """Months and seasonal words in the months' plane: in the weights and in the data's principal components, of the first seed, and in the
    correlations of the training windows themselves.
    """
    columns: dict[str, list] = {name: [] for name in ("panel", "word", "place", "x", "y")}
    for model, source in SOURCES:
        run = first(chosen(runs, model=model))
        if run is not None:
            words = [*MONTHS, *seasonal_words(run)]
            add_plane(columns, f"{source}, m = {run.settings['latent']}", words, _unit(run, words), run.summary)
    run = first(chosen(runs, model="tied"))
    if run is not None:
        words = [*MONTHS, *seasonal_words(run)]
        unit, scores = months_in_text(run, words[len(MONTHS) :])
        add_plane(
            columns,
            "correlations in the text",
            words,
            unit,
            {f"ring/months/{name}": value for name, value in scores.items()},
        )
    if not columns["panel"]:
        raise NotDrawn("no completed run")
    return pa.table({**columns, "place": pa.array(columns["place"], pa.int64())})


def _unit(run: Run, words: Sequence[str]) -> torch.Tensor:
    """(m, words): unit directions. Raises NotDrawn where the vocabulary lacks one."""
    indices = run.indices(words)
    if indices is None:
        raise NotDrawn(no_set([run], words))
    return run.unit[:, indices]


def add_plane(
    columns: dict[str, list], panel: str, words: Sequence[str], unit: torch.Tensor, summary: Mapping[str, float]
) -> None:
    """Add months, and words beside them, in the months' plane: turned, and mirrored where it must be, so that the months lie as nearly as
    they can like the hours of a clock, January above.

    Args:
        columns: of :func:`bows.figures.word_planes.word_planes`; rows are added.
        panel: its title; order and p from `summary` (`ring/months/order`, `..._p`) follow it.
        words: the months, then others.
        unit: (any, words): their directions.
        summary: The metrics that give order and p.

    Raises:
        NotDrawn: The months span no plane.
    """
    count = len(MONTHS)
    seen = in_plane(unit, range(count), range(count, len(words)))
    if seen is None:
        raise NotDrawn("the months' directions span no plane")
    angles = np.pi / 2 - regular_positions(count)
    left, _, right = np.linalg.svd(seen[:, :count] @ np.column_stack([np.cos(angles), np.sin(angles)]))
    turned = (left @ right).T @ seen
    scores = "; ".join(
        f"{name} {summary[f'ring/months/{key}']:.2g}"
        for name, key in (("order", "order"), ("p", "order_p"))
        if f"ring/months/{key}" in summary
    )
    columns["panel"] += [f"{panel}\n{scores}"] * len(words)
    columns["word"] += words
    columns["place"] += [*range(count), *[None] * (len(words) - count)]
    columns["x"] += turned[0].tolist()
    columns["y"] += turned[1].tolist()


def correlations(runs: Sequence[Run]) -> pa.Table:
    """phi of every two months over the training windows, beside the cosines of their directions; of the first seed."""
    run = first(chosen(runs, model="tied"))
    if run is None:
        raise NotDrawn("no completed run")
    months = run.indices(MONTHS)
    if months is None:
        raise NotDrawn(no_set(runs, MONTHS))
    matrices = {"phi in the text": text_correlations(run, MONTHS)}
    for model, source in SOURCES:
        of_model = first(chosen(runs, model=model))
        if of_model is not None:
            unit = of_model.unit[:, months].double()
            matrices[f"cosine in the {source}"] = (unit.T @ unit).numpy()
    rows = [
        (panel, MONTHS[row], MONTHS[column], float(matrix[row, column]))
        for panel, matrix in matrices.items()
        for row in range(len(MONTHS))
        for column in range(len(MONTHS))
    ]
    return pa.table(dict(zip(("panel", "row", "column", "value"), map(list, zip(*rows, strict=True)), strict=True)))


SCORES = b"scores"


def ablation(runs: Sequence[Run]) -> pa.Table:
    """R² of months, their companions and other words without the months' plane, under random planes; the scores of the plane itself
    stand in the schema's metadata. Of the first seed.
    """
    run = first(chosen(runs, model="tied"))
    folder = None if run is None else plane_removed(run)
    if folder is None:
        raise NotDrawn(no_set(runs, MONTHS))
    prefix = "ablation/months/"
    scores = {
        name.removeprefix(prefix): value for name, value in json.loads((folder / "summary.json").read_text()).items()
    }
    return pq.read_table(folder / "ablation_null.parquet").replace_schema_metadata({SCORES: json.dumps(scores)})
