"""The report of a run, ``report.html``: its sections are made one by one, and one that fails leaves a note in its place."""

import logging
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bows.analysis.answers import Answers, answers
from bows.analysis.word_map import load_umap
from bows.errors import SettingError
from bows.files import remove_left_overs, write_whole
from bows.reports.explainer import explained_windows
from bows.reports.findings import FIRST_ROWS, findings
from bows.reports.html import Chart, json_block, of_file, render, try_section
from bows.reports.run_charts import curves, matrices, regimes, rings
from bows.reports.run_data import RunData
from bows.reports.run_header import (
    command,
    grouped,
    headlines,
    origins_of,
    outcome,
    own_path,
    read_table,
    read_text,
    settings,
    title,
)
from bows.reports.run_words import groups_of_words, neighbours, word_columns
from bows.reports.word_map import KINDS, word_map
from bows.runs.discover import is_run

log = logging.getLogger(__name__)

Makers = dict[str, tuple[str, Callable[[], Any]]]

# The files of the script, in order.
SCRIPTS = (
    "data", "theme", "drawing", "words", "picker", "map_colours", "map_view", "map_labels", "map_moves", "map_selection", "map_state",
    "map_picture", "map", "explainer", "table", "word_table", "page",
)  # fmt: skip

NEED_AUTOENCODER = ("Curves", "Regimes", "Explainer")  # sections that a report of word vectors leaves out


def write_report(run_folder: Path | str, map_kind: str | None = None) -> Path:
    """Write ``report.html`` into a run folder and return its path; a note takes the place of what is missing or damaged.

    Args:
        run_folder: Of a run that is completed, failed or running.
        map_kind: Method of the word map that is shown first: ``neighbours`` (t-SNE), ``umap`` (extra ``bows[umap]``), ``pca`` or ``auto``
            (neighbours where that takes seconds); None for neighbours where the run laid them out, else principal components.

    Raises:
        SettingError: The folder is not a run (it has neither ``status.json`` nor ``.hydra/config.yaml``); another map_kind; or umap where
            it is not installed.
    """
    folder = Path(run_folder)
    if not folder.is_dir():
        raise SettingError(
            f"{folder}: no such folder; give a run, outputs/runs/<date>/<run>, or a sweep, outputs/sweeps/<date>/<time>"
        )
    if not is_run(folder):
        raise SettingError(f"{folder} is not a run folder: it contains neither status.json nor .hydra/config.yaml")
    if map_kind not in (None, *KINDS):
        raise SettingError(f"--map={map_kind}: there is no such map; allowed: {', '.join(KINDS)}")
    if map_kind == "umap":
        load_umap()
    remove_left_overs(folder)
    try:
        page = _page(folder, map_kind)
    except Exception as error:  # a fault of the report must not cost the run that it is written after
        text = " ".join(f"{type(error).__name__}: {error}".split())
        log.warning("report: it could not be made: %s", text)
        page = render("unmade.html", name=folder.resolve().name, error=text)
    target = folder / "report.html"
    write_whole(target, page)
    return target


