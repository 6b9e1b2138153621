"""The paper's figures: the table and the function that draws each. Tables are saved, so that figures can be drawn again without models."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from matplotlib.figure import Figure

from bows.errors import BowsError
from bows.figures.ablation import latent_ablation
from bows.figures.context_towers import context_towers
from bows.figures.gram import word_matrices
from bows.figures.leak import leaking_losses
from bows.figures.metric_by_setting import metrics_against_setting
from bows.figures.named_scores import named_scores
from bows.figures.pre_activations import pre_activations
from bows.figures.style import save
from bows.figures.word_planes import word_planes
from bows.figures.words_scatter import category_map, words_scatter
from bows.paper import (
    controls,
    leak,
    linear,
    mechanism,
    months,
    removal,
    replication,
    residue_rings,
    ring_edge,
    structure,
    umap,
)
from bows.paper.runs import Run
from bows.paper.tables import write_table

KEY = b"drawn from"
# Pictures that runs drew themselves: file names in figures/ of the sweep's report, and of the first run of each model.
OF_SWEEP = {"synthetic": "gram-*.png"}
OF_RUN = {"linear": "regimes.png", "city_map": "*.png", "modular_addition": "*.png"}


@dataclass(frozen=True)
class Drawing:
    """A figure."""

    name: str
    """Of its files, without ending."""
    caption: str
    table: Callable[..., pa.Table]
    """Returns the table of the runs of its preset."""
    draw: Callable[[pa.Table], Figure]
    """Draws the table."""
    printed: bool = False
    """Whether the table itself is a result, written as CSV and Markdown too."""


@dataclass(frozen=True)
class Picture:
    """A figure on the page."""

    caption: str
    file: Path | None
    """The PNG; None where `missing` states why there is none."""
    missing: str = ""
    table: Path | None = None
    """The table in Markdown, where it is a result of its own."""


def _columns(draw: Callable[..., Figure], **settings: Any) -> Callable[[pa.Table], Figure]:
    return lambda table: draw(table.to_pydict(), **settings)


def _scores(name: str) -> Callable[[pa.Table], Figure]:
    return lambda table: named_scores(table.to_pylist(), name, replication.SCORES)


def _ablation(table: pa.Table) -> Figure:
    return latent_ablation("months", json.loads((table.schema.metadata or {})[months.SCORES]), table.to_pydict())


def _structure(table: pa.Table) -> Figure:
    sizes = {"latent": sorted(set(table["latent"].to_pylist()))}
    return metrics_against_setting(table, sizes, (structure.NORM, structure.COSINES), {"words": structure.WORDS})


def _controls(table: pa.Table) -> Figure:
    there = {name: set(table[name].to_pylist()) for name in ("text", "metric")}
    metrics = [
        metric
        for metric in (controls.ORDER, controls.CLOSURE, controls.NEARNESS, controls.PURITY)
        if metric in there["metric"]
    ]
    return metrics_against_setting(
        table, {"text": [kind for kind in controls.TREATMENTS if kind in there["text"]]}, metrics, {}
    )


DRAWINGS: Mapping[str, tuple[Drawing, ...]] = {
    "months": (
        Drawing(
            "months-planes",
            "Months, and words of a season, in the months’ plane (first seed; each panel turned so that the months are as near as "
            "possible to the hours of a clock)",
            months.planes, _columns(word_planes),
        ),
        Drawing(
            "months-correlation",
            "Correlations of the months in the training windows, and cosines of their directions (first seed)",
            months.correlations, _columns(word_matrices),
        ),
        Drawing("months-plane-removed", "R² without the months’ plane, and by it alone (first seed)", months.ablation, _ablation),
    ),
    "umap": (
        Drawing(
            "umap-words",
            "All words by UMAP (cosine, 15 neighbours; distances between far words mean nothing), by category (the 12 with most words); "
            "first seed",
            umap.maps, _columns(category_map),
        ),
    ),
    "mechanism": (
        Drawing(
            "mechanism-r2",
            "R² of each represented word in held-out windows and in a bag of its own (first seed; values below −0.2 are drawn at −0.2)",
            mechanism.r2, _columns(words_scatter, x="R² of the word alone", y="R² in held-out windows", kinds=mechanism.REGIMES),
        ),
        Drawing(
            "mechanism-towers",
            "The parts of a word’s pre-activation (first seed). Its own context: the 4 words most correlated with it; "
            "the other: 4 words as frequent that are not",
            mechanism.towers, _columns(context_towers),
        ),
        Drawing(
            "mechanism-histogram",
            "Pre-activations of all represented words over the held-out windows (first seed)",
            mechanism.histogram, _columns(pre_activations),
        ),
    ),
    "structure": (Drawing("structure-size", "Structure against m", structure.against_size, _structure),),
    "linear": (
        Drawing(
            "linear-split",
            "R² of each word by the model and by the best linear read-out of its latent (first seed; values below −0.2 are drawn at −0.2); "
            "the months are named",
            linear.split, _columns(words_scatter, x="R² of the linear read-out", y="R² of the model", kinds=mechanism.REGIMES),
        ),
    ),
    "controls": (
        Drawing("controls-rings", "The months’ plane in each text (first seed)", removal.rings, _columns(word_planes)),
        Drawing(
            "controls-scores",
            "Ring order and closure of the months, rank correlation of their cosines with nearness in the year, and purity of categories, "
            "in each text",
            controls.scores, _controls,
        ),
    ),
    "ring_edge": (
        Drawing("ring-edge-months", "The months’ plane of ReLU models (first seed)", ring_edge.polygons, _columns(word_planes)),
        Drawing(
            "ring-edge-map",
            "Planarity and order of the months over m and weight decay: ReLU and linear autoencoders, the prediction from the covariance "
            "for a linear one, and principal components, which have no decay; the planarity of orthogonal directions is 0.18",
            ring_edge.models, ring_edge.draw_map, printed=True,
        ),
    ),
    "removal": (
        Drawing("removal-rings", "The months’ plane in each text (first seed)", removal.rings, _columns(word_planes)),
        Drawing(
            "removal-scores",
            "Order, closure and planarity of the months without rows or windows that contain two of them, and without go-between words",
            removal.scores, _scores("meaning"), printed=True,
        ),
    ),
    "replication": (
        Drawing(
            "replication",
            "Months and weekdays in every text that the months’ preset was trained on: in the weights, in principal components, and in the "
            "correlations of the training and the held-out windows",
            replication.rings, _scores("case"), printed=True,
        ),
    ),
    "residue_rings": (
        Drawing(
            "residue-rings",
            "Accuracy of modular addition with the plane that the classifier uses most alone, and without it, against the modulus, by the "
            "width of the embedding (weight decay 1, 30 % of the pairs held out)",
            residue_rings.settings_of_runs, residue_rings.draw, printed=True,
        ),
    ),
    "leak": (Drawing("leak-losses", "The same runs on both kinds of held-out windows", leak.losses, _columns(leaking_losses)),),
}  # fmt: skip


def make(figure: str, runs: Sequence[Run], folder: Path, words: Sequence[str] = ()) -> Iterator[Picture]:
    """Write each table of a figure into a folder, unless it is there of these very runs, and draw it.

    words: those that `mechanism` explains; empty for its own choice.
    """
    described = [[run.folder.name, run.files.status.get("corpus"), run.files.status.get("finished")] for run in runs]
    key = json.dumps([*described, list(words)]).encode()
    for each in DRAWINGS.get(figure, ()):
        file = folder / f"{each.name}.parquet"
        try:
            if not _is_of(file, key):
                table = each.table(runs, words) if each.table is mechanism.towers else each.table(runs)
                folder.mkdir(parents=True, exist_ok=True)
                pq.write_table(table.replace_schema_metadata({**(table.schema.metadata or {}), KEY: key}), file)
            yield draw(each, folder)
        except BowsError as error:
            # Files that are there are of other runs than the page's.
            for ending in (".parquet", ".png", ".pdf", ".svg", ".csv", ".md"):
                file.with_suffix(ending).unlink(missing_ok=True)
            yield Picture(each.caption, None, str(error))


def draw(drawing: Drawing, folder: Path) -> Picture:
    """Draw a figure from its table in a folder, as PNG and PDF in the same folder; write the table too where it is a result."""
    table = pq.read_table(folder / f"{drawing.name}.parquet")
    printed = write_table(table, folder / drawing.name)[1] if drawing.printed else None
    return Picture(drawing.caption, save(drawing.draw(table), folder / drawing.name)[0], table=printed)


def redraw(figures: Sequence[str], folder: Path) -> list[Path]:
    """Draw figures again whose tables are in a folder, without runs or models; return the PNG files."""
    known = [each for figure in figures for each in DRAWINGS.get(figure, ())]
    pictures = [draw(each, folder) for each in known if (folder / f"{each.name}.parquet").is_file()]
    return [picture.file for picture in pictures if picture.file is not None]


def _is_of(file: Path, key: bytes) -> bool:
    try:
        return (pq.read_schema(file).metadata or {}).get(KEY) == key
    except (OSError, pa.ArrowException):
        return False


def pictures_of_runs(figure: str, sweep: Path, runs: Sequence[Run]) -> list[Picture]:
    """Return the pictures that the runs of a figure drew themselves (OF_SWEEP, OF_RUN)."""
    found = []
    if pattern := OF_SWEEP.get(figure):
        found += [Picture(path.stem, path) for path in sorted((sweep / "figures").glob(pattern))]
    if pattern := OF_RUN.get(figure):
        for model, run in sorted({run.settings["model"]: run for run in reversed(runs)}.items(), key=str, reverse=True):
            caption = f"model={model}, seed {run.settings['seed']}: "
            found += [Picture(caption + path.stem, path) for path in sorted((run.folder / "figures").glob(pattern))]
    return found
