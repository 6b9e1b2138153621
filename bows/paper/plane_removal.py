"""Remove the months' plane from a run's latent, once per run."""

import sys
from contextlib import redirect_stdout
from pathlib import Path

import torch

from bows.evaluation.ablate import ablate_plane
from bows.paper.runs import Run
from bows.paper.word_lists import MONTHS


def plane_removed(run: Run) -> Path | None:
    """The folder of `bows.analyze plane=months` of a run, measured where it is not yet; None where months are lacking."""
    months = run.indices(MONTHS)
    if months is None:
        return None
    folder = run.folder / "analysis" / "paper-months-plane"
    if not (folder / "summary.json").is_file():
        threshold = run.finished.config["analysis"]["threshold"]
        seed, device = run.dials["seed"], torch.device("cpu")
        with redirect_stdout(sys.stderr):  # its table is progress here
            ablate_plane(
                run.autoencoder, run.data, run.data, "months", months, threshold, seed, device, folder, figures=False
            )
    return folder
