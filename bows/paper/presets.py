"""The figures of the paper: which preset trains what each is drawn from, and which function measures it."""

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple

from bows.paper.claims import Measured

if TYPE_CHECKING:  # it needs torch, for which --help would wait
    from bows.paper.runs import Run

Measure = Callable[[Sequence["Run"]], dict[str, Measured]]


class Preset(NamedTuple):
    """A figure. module: of bows.paper, with `measure`. text: whether it is of text, and so has a small version. stacked: whether its jobs
    train as one stack. more: settings of a second command, for jobs that are in no grid with the first.
    """

    module: str
    text: bool
    stacked: bool
    more: tuple[str, ...] = ()

    def experiment(self, figure: str, size: str) -> str:
        """The option of `experiment` that trains it."""
        return f"paper/small/{figure}" if self.text and size == "small" else f"paper/{figure}"

    def measure(self, runs: Sequence["Run"]) -> dict[str, Measured]:
        """The values of its claims."""
        measure: Measure = import_module(f"bows.paper.{self.module}").measure
        return measure(runs)


PRESETS = {
    "months": Preset("months", text=True, stacked=True),
    "umap": Preset("umap", text=True, stacked=True),
    "mechanism": Preset("mechanism", text=True, stacked=True),
    "structure": Preset("structure", text=True, stacked=True),
    "linear": Preset("linear", text=True, stacked=True),
    "controls": Preset("controls", text=True, stacked=True, more=("data.rewire=null", "data.shuffle=within_word")),
    "leak": Preset("leak", text=True, stacked=True),
    "synthetic": Preset("synthetic", text=False, stacked=True),
    "city_map": Preset("value_coding", text=False, stacked=False),
    "modular_addition": Preset("value_coding", text=False, stacked=False),
}
SIZES = ("small", "full")
