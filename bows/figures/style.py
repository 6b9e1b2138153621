"""The style of every figure, and how a figure is saved.

Figures are plain ``Figure`` objects, drawn without pyplot under settings that end with the ``with`` block: the user's own matplotlib
settings are left alone.
"""

import io
import re
import textwrap
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, Literal

import matplotlib
import numpy as np
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.backend_bases import FigureCanvasBase
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_pdf import FigureCanvasPdf
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from bows.figures.font import COMMON, WHOLE, families, warn_of_missing
from bows.files import write_whole

# Okabe & Ito 2008: distinguishable with every common form of colour blindness, and in grey.
BLUE, ORANGE, GREEN, RED, PURPLE, SKY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9"
INK, FAINT = "#222222", "#B8B8B8"
DIVERGING = "RdBu_r"

_SETTINGS = {
    "figure.constrained_layout.use": True,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "figure.dpi": 150,  # of the PNG too, for screens: print takes the PDF
    "pdf.fonttype": 42,  # letters stay letters in the PDF
    "svg.fonttype": "none",  # and in the SVG, which is half as large for it
    "svg.hashsalt": "bows",  # the same figure has the same identifiers
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
# The canvas and options of each kind of file that `save` writes. Without dates and versions, the same figure gives the same bytes.
FORMATS: dict[str, tuple[type[FigureCanvasBase], dict[str, Any]]] = {
    # Compressed in half the time of level 6, to files as large.
    "png": (FigureCanvasAgg, {"metadata": {"Software": None}, "pil_kwargs": {"compress_level": 3}}),
    "pdf": (FigureCanvasPdf, {"metadata": {"CreationDate": None, "Creator": None, "Producer": None}}),
    "svg": (FigureCanvasSVG, {"metadata": {"Date": None, "Creator": None}}),
}


@contextmanager
def style() -> Iterator[None]:
    """Draw in the style of bows inside this block, whatever the user's own settings, and restore those after it."""
    with matplotlib.rc_context(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")  # `save` warns once, not per word
        dict.update(matplotlib.rcParams, _checked(tuple(families())))
        yield


@cache
def _checked(fonts: tuple[str, ...]) -> dict[str, Any]:
    """Return matplotlib's settings in the style of bows; checking all 300 for every figure would be a tenth of drawing it."""
    with matplotlib.rc_context():
        settings: dict[Any, Any] = {**matplotlib.rcParamsDefault, **_SETTINGS, "font.family": list(fonts)}
        del settings["backend"]  # not part of the style
        matplotlib.rcParams.update(settings)
        return {name: matplotlib.rcParams[name] for name in settings}


def new_figure(width: float, height: float, layout: Literal["constrained", "none"] = "constrained") -> Figure:
    """Return an empty figure of ``width`` x ``height`` inches with an Agg canvas. Call it inside ``style()``.

    layout: matplotlib's engine, which takes as long as drawing; none for figures that know where their axes go.
    """
    figure = Figure(figsize=(width, height), layout=layout)  # type: ignore[arg-type]  # "none" is taken, but not in the stubs
    FigureCanvasAgg(figure)
    return figure


def shorten(word: str, length: int = 24) -> str:
    """Return a word as a label: cut to ``length`` characters, with an ellipsis where something was cut; breaks become spaces.

    >>> shorten("antidisestablishmentarianism", 12)
    'antidisesta…'
    """
    word = " ".join(word.split())
    return word if len(word) <= length else word[: length - 1] + "…"


def heading(figure: Figure, title: str, length: int = 80) -> None:
    """Write a title above a figure, at its left edge; nothing for an empty one."""
    if title:
        figure.suptitle(shorten(title, length), fontsize=10, x=0.01, ha="left")


def caption(figure: Figure, *lines: str, width: float = 105) -> int:
    """Write lines below a figure, wrapped to `width` characters; nothing where there are none. Return how many lines these are."""
    text = [part for line in lines for part in textwrap.wrap(line, int(width))]
    if text:
        figure.supxlabel("\n".join(text), x=0.01, ha="left", fontsize=7.5)
    return len(text)


def message(axes: Axes, text: str, keep_x: bool = False) -> None:
    """Write a text in the middle of axes that have nothing to show."""
    axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", fontsize=8)
    axes.set(yticks=[], **({} if keep_x else {"xticks": []}))


def dark(colour: Any) -> bool:
    """Return whether white letters can be read on a colour better than black ones."""
    red, green, blue = to_rgb(colour)
    return 0.299 * red + 0.587 * green + 0.114 * blue < 0.5


def frame(axes: Axes, points: np.ndarray | None = None, room: float = 1.4) -> None:
    """Draw a faint frame without ticks; around points (n, 2), with as much room and one scale."""
    axes.set(xticks=[], yticks=[])
    for spine in axes.spines.values():
        spine.set(visible=True, color=FAINT)
    if points is not None:
        middle, reach = (points.min(0) + points.max(0)) / 2, np.ptp(points, axis=0).max() / 2 or 1.0
        (left, low), (right, high) = middle - room * reach, middle + room * reach
        axes.set(xlim=(left, right), ylim=(low, high), aspect="equal")


def file_stem(name: str) -> str:
    """Return a name as part of a file name: a set may be named anything, its figure stays in its folder.

    >>> file_stem("months"), file_stem("../a b/c.d")
    ('months', '.._a b_c.d')
    """
    return re.sub(r"[/\\\0]", "_", name)


def save(figure: Figure, path: Path | str) -> list[Path]:
    """Write ``figure`` as ``path`` + ``.png``, ``.pdf`` and ``.svg``; the same figure gives the same bytes.

    The folder is made. An ending of these in ``path`` is dropped first. The three files are returned.

    Raises:
        OSError: a file cannot be written. Figures are rendered in memory first: matplotlib's own error on a full disk names no cause.
    """
    path = Path(path)
    stem = path.with_suffix("") if path.suffix[1:] in FORMATS else path
    stem.parent.mkdir(parents=True, exist_ok=True)
    files = []
    for ending, content in rendered(figure, *FORMATS).items():
        files.append(stem.with_name(f"{stem.name}.{ending}"))
        write_whole(files[-1], content)
    return files


def rendered(figure: Figure, *formats: str) -> dict[str, bytes]:
    """Return a figure in formats of FORMATS, all with one layout.

    `Figure.savefig` would lay out and draw the figure a second time for each format, only to learn its size.
    """
    contents = {}
    with style(), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        canvas, dpi, engine = figure.canvas, figure.dpi, figure.get_layout_engine()
        if engine is not None:
            figure.draw_without_rendering()
            figure.set_layout_engine("none")
        for name in formats:
            buffer = io.BytesIO()
            printer, options = FORMATS[name]
            printing: Any = canvas if isinstance(canvas, printer) else printer(figure)
            getattr(printing, f"print_{name}")(buffer, **options)
            figure.set_dpi(dpi)  # vector formats leave their own
            contents[name] = buffer.getvalue()
        figure.set_canvas(canvas)
        if engine is not None:
            figure.set_layout_engine(engine)
    if "svg" in contents:  # where DejaVu is not installed, a font of its widths, or any
        contents["svg"] = contents["svg"].replace(
            f"'{COMMON}', '{WHOLE}'".encode(), f"'{WHOLE}', Verdana, sans-serif".encode()
        )
    for warning in caught:
        if not warn_of_missing(str(warning.message)):
            warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)
    return contents
