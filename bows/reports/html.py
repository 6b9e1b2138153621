"""What every report has: one file with style, script, data and images inside, everything else escaped.

A report fetches nothing and runs only its own script: its Content-Security-Policy forbids all else, and has the hashes of script and style.
"""

import base64
import hashlib
import json
from collections.abc import Sequence
from decimal import Decimal
from functools import cache
from pathlib import Path

from markupsafe import Markup

TEMPLATES = Path(__file__).parent / "templates"
SCRIPTS = Path(__file__).parent / "static"


def render(template: str, scripts: Sequence[str] = (), **values: object) -> str:
    """Render a file of ``templates``; all values are escaped. The filter ``number`` formats a number.

    scripts: Names of files of ``static``, without ``.js``, joined in this order to one script.
    """
    style, script = _style(), script_of(tuple(scripts))
    return (
        _environment()
        .get_template(template)
        .render(style=Markup(style), script=Markup(script), policy=policy(style, script), **values)
    )


def policy(style: str, script: str) -> str:
    """Return the Content-Security-Policy: nothing is fetched, and only this style and this script apply."""
    parts = [
        "default-src 'none'",
        f"style-src {_hash(style)}",
        "img-src data: blob:",
        "base-uri 'none'",
        "form-action 'none'",
    ]
    return "; ".join([*parts, f"script-src {_hash(script)}"] if script else parts)


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


@cache
def _style() -> str:
    return (TEMPLATES / "style.css").read_text(encoding="utf-8")


@cache
def script_of(names: tuple[str, ...]) -> str:
    """Return files of ``static`` as one script in a function of its own; empty without files."""
    if not names:
        return ""
    files = [(SCRIPTS / f"{name}.js").read_text(encoding="utf-8") for name in names]
    return "(() => {\n'use strict';\n" + "\n".join(files) + "\n})();"


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
    environment.filters["json_block"] = json_block
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
