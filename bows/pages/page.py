"""What every page has: one file with its style and its pictures inside, everything else escaped."""

import base64
import math
from functools import cache
from pathlib import Path

TEMPLATES = Path(__file__).parent / "templates"


def render(template: str, **values: object) -> str:
    """A file of ``templates`` as a page; what it is told is escaped. The filter ``number`` gives a readable number."""
    return _environment().get_template(template).render(**values)


@cache
def _environment():
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["number"] = number
    return environment


def embedded(picture: Path) -> str:
    """A picture's bytes in base64, for ``src="data:image/png;base64,..."``."""
    return base64.b64encode(picture.read_bytes()).decode()


def number(value: object) -> str:
    """Four significant digits, whole numbers with thousands apart, a dash for None, text as it is."""
    if value is None:
        return "–"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if isinstance(value, int) or (math.isfinite(value) and value == int(value) and abs(value) < 1e15):
        return f"{int(value):,}"
    return f"{value:,.1f}" if abs(value) >= 1000 else f"{value:.4g}"
