"""The ordered sets of a run as polygons: where their words lie in their best plane."""

from typing import Any

from bows.analysis.ring import ring_coordinates
from bows.errors import DataError
from bows.reports.encoding import packed
from bows.reports.run_data import RunFolder

SCORES = ("order", "order_p", "planarity", "procrustes", "circulance")


def rings(run: RunFolder) -> dict[str, Any]:
    """Each set that is wholly in the vocabulary: ``name``, ``words`` (indices in their known order), ``places`` (n, 2), and its
    ``scores``; the best in order first. ``flat``: names of those without a plane.

    Raises:
        BowsError: where the weights cannot be read.
    """
    if run.of_pairs:
        raise DataError("items have no ordered sets; the ring of residues, where the run has one, is among the figures")
    encoder, found, flat = run.weights.encoder, [], []
    for name, indices in run.sets.items():
        places = ring_coordinates(encoder, indices)
        if places is None:
            flat.append(name)
            continue
        scores = {score: run.job.summary.get(f"ring/{name}/{score}") for score in SCORES}
        found.append({"name": name, "words": [int(index) for index in indices], "places": packed(places),
                      "scores": {score: value for score, value in scores.items() if value is not None}})  # fmt: skip
    found.sort(key=lambda ring: (ring["scores"].get("order_p", 2.0), -ring["scores"].get("order", 0.0)))
    return {"rings": found, "flat": flat}
