"""Charts of a report: figures as images inside the page."""

import base64
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from matplotlib.figure import Figure

from bows.figures.style import rendered

KINDS = {".svg": "svg+xml", ".png": "png"}


class Chart(NamedTuple):
    """An image in a page."""

    file: str
    """Name to save it under."""
    source: str
    """The image as a data URI."""
    caption: str


def of_file(file: Path, caption: str = "") -> Chart:
    """Return the chart in a file; the SVG next to a PNG where there is one."""
    file = next((each for each in (file.with_name(f"{file.stem}.svg"), file) if each.is_file()), file)
    return Chart(file.name, _source(file.read_bytes(), file.suffix), caption or file.stem)


def of_figure(stem: str, figure: Figure, caption: str = "") -> Chart:
    """Return a figure as a chart."""
    return Chart(f"{stem}.svg", _source(rendered(figure, "svg")["svg"], ".svg"), caption or stem)


def of_folder(folder: Path, stem: str, draw: Callable[[], Figure], caption: str = "") -> Chart:
    """Return the figure `stem` of a run folder's figures; drawn now where it is not there."""
    file = folder / "figures" / f"{stem}.png"
    return of_file(file, caption) if file.is_file() else of_figure(stem, draw(), caption)


def _source(content: bytes, suffix: str) -> str:
    return f"data:image/{KINDS[suffix]};base64,{base64.b64encode(content).decode()}"
