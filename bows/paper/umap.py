"""Do words of one category get closer to each other as weight decay grows?"""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from bows.analysis.clusters import category_labels
from bows.analysis.word_map import umap_coordinates
from bows.paper.claims import Measured
from bows.paper.runs import NotMeasured, Run, by_setting, first
from bows.paper.seeds import not_measured, with_interval

PURITY = "cluster/purity_z"
COLOURED = 12  # categories, those with most words: more colours cannot be distinguished


def measure(runs: Sequence[Run]) -> dict[str, Measured]:
    """Measure the claims on clusters."""
    first(runs)
    scores = {decay: {run.settings["seed"]: run.summary[PURITY] for run in own if PURITY in run.summary}
              for decay, own in by_setting(runs, "wd")}  # fmt: skip
    scores = {decay: of_seeds for decay, of_seeds in scores.items() if of_seeds}
    if not scores:
        raise NotMeasured("no category has ten words in this corpus's vocabulary")
    text = [f"wd {decay:g}: z {with_interval(list(of_seeds.values()))}" for decay, of_seeds in scores.items()]
    least, most = min(scores), max(scores)
    gains = [scores[most][seed] - scores[least][seed] for seed in scores[most] if seed in scores[least]]
    raw = [
        f"{run.summary['cluster/purity']:.3f} against {run.summary['cluster/purity_null']:.3f}"
        for run in runs
        if run.settings["wd"] == most and "cluster/purity_null" in run.summary
    ]
    return {
        "purity": Measured(min(scores[most].values()), "; ".join(text), f"z 0; purity {raw[0]}" if raw else "z 0"),
        "growth": Measured(min(gains), f"gain {with_interval(gains)}", text[0])
        if most > least and gains
        else not_measured("one weight decay only"),
    }


def maps(runs: Sequence[Run]) -> pa.Table:
    """Return a map of all words with a direction per weight decay, of the first seed; its title has the mean purity of all seeds."""
    first(runs)
    parts = []
    for decay, own in by_setting(runs, "wd"):
        run = own[0]
        named = {
            name: words.split() if isinstance(words, str) else words
            for name, words in run.files.config["analysis"]["categories"].items()
        }
        labels, names, _ = category_labels(named, run.vocabulary)
        sizes = np.bincount(labels[labels >= 0], minlength=len(names))
        shown = set(np.argsort(-sizes, kind="stable")[:COLOURED].tolist())
        there = np.flatnonzero(run.unit.norm(dim=0).numpy() > 0)
        scores = [each.summary[PURITY] for each in own if PURITY in each.summary]
        text = f"purity z {np.mean(scores):.0f} (mean of {len(scores)})" if scores else "purity not measured"
        points = umap_coordinates(run.unit[:, there].T.numpy(), seed=run.settings["seed"])
        category = [names[labels[index]] if labels[index] in shown else None for index in there]
        parts.append(
            pa.table(
                {
                    "panel": [f"weight decay {decay:g}\n{text}"] * len(there),
                    "word": [run.vocabulary[index] for index in there],
                    "category": pa.array(category, pa.string()),
                    "x": points[:, 0],
                    "y": points[:, 1],
                }
            )
        )
    return pa.concat_tables(parts)
