"""What every page has: one file with its style and its pictures inside, everything else escaped."""

import base64
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
    """Four significant digits, whole numbers with thousands apart, a dash for None, text as it is.

    >>> [number(value) for value in (0.123456, 1234567, 12345.67, 1e20, 2.0, None, "text")]
    ['0.1235', '1,234,567', '12,345.7', '1e+20', '2', '–', 'text']
    """
    if value is None:
        return "–"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if abs(value) < 1e15 and (isinstance(value, int) or value == int(value)):
        return f"{int(value):,}"
    return f"{value:,.1f}" if 1000 <= abs(value) < 1e15 else f"{value:.4g}"
