"""The page of a run: ``report.html``, from what its folder holds."""

import logging
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from markupsafe import Markup

from bows.analysis.clusters import category_labels
from bows.analysis.ordered_sets import resolve
from bows.errors import DataError, SettingError
from bows.pages.attempts import attempt
from bows.pages.chosen_words import chosen_words
from bows.pages.close_up import covariance, explained_windows, gram, packed_matrix
from bows.pages.headline import grouped, headlines
from bows.pages.held_out import held_out
from bows.pages.history import history
from bows.pages.page import embedded, json_block, render
from bows.pages.rings import rings
from bows.pages.run_facts import command, dials, outcome, own_path, read_table, read_text
from bows.pages.run_folder import RunFolder
from bows.pages.run_words import frequency, groups_of_words, neighbours, thresholds, word_columns
from bows.pages.word_map import KINDS, load_umap, word_map
from bows.runs import write_whole

log = logging.getLogger(__name__)

# The page's script, in the order of its parts.
SCRIPTS = (
    "data", "theme", "drawing", "words", "picker", "curves", "map_colours", "map_view", "map", "rings", "heat_map", "gram", "regimes",
    "explainer", "word_table", "page",
)  # fmt: skip
# Figures that the page draws itself, by the part that draws them.
DRAWN_HERE = {"training_curves": "history", "gram": "gram", "regimes": "regimes"}


def write_report(run_folder: Path | str, map_kind: str = "pca") -> Path:
    """Write ``report.html`` from what the run folder holds; whatever is missing, damaged or fails is said in its place.

    Args:
        run_folder: of a run that is completed, failed or running.
        map_kind: how the word map is made, ``pca`` or ``umap`` (extra ``bows[umap]``).

    Returns:
        The page's path.

    Raises:
        SettingError: if the folder is not a run: it has neither ``status.json`` nor ``.hydra/config.yaml``; for another map_kind; or for
            umap where it is not installed.
    """
    folder = Path(run_folder)
    if not any((folder / name).is_file() for name in ("status.json", ".hydra/config.yaml")):
        raise SettingError(f"{folder} is not a run folder: it holds neither status.json nor .hydra/config.yaml")
    if map_kind not in KINDS:
        raise SettingError(f"--map={map_kind}: there is no such map; allowed: {', '.join(KINDS)}")
    if map_kind == "umap":
        load_umap()
    target = folder / "report.html"
    write_whole(target, _page(folder, map_kind))
    return target


def _page(folder: Path, map_kind: str) -> str:
    run = RunFolder(folder)
    status, status_note = read_table(folder / "status.json")
    summary, summary_note = read_table(folder / "summary.json")
    parts, notes = gather(run, map_kind)
    numbers = {name: value for name, value in run.job.summary.items()}
    latent = run.group("model").get("latent")
    heads, heads_note = attempt("The headline numbers", lambda: headlines(numbers, latent if isinstance(latent, int) else None))
    told, dials_note = attempt("What was asked for", lambda: dials(run))
    return render(
        "run.html",
        scripts=SCRIPTS,
        name=folder.resolve().name,
        status=status,
        status_note=status_note,
        dials=told or [],
        dials_note=dials_note,
        outcome=outcome(status, summary),
        command=command(run),
        own_path=own_path(folder),
        headlines=heads or [],
        headlines_note=heads_note,
        groups=grouped(summary),
        summary_note=summary_note,
        figures=figures(folder, parts),
        any_figure=any(folder.glob("figures/*.png")),
        made={name: part.content for name, part in parts.items()},
        notes=defaultdict(str, notes),
        of_pairs=run.of_pairs,
        data={name: part.json for name, part in parts.items()}
        | {
            "notes": json_block(notes),
            "of_pairs": json_block(run.of_pairs),
            "command_again": json_block(f"python -m bows.analyze run={own_path(folder)}"),
        },
        config=read_text(folder / ".hydra/config.yaml"),
    )


