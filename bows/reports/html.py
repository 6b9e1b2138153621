"""What every report has: one file with style, script, data and images inside, everything else escaped; sections that may fail.

A report fetches nothing and runs only its own script: its Content-Security-Policy forbids all else, and has the hashes of script and style.
"""

import base64
import hashlib
import json
import logging
import re
from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import NamedTuple, TypeVar

from markupsafe import Markup
from matplotlib.figure import Figure

from bows.errors import BowsError
from bows.figures.style import rendered

log = logging.getLogger(__name__)

TEMPLATES = Path(__file__).parent / "templates"
SCRIPTS = Path(__file__).parent / "static"
IMAGES = {".svg": "svg+xml", ".png": "png"}
LARGE = 400  # points: two of such figures side by side are drawn at four fifths or less
_Made = TypeVar("_Made")


def render(template: str, scripts: Sequence[str] = (), **values: object) -> str:
    """Render a file of ``templates``; all values are escaped. The filter ``number`` formats a number.

    scripts: Names of files of ``static``, without ``.js``, joined in this order to one script.
    """
    style, script = _style(), script_of(tuple(scripts))
    made = _environment().get_template(template)
    return made.render(style=Markup(style), script=Markup(script), policy=policy(style, script), **values)


def policy(style: str, script: str) -> str:
    """Return the Content-Security-Policy: nothing is fetched, and only this style and this script apply."""

    def own(text: str) -> str:
        return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"

    parts = [
        "default-src 'none'",
        f"style-src {own(style)}",
        "img-src data: blob:",
        "base-uri 'none'",
        "form-action 'none'",
    ]
    return "; ".join([*parts, f"script-src {own(script)}"] if script else parts)


@cache
def _style() -> str:
    return (TEMPLATES / "style.css").read_text(encoding="utf-8")


@cache
def script_of(names: tuple[str, ...]) -> str:
    """Return files of ``static`` as one script in a function of its own; empty without files."""
    files = [(SCRIPTS / f"{name}.js").read_text(encoding="utf-8") for name in names]
    return "(() => {\n'use strict';\n" + "\n".join(files) + "\n})();" if files else ""


@cache
def _environment():
    from jinja2 import (  # a run imports this module long before it needs a template
        Environment,
        FileSystemLoader,
        StrictUndefined,
    )

    loader = FileSystemLoader(TEMPLATES)
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"number": number, "json_block": json_block, "counted": counted}
    return environment


def json_block(value: object) -> Markup:
    r"""Return a value as JSON for ``<script type="application/json">``: no text in it can end the block or begin a tag or a comment.

    >>> json_block({"word": "</script>"})
    Markup('{"word":"\\u003c/script\\u003e"}')
    """
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    # A lone surrogate, which a damaged file may contain, cannot be written as UTF-8.
    text = text.encode("utf-8", "replace").decode("utf-8")
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return Markup(text)


def number(value: object) -> str:
    """Format a number in four significant digits, whole numbers with thousands separators, None as a dash, text unchanged.

    >>> [number(value) for value in (0.123456, 1234567, 12345.67, 1e20, 2.0, None, "text")]
    ['0.1235', '1,234,567', '12,345.7', '1e+20', '2', '–', 'text']
    """
    if value is None:
        return "–"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if abs(value) < 1e15 and (isinstance(value, int) or value == int(value)):
        return f"{int(value):,}"
    if isinstance(value, int):  # larger than a float can be
        return f"{Decimal(value):.4g}"
    return f"{value:,.1f}" if 1000 <= abs(value) < 1e15 else f"{value:.4g}"


def counted(count: int, noun: str) -> str:
    """Return a number of things with their noun, of which the plural ends in s.

    >>> counted(1, "word"), counted(2000, "word")
    ('1 word', '2,000 words')
    """
    return f"{count:,} {noun}{'s' * (count != 1)}"


class Chart(NamedTuple):
    """An image in a report: the name to save it under, the image as a data URI, and its caption."""

    file: str
    source: str
    caption: str
    large: bool = False
    """Whether its text is too small to read in half the width of a report."""


def of_file(file: Path, caption: str = "") -> Chart:
    """Return the chart in a file; the SVG next to a PNG where there is one."""
    file = next((each for each in (file.with_name(f"{file.stem}.svg"), file) if each.is_file()), file)
    return _chart(file.name, file.read_bytes(), caption)


def of_figure(stem: str, figure: Figure, caption: str = "") -> Chart:
    """Return a figure as a chart."""
    return _chart(f"{stem}.svg", rendered(figure, "svg")["svg"], caption)


def of_folder(folder: Path, stem: str, draw: Callable[[], Figure], caption: str = "") -> Chart:
    """Return the figure `stem` of a run folder's figures; drawn now where it is not there."""
    file = folder / "figures" / f"{stem}.png"
    return of_file(file, caption) if file.is_file() else of_figure(stem, draw(), caption)


def _chart(file: str, content: bytes, caption: str) -> Chart:
    kind = IMAGES[Path(file).suffix]
    width = re.search(rb'<svg[^>]* width="([\d.]+)pt"', content[:2000])
    source = f"data:image/{kind};base64,{base64.b64encode(content).decode()}"
    return Chart(file, source, caption or Path(file).stem, large=width is not None and float(width[1]) > LARGE)


def try_section(name: str, make: Callable[[], _Made]) -> tuple[_Made | None, str]:
    """Return what `make` returns and an empty note; or None and a note of one sentence on why there is nothing.

    A report is written when a run is over, and no fault of a report may cost the run. An expected error is stated as it is; any other is
    a fault of bows, and its type is stated.

    name: The section, as "The word map".
    """
    try:
        return make(), ""
    except BowsError as error:
        return None, f"{name} cannot be shown: {error}."
    except Exception as error:
        text = " ".join(f"{type(error).__name__}: {error}".split())
        log.warning("report: %s could not be made: %s", name[:1].lower() + name[1:], text)
        log.debug("traceback of the failed section:", exc_info=error)
        return None, f"{name} could not be made, because of a fault in bows: {text}."
