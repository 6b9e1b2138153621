"""The sections of a run's report, made one by one: one that fails leaves a note in its place."""

from collections.abc import Callable
from typing import Any

from markupsafe import Markup

from bows.reports.explainer import explained_windows
from bows.reports.html import json_block
from bows.reports.run_charts import curves, matrices, regimes, rings
from bows.reports.run_data import RunData
from bows.reports.run_words import groups_of_words, neighbours, word_columns
from bows.reports.sections import try_section
from bows.reports.word_map import word_map

Makers = dict[str, tuple[str, Callable[[], Any]]]


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


def script_data(run: RunData, map_kind: str = "pca") -> tuple[dict[str, Markup], dict[str, str]]:
    """Return the data of the sections that the script draws, as JSON, and for those that could not be made a note."""
    kinds = ("umap", "pca") if map_kind == "umap" else ("pca",)
    seed = run.run.stored_config.get("seed")
    makers: Makers = {
        "words": ("The words", lambda: run.words),
        "table": ("The word table", lambda: word_columns(run)),
        "neighbours": ("Nearest words", lambda: neighbours(run)),
        "groups": ("Categories and ordered sets", lambda: groups_of_words(run)),
        "map": ("The word map", lambda: word_map(run.run.weights.encoder, kinds, seed if isinstance(seed, int) else 0)),
        "explainer": ("The word explainer", lambda: explained_windows(run)),
    }
    # As JSON here, so that a section that cannot be written costs no other.
    return _made({name: (title, lambda make=make: json_block(make())) for name, (title, make) in makers.items()})


def _made(makers: Makers) -> tuple[dict[str, Any], dict[str, str]]:
    found, notes = {}, {}
    for name, (title, make) in makers.items():
        section, note = try_section(title, make)
        if section is None:
            notes[name] = note
        else:
            found[name] = section
    return found, notes
