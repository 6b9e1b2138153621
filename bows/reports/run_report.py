"""The page of a run: ``report.html``, from what its folder holds."""

import logging
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from bows.analysis.word_map import load_umap
from bows.errors import SettingError
from bows.files import write_whole
from bows.reports.headline import grouped, headlines
from bows.reports.html import embedded, json_block, render
from bows.reports.run_data import RunFolder
from bows.reports.run_header import command, dials, outcome, own_path, read_table, read_text
from bows.reports.run_sections import Part, gather
from bows.reports.sections import attempt
from bows.reports.word_map import KINDS

log = logging.getLogger(__name__)

# The page's script, in the order of its parts.
SCRIPTS = (
    "data", "theme", "drawing", "words", "picker", "curves", "map_colours", "map_view", "map_moves", "map", "rings", "heat_map", "gram",
    "regimes", "explainer", "word_table", "page",
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
    try:
        page = _page(folder, map_kind)
    except Exception as error:  # a fault of the page must not cost the run, whose end it is written at
        said = " ".join(f"{type(error).__name__}: {error}".split())
        log.warning("report: the page could not be made: %s", said)
        page = render("unmade.html", name=folder.resolve().name, said=said)
    target = folder / "report.html"
    write_whole(target, page)
    return target


def _page(folder: Path, map_kind: str) -> str:
    run = RunFolder(folder)
    status, status_note = read_table(folder / "status.json")
    summary, summary_note = read_table(folder / "summary.json")
    parts, notes = gather(run, map_kind)
    numbers = {name: value for name, value in run.job.summary.items()}
    latent = run.group("model").get("latent")
    heads, heads_note = attempt(
        "The headline numbers", lambda: headlines(numbers, latent if isinstance(latent, int) else None)
    )
    told, dials_note = attempt("What was asked for", lambda: dials(run))
    pictures, figures_note = attempt("The figures", lambda: figures(folder, parts))
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
        not_finite=sorted(set(summary) - set(numbers)),
        figures=pictures or [],
        figures_note=figures_note,
        any_figure=any(folder.glob("figures/*.png")),
        made={name: part.content for name, part in parts.items()},
        notes=defaultdict(str, notes),
        of_pairs=run.of_pairs,
        looked_again=attempt("The words", lambda: run.looked_again)[0],
        data={name: part.json for name, part in parts.items()}
        | {
            "notes": json_block(notes),
            "of_pairs": json_block(run.of_pairs),
            "command_again": json_block(f"python -m bows.analyze run={own_path(folder)}"),
        },
        config=read_text(folder / ".hydra/config.yaml"),
    )


def figures(folder: Path, parts: dict[str, Part]) -> Sequence[tuple[str, str]]:
    """Name and picture, in base64, of each figure of the folder that the page does not draw itself."""
    drawn = {stem for stem, part in DRAWN_HERE.items() if part in parts}
    drawn |= {f"ring_{ring['name']}" for ring in parts["rings"].content["rings"]} if "rings" in parts else set()
    return [(file.stem, embedded(file)) for file in sorted(folder.glob("figures/*.png")) if file.stem not in drawn]