def gather(run: RunFolder, map_kind: str = "pca") -> tuple[dict[str, "Part"], dict[str, str]]:
    """The data of each part of the page that could be made, and for the others a note on why not."""
    kinds = ("umap", "pca") if map_kind == "umap" else ("pca",)
    seed = (run.job.config or {}).get("seed")
    makers: dict[str, tuple[str, Callable[[], Any]]] = {
        "words": ("The words", lambda: run.words),
        "table": ("The word table", lambda: word_columns(run)),
        "neighbours": ("Nearest words", lambda: neighbours(run)),
        "groups": ("Categories and ordered sets", lambda: groups_of_words(run)),
        "history": ("Curves", lambda: history(run.folder / "metrics.csv")),
        "map": ("The word map", lambda: word_map(run.weights.encoder, kinds, seed if isinstance(seed, int) else 0)),
        "rings": ("Rings", lambda: rings(run)),
        "gram": ("The Gram matrix", lambda: _gram(run)),
        "covariance": ("The covariance", lambda: _covariance(run)),
        "explainer": ("The word explainer", lambda: explained_windows(run, held_out(run), _chosen(run))),
        "regimes": ("Regimes by frequency", lambda: _regimes(run)),
    }  # fmt: skip
    parts, notes = {}, {}
    for name, (what, make) in makers.items():
        # As JSON here, so that a part that cannot be written is that part's fault alone.
        made, note = attempt(what, lambda make=make: Part.of(make()))
        if made is None:
            notes[name] = note
        else:
            parts[name] = made
    return parts, notes


class Part(NamedTuple):
    """A part of the page that was made."""

    content: Any
    json: Markup

    @classmethod
    def of(cls, content: Any) -> "Part":
        return cls(content, json_block(content))


def _chosen(run: RunFolder) -> np.ndarray:
    words = run.words
    labels = category_labels(run.categories, words, least=3)
    categories = {name: np.flatnonzero(labels.labels == place).tolist() for place, name in enumerate(labels.names)}
    asked = [str(word) for word in run.group("analysis").get("nearest_to") or ()]
    return chosen_words(len(words), run.sets, categories, resolve(asked, words).indices, frequency(run))


def _gram(run: RunFolder) -> dict[str, Any]:
    chosen = _chosen(run)
    tied = run.weights.decoder is None
    return {
        "words": chosen.tolist(),
        "tied": tied,
        "matrix": packed_matrix(gram(run.weights, chosen)),
    }


def _covariance(run: RunFolder) -> dict[str, Any]:
    windows = held_out(run)
    return {"matrix": packed_matrix(covariance(windows.present, _chosen(run))), "said": windows.said}


def _regimes(run: RunFolder) -> dict[str, Any]:
    from bows.analysis.regime import REGIMES, regimes_by_decile

    table = run.table
    if run.of_pairs:
        raise DataError("items have no regimes")
    if "regime" not in table.column_names or table.column("regime").null_count == len(table):
        raise DataError(
            "the run did not measure them; python -m bows.analyze run=" + own_path(run.folder) + " does"
        )
    labels = np.array(table.column("regime").to_pylist(), dtype=object)
    missing = np.array([label is None for label in labels])
    shares = frequency(run)
    if shares is None:
        raise DataError("words.parquet has no frequencies")
    masked = np.ma.masked_array(np.where(missing, "", labels).astype(str), mask=missing)
    return {
        "regimes": list(REGIMES),
        "deciles": regimes_by_decile(masked, shares).to_pylist(),
        "thresholds": thresholds(run),
    }


def figures(folder: Path, parts: dict[str, Part]) -> Sequence[tuple[str, str]]:
    """Name and picture, in base64, of each figure of the folder that the page does not draw itself."""
    drawn = {stem for stem, part in DRAWN_HERE.items() if part in parts}
    drawn |= {f"ring_{ring['name']}" for ring in parts["rings"].content["rings"]} if "rings" in parts else set()
    return [(file.stem, embedded(file)) for file in sorted(folder.glob("figures/*.png")) if file.stem not in drawn]