def _page(folder: Path, map_kind: str | None) -> str:
    run = RunData(folder)
    status, status_note = read_table(run.run, "status.json")
    summary, summary_note = read_table(run.run, "summary.json")
    latent = run.run.group("model").get("latent")
    images, image_notes = charts(run)
    data, notes = script_data(run, map_kind)
    own = run.run.summary
    newest = try_section("The newest metrics", lambda: run.newest)[0] or {
        name: (value, "") for name, value in own.items()
    }
    finite = {name: value for name, (value, _) in newest.items()}
    origins = origins_of(newest, own)
    found, found_note = try_section("Findings", lambda: findings(run))
    answered, _ = try_section("The answers", lambda: answers(finite, run.run.of_pairs))
    heading, sweep = try_section("The title", lambda: title(run))[0] or (folder.resolve().name, "")
    heads, heads_note = try_section(
        "The headline metrics", lambda: headlines(finite, latent if isinstance(latent, int) else None, origins)
    )
    asked, settings_note = try_section("The settings", lambda: settings(run))
    figures, figures_note = try_section("The figures", lambda: other_figures(run, images))
    data |= {
        "notes": json_block(notes),
        "of_pairs": json_block(run.run.of_pairs),
        "order": json_block(order_of_words(run)),
        "explain_command": json_block(f"python -m bows.analyze run={own_path(folder)}"),
    }
    return render(
        "run.html",
        scripts=SCRIPTS,
        name=folder.resolve().name,
        heading=heading,
        sweep=sweep,
        answers=answered or Answers([], []),
        analyze_command=f"python -m bows.analyze run={own_path(folder)}",
        status=status,
        status_note=status_note,
        settings=asked or [],
        settings_note=settings_note,
        outcome=outcome(status, summary),
        command=command(run),
        headlines=heads or [],
        headlines_note=heads_note,
        groups=grouped(summary | finite),
        origins=origins,
        summary_note=summary_note,
        not_finite=sorted(set(summary) - set(finite)),
        found=found or [],
        found_note=found_note,
        first_rows=FIRST_ROWS,
        charts=images,
        figures=figures or [],
        figures_note=figures_note,
        any_figure=bool(run.run.figures),
        notes=defaultdict(str, notes | image_notes),
        of_pairs=run.run.of_pairs,
        of_vectors=run.run.of_vectors,
        left_out=[*NEED_AUTOENCODER, *(() if found else ("Found",))] if run.run.of_vectors else [],
        analysis=try_section("The words", lambda: run.analysis)[0],
        data=data,
        config=read_text(folder / ".hydra/config.yaml"),
    )


def order_of_words(run: RunData) -> str:
    """Return what the words of a run are ordered by."""
    data = run.run.group("data")
    if run.run.of_pairs or data.get("vocabulary") or "structure" in data:
        return "in the order of vocabulary.txt"
    return "in the order of vocabulary.txt: most frequent in the training text first"


def charts(run: RunData) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the sections that are images, and for those that could not be made a note."""
    return _made(
        {
            "curves": ("Curves", lambda: curves(run)),
            "rings": ("Rings", lambda: rings(run)),
            "matrices": ("The Gram matrix", lambda: matrices(run)),
            "regimes": ("Regimes by frequency", lambda: regimes(run)),
        }
    )


def script_data(run: RunData, map_kind: str | None = None) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the data of the sections that the script draws, as JSON, and for those that could not be made a note."""
    seed = run.run.stored_config.get("seed")
    makers: Makers = {
        "words": ("The words", lambda: run.words),
        "table": ("The word table", lambda: word_columns(run)),
        "neighbours": ("Nearest words", lambda: neighbours(run)),
        "groups": ("Categories and ordered sets", lambda: groups_of_words(run)),
        "map": (
            "The word map",
            lambda: word_map(run.run.weights.encoder, map_kind, seed if isinstance(seed, int) else 0, run.places),
        ),
        "explainer": ("The word explainer", lambda: explained_windows(run)),
    }
    # As JSON here, so that a section that cannot be written costs no other.
    return _made({name: (title, lambda make=make: json_block(make())) for name, (title, make) in makers.items()})


def _made(makers: Makers) -> tuple[dict[str, Any], dict[str, str]]:
    made = {name: try_section(title, make) for name, (title, make) in makers.items()}
    found = {name: section for name, (section, _) in made.items() if section is not None}
    return found, {name: note for name, (section, note) in made.items() if section is None}


def other_figures(run: RunData, images: dict[str, Any]) -> list[Chart]:
    """Return the figures of the folder that no other section shows."""
    shown = [
        *images.get("rings", {}).get("charts", ()),
        images.get("regimes"),
        images.get("curves", {}).get("training"),
    ]
    names = {chart.file for chart in shown if chart}
    return [chart for chart in map(of_file, run.run.figures) if chart.file not in names]
