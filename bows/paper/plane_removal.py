"""Remove the months' plane from a run's latent, once per run."""

import sys
from contextlib import redirect_stdout
from pathlib import Path

import torch

from bows.evaluation.ablate import ablate_plane
from bows.evaluation.ablation_results import print_ablation, write_ablation
from bows.evaluation.context import LoadedRun
from bows.paper.runs import Run
from bows.paper.word_lists import MONTHS


def plane_removed(run: Run) -> Path | None:
    """The folder of `bows.analyze plane=months` of a run, measured where it is not yet; None where months are not_measured."""
    months = run.indices(MONTHS)
    if months is None:
        return None
    folder = run.folder / "analysis" / "paper-months-plane"
    if not (folder / "summary.json").is_file():
        device, seed = torch.device("cpu"), run.settings["seed"]
        loaded = LoadedRun(run.files, run.autoencoder, run.data, run.data, device, seed)
        ablation = ablate_plane(loaded, "months", months, run.files.config["analysis"]["threshold"])
        write_ablation(ablation, folder)
        with redirect_stdout(sys.stderr):  # its table is progress here
            print_ablation(ablation)
    return folder
