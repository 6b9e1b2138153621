"""The figures of the paper: the preset that trains the runs of each, and the module that measures it."""

from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple

from bows.errors import BowsError
from bows.paper.claims import CLAIMS, Measured
from bows.paper.word_lists import MONTHS

if TYPE_CHECKING:  # it needs torch, which --help would have to import
    from bows.paper.runs import Run


class Preset(NamedTuple):
    """A figure."""

    module: str
    """Of bows.paper, with `measure`."""
    text: bool = True
    """Whether it is of text, and so has smaller versions."""
    stacked: bool = True
    """Whether its jobs train as one stack."""
    more: tuple[tuple[str, ...], ...] = ()
    """Settings of further commands, for jobs that are in no grid with the first."""
    runs_of: str = ""
    """Another figure whose runs it measures; empty for runs of its own."""
    of_paper: bool = True
    """Whether it has claims of the paper; else `paper` leaves it out, and its results are tables."""

    def experiment(self, figure: str, size: str) -> str:
        """Return the option of `experiment` that trains it."""
        figure = self.runs_of or figure
        return f"paper/{size}/{figure}" if self.text and size != "full" else f"paper/{figure}"


PRESETS = {name: Preset(name) for name in ("months", "umap", "mechanism", "structure", "linear")} | {
    "controls": Preset("controls", more=(("data.rewire=null", "data.shuffle=within_word"),)),
    "leak": Preset("leak"),
    "ring_edge": Preset(
        "ring_edge",
        more=(("seed=2", "analysis.groups=[ring,cluster]"), ("model=pca", "wd=0", "seed=1")),
        of_paper=False,
    ),
    "removal": Preset(
        "removal",
        more=(
            ("data.remove=null", f"data.rewire={{words:[{','.join(MONTHS)}]}}"),
            ("data.remove=null", "data.shuffle=within_word"),
        ),
        of_paper=False,
    ),
    "replication": Preset("replication", runs_of="months", of_paper=False),
    "synthetic": Preset("synthetic", text=False),
    "city_map": Preset("value_coding", text=False, stacked=False),
    "modular_addition": Preset("value_coding", text=False, stacked=False),
    # Batches that give as many steps as 113 residues have: about 5,000.
    "residue_rings": Preset(
        "residue_rings",
        text=False,
        stacked=False,
        more=(
            ("data.modulus=59", "data.batch_size=128"),
            ("data.modulus=23", "data.batch_size=16"),
            ("data.modulus=12", "data.batch_size=8"),
            ("latent=50", "wd=0.1,3"),
            ("latent=50", "data.val_fraction=0.6", "data.batch_size=256"),
        ),
        of_paper=False,
    ),
}
SIZES = ("small", "medium", "full")


def measure(figure: str, runs: Sequence["Run"]) -> dict[str, Measured]:
    """Return the values of a figure's claims; where the runs give none of them, the reason for each.

    Raises:
        BowsError: the figure has no claims, and its runs cannot be measured.
    """
    try:
        return import_module(f"bows.paper.{PRESETS[figure].module}").measure(runs)
    except BowsError as error:
        if runs and not PRESETS[figure].of_paper:
            raise
        return {claim.name: Measured(None, str(error)) for claim in CLAIMS if claim.figure == figure}
