"""The data of each part of a run's page, made one by one: one that fails leaves a note in its place."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from markupsafe import Markup

from bows.analysis.regime import REGIMES, regimes_by_decile
from bows.errors import DataError
from bows.reports.explainer import covariance, explained_windows, gram, packed_matrix
from bows.reports.held_out import held_out
from bows.reports.html import json_block
from bows.reports.rings import rings
from bows.reports.run_data import RunFolder
from bows.reports.run_header import own_path
from bows.reports.run_words import groups_of_words, neighbours, thresholds, word_columns
from bows.reports.sections import attempt
from bows.reports.training_history import history
from bows.reports.word_map import word_map


class Part(NamedTuple):
    """A part of the page that was made."""

    content: Any
    json: Markup

    @classmethod
    def of(cls, content: Any) -> "Part":
        return cls(content, json_block(content))


def gather(run: RunFolder, map_kind: str = "pca") -> tuple[dict[str, Part], dict[str, str]]:
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
        "explainer": ("The word explainer", lambda: explained_windows(run, held_out(run), run.chosen)),
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


def _gram(run: RunFolder) -> dict[str, Any]:
    chosen = run.chosen
    tied = run.weights.decoder is None
    return {
        "words": chosen.tolist(),
        "tied": tied,
        "matrix": packed_matrix(gram(run.weights, chosen)),
    }


def _covariance(run: RunFolder) -> dict[str, Any]:
    windows = held_out(run)
    return {"matrix": packed_matrix(covariance(windows.present, run.chosen)), "said": windows.said}


def _regimes(run: RunFolder) -> dict[str, Any]:
    table = run.table
    if run.of_pairs:
        raise DataError("items have no regimes")
    if "regime" not in table.column_names or table.column("regime").null_count == len(table):
        raise DataError(
            f"the run did not measure them; python -m bows.analyze run={own_path(run.folder)} does, and then "
            f"python -m bows.report {own_path(run.folder)} shows them"
        )
    labels = np.array(table.column("regime").to_pylist(), dtype=object)
    missing = np.array([label is None for label in labels])
    shares = run.frequency
    if shares is None:
        raise DataError("words.parquet has no frequencies")
    masked = np.ma.masked_array(np.where(missing, "", labels).astype(str), mask=missing)
    return {
        "regimes": list(REGIMES),
        "deciles": regimes_by_decile(masked, shares).to_pylist(),
        "thresholds": thresholds(run),
    }
