"""Two-dimensional maps of all words under each weight decay."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from bows.analysis.clusters import category_labels
from bows.analysis.word_map import umap_coordinates
from bows.paper.runs import Run, chosen, first
from bows.paper.seeds import NotDrawn
from bows.paper.umap import PURITY

COLOURED = 12  # categories, those with most words: more cannot be told apart


def maps(runs: Sequence[Run]) -> pa.Table:
    """A map a weight decay, of the first seed; purity over all seeds stands in its title. Words without a direction are left out."""
    parts = []
    for decay in sorted({run.settings["wd"] for run in runs}):
        run = first(chosen(runs, wd=decay))
        assert run is not None
        named = {
            name: words.split() if isinstance(words, str) else words
            for name, words in run.files.config["analysis"]["categories"].items()
        }
        labels, names, _ = category_labels(named, run.vocabulary)
        sizes = np.bincount(labels[labels >= 0], minlength=len(names))
        shown = set(np.argsort(-sizes, kind="stable")[:COLOURED].tolist())
        there = np.flatnonzero(run.unit.norm(dim=0).numpy() > 0)
        scores = [each.summary[PURITY] for each in chosen(runs, wd=decay) if PURITY in each.summary]
        text = f"purity z {np.mean(scores):.0f} (mean of {len(scores)})" if scores else "purity not measured"
        points = umap_coordinates(run.unit[:, there].T.numpy(), seed=run.settings["seed"])
        parts.append(
            pa.table(
                {
                    "panel": [f"weight decay {decay:g}\n{text}"] * len(there),
                    "word": [run.vocabulary[index] for index in there],
                    "category": pa.array(
                        [names[labels[index]] if labels[index] in shown else None for index in there], pa.string()
                    ),
                    "x": points[:, 0],
                    "y": points[:, 1],
                }
            )
        )
    if not parts:
        raise NotDrawn("no completed run")
    return pa.concat_tables(parts)
