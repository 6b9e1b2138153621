"""One look for every figure, and how a figure is saved.

Figures are plain ``Figure`` objects, drawn by Agg and never by pyplot, under settings that end with the ``with`` block:
whoever imports bows keeps their own matplotlib.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import matplotlib
import numpy as np
from cycler import cycler
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_pdf import FigureCanvasPdf
from matplotlib.figure import Figure
from PIL import Image

from bows.figures.font import families

# Okabe & Ito 2008: told apart with every common form of colour blindness, and in grey.
BLUE, ORANGE, GREEN, RED, PURPLE, SKY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9"
INK, FAINT = "#222222", "#B8B8B8"
DIVERGING = "RdBu_r"
COMPRESSION = 3  # of PNG files, 0 to 9

_SETTINGS = {
    "figure.constrained_layout.use": True,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "savefig.dpi": 150,  # of the PNG, for screens: print takes the PDF
    "figure.dpi": 100,
    "pdf.fonttype": 42,  # letters stay letters in the PDF
    "text.parse_math": False,  # a word may hold a dollar sign
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "axes.labelcolor": INK,
    "axes.edgecolor": INK,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": False,
    "axes.prop_cycle": cycler(color=[BLUE, ORANGE, GREEN, RED, PURPLE, SKY]),
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "legend.frameon": False,
    "lines.linewidth": 1.5,
    "text.color": INK,
}


@contextmanager
def style() -> Iterator[None]:
    """Draw in the house style inside this block, whatever the user's own settings, and leave those as they were."""
    with matplotlib.rc_context(), warnings.catch_warnings():
        # Words come in every script; one that the font lacks shows as a box, which is no news worth a warning a word.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        settings: dict[Any, Any] = {**matplotlib.rcParamsDefault, **_SETTINGS, "font.family": families()}
        del settings["backend"]  # not a matter of looks
        matplotlib.rcParams.update(settings)
        yield


def new_figure(width: float, height: float, layout: Literal["constrained", "none"] = "constrained") -> Figure:
    """An empty figure of ``width`` x ``height`` inches with an Agg canvas. Call it inside ``style()``.

    layout: matplotlib's engine, which takes as long as drawing; none for figures that know where their axes go.
    """
    figure = Figure(figsize=(width, height), layout=layout)  # type: ignore[arg-type]  # "none" is taken, but not in the stubs
    FigureCanvasAgg(figure)
    return figure


def shorten(word: str, length: int = 24) -> str:
    """A word as a label: cut to ``length`` characters, with an ellipsis where something was cut; breaks become spaces.

    >>> shorten("antidisestablishmentarianism", 12)
    'antidisesta…'
    """
    word = " ".join(word.split())
    return word if len(word) <= length else word[: length - 1] + "…"


def save(figure: Figure, path: Path | str) -> list[Path]:
    """Write ``figure`` as ``path`` + ``.png`` and ``path`` + ``.pdf``; the same figure gives the same bytes.

    The folder is made. A ``.png`` or ``.pdf`` at the end of ``path`` is dropped first.

    Returns:
        The two files.
    """
    path = Path(path)
    stem = path.with_suffix("") if path.suffix in (".png", ".pdf") else path
    stem.parent.mkdir(parents=True, exist_ok=True)
    files = [stem.with_name(stem.name + ending) for ending in (".png", ".pdf")]
    canvas, dpi, engine = figure.canvas, figure.dpi, figure.get_layout_engine()
    with style():
        # Not by savefig, which lays out and draws a figure twice for each file. Both files have the layout of the first.
        figure.dpi = matplotlib.rcParams["savefig.dpi"]
        agg = FigureCanvasAgg(figure)
        agg.draw()
        # Without the alpha channel, and lightly compressed: half the time of print_png, for files as large.
        drawn = Image.fromarray(np.asarray(agg.buffer_rgba())).convert("RGB")
        drawn.save(files[0], dpi=(figure.dpi, figure.dpi), compress_level=COMPRESSION)
        figure.set_layout_engine("none")
        FigureCanvasPdf(figure).print_pdf(files[1], metadata={"CreationDate": None})
    figure.set_layout_engine(engine)
    figure.dpi = dpi
    figure.set_canvas(canvas)
    return files
