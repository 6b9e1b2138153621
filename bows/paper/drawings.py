"""The paper's figures: which table each is drawn from, and how. Tables are saved, so that it can be drawn again without models."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from matplotlib.figure import Figure

from bows.errors import BowsError
from bows.figures.category_map import category_map
from bows.figures.context_towers import context_towers
from bows.figures.latent_ablation import latent_ablation
from bows.figures.leak import leaking_losses
from bows.figures.metric_by_setting import metrics_against_dial
from bows.figures.pre_activations import pre_activations
from bows.figures.style import save
from bows.figures.word_matrices import word_matrices
from bows.figures.word_planes import word_planes
from bows.figures.words_scatter import words_scatter
from bows.paper.controls import ORDER, PURITY
from bows.paper.runs import Run
from bows.paper.tables import controls, leak, linear, mechanism, months, structure, umap

KEY = b"drawn from"
# Pictures that runs drew themselves: file names in figures/ of the sweep's report, and of the first run of each model.
OF_SWEEP = {"synthetic": "gram-*.png"}
OF_RUN = {"linear": "regimes.png", "city_map": "*.png", "modular_addition": "*.png"}


@dataclass(frozen=True)
class Drawing:
    """A figure. name: of its files. caption: below it. table: of the runs of its preset. draw: of the table."""

    name: str
    caption: str
    table: Callable[[Sequence[Run]], pa.Table]
    draw: Callable[[pa.Table], Figure]


@dataclass(frozen=True)
class Picture:
    """A figure on the page. file: of the PNG; None where `missing` says why there is none."""

    caption: str
    file: Path | None
    missing: str = ""


REGIMES = ("linear", "mixed", "orthogonal", "antipodal")


def _columns(draw: Callable[..., Figure], **settings) -> Callable[[pa.Table], Figure]:
    return lambda table: draw(table.to_pydict(), **settings)


def _ablation(table: pa.Table) -> Figure:
    return latent_ablation("months", json.loads((table.schema.metadata or {})[months.SCORES]), table.to_pydict())


def _structure(table: pa.Table) -> Figure:
    sizes = sorted(set(table["latent"].to_pylist()))
    return metrics_against_dial(
        table, {"latent": sizes}, (structure.NORM, structure.COSINES), {"words": structure.WORDS}
    )


def _controls(table: pa.Table) -> Figure:
    there = set(table["text"].to_pylist())
    metrics = [metric for metric in (ORDER, controls.NEARNESS, PURITY) if metric in set(table["metric"].to_pylist())]
    return metrics_against_dial(table, {"text": [kind for kind in controls.TREATMENTS if kind in there]}, metrics, {})


DRAWINGS: Mapping[str, tuple[Drawing, ...]] = {
    "months": (
        Drawing(
            "months-planes",
            "Months, and words of a season, in the months’ plane (the first seed; each panel turned so that months lie as nearly "
            "as they can like the hours of a clock)",
            months.planes,
            _columns(word_planes),
        ),
        Drawing(
            "months-correlation",
            "How the months go together in the training windows, and in the directions of the first seed",
            months.correlations,
            _columns(word_matrices),
        ),
        Drawing("months-plane-removed", "R² without the months’ plane, and by it alone (the first seed)", months.ablation, _ablation),
    ),
    "umap": (
        Drawing(
            "umap-words",
            "All words by UMAP (cosine, 15 neighbours; distances between far words mean nothing), by category (the 12 with most words); "
            "the first seed",
            umap.maps,
            _columns(category_map),
        ),
    ),
    "mechanism": (
        Drawing(
            "mechanism-r2",
            "R² of each rebuilt word in held-out windows and in a bag of its own (the first seed; values below −0.2 stand at −0.2)",
            mechanism.r2,
            _columns(words_scatter, x="R² of the word alone", y="R² in held-out windows", kinds=REGIMES),
        ),
        Drawing(
            "mechanism-towers",
            "What adds up to a word’s pre-activation (the first seed). Its own context: the 4 words most correlated with it; "
            "the other: 4 words as frequent that are not",
            mechanism.towers,
            _columns(context_towers),
        ),
        Drawing(
            "mechanism-histogram",
            "Pre-activations of all rebuilt words over the held-out windows (the first seed)",
            mechanism.histogram,
            _columns(pre_activations),
        ),
    ),
    "structure": (
        Drawing("structure-size", "Structure against m", structure.against_size, _structure),
    ),
    "linear": (
        Drawing(
            "linear-split",
            "R² of each word by the model and by the best linear read-out of its latent (the first seed; values below −0.2 stand at −0.2); "
            "the months are named",
            linear.split,
            _columns(words_scatter, x="R² of the linear read-out", y="R² of the model", kinds=REGIMES),
        ),
    ),
    "controls": (
        Drawing("controls-rings", "The months’ plane in each text (the first seed)", controls.rings, _columns(word_planes)),
        Drawing(
            "controls-scores",
            "Ring order of the months, rank correlation of their cosines with nearness in the year, and purity of categories, in each text",
            controls.scores,
            _controls,
        ),
    ),
    "leak": (
        Drawing("leak-losses", "The same runs on both kinds of held-out windows", leak.losses, _columns(leaking_losses)),
    ),
}  # fmt: skip


def drawings(figure: str, words: Sequence[str] = ()) -> tuple[Drawing, ...]:
    """The drawings of a figure; none of one whose runs' own pictures are shown. words: asked for, of `mechanism`'s towers."""
    found = DRAWINGS.get(figure, ())
    if not words:
        return found
    return tuple(
        Drawing(each.name, each.caption, partial(mechanism.towers, asked=words), each.draw)
        if each.table is mechanism.towers
        else each
        for each in found
    )


def make(figure: str, runs: Sequence[Run], folder: Path, words: Sequence[str] = ()) -> Iterator[Picture]:
    """Write each table of a figure into a folder, where it is not there of these very runs, and draw it."""
    for each in drawings(figure, words):
        key = _key(runs, words)
        file = folder / f"{each.name}.parquet"
        try:
            if not _is_of(file, key):
                table = each.table(runs)
                folder.mkdir(parents=True, exist_ok=True)
                pq.write_table(table.replace_schema_metadata({**(table.schema.metadata or {}), KEY: key}), file)
            yield draw(each, folder)
        except BowsError as error:
            # What is there is of other runs than the page's, and must not stand on it.
            for ending in (".parquet", ".png", ".pdf", ".svg"):
                file.with_suffix(ending).unlink(missing_ok=True)
            yield Picture(each.caption, None, str(error))


def draw(drawing: Drawing, folder: Path) -> Picture:
    """Draw a figure from its table in a folder, as PNG and PDF beside it."""
    table = pq.read_table(folder / f"{drawing.name}.parquet")
    return Picture(drawing.caption, save(drawing.draw(table), folder / drawing.name)[0])


def redraw(figures: Sequence[str], folder: Path) -> list[Path]:
    """Draw figures again whose tables lie in a folder, without runs or models; the PNG files."""
    known = [each for figure in figures for each in drawings(figure)]
    pictures = [draw(each, folder) for each in known if (folder / f"{each.name}.parquet").is_file()]
    return [picture.file for picture in pictures if picture.file is not None]


def _key(runs: Sequence[Run], words: Sequence[str]) -> bytes:
    """Which runs a table is of, and which words were asked for."""
    return json.dumps(
        [[run.folder.name, run.files.status.get("corpus"), run.files.status.get("finished")] for run in runs]
        + [list(words)]
    ).encode()


def _is_of(file: Path, key: bytes) -> bool:
    try:
        return (pq.read_schema(file).metadata or {}).get(KEY) == key
    except (OSError, pa.ArrowException):
        return False


def pictures_of_runs(figure: str, sweep: Path, runs: Sequence[Run]) -> list[Picture]:
    """Return the pictures that the runs of a figure drew themselves (OF_SWEEP, OF_RUN)."""
    pattern = OF_SWEEP.get(figure)
    found = [Picture(path.stem, path) for path in sorted((sweep / "figures").glob(pattern))] if pattern else []
    first = {run.settings["model"]: run for run in reversed(runs)}
    for model, run in sorted(first.items(), key=str, reverse=True):
        if pattern := OF_RUN.get(figure):
            caption = f"model={model}, seed {run.settings['seed']}: "
            found += [Picture(caption + path.stem, path) for path in sorted((run.folder / "figures").glob(pattern))]
    return found
