"""How a report looks: a self-contained HTML page with its style and its pictures inside, everything else escaped."""

import base64
import math
from pathlib import Path


def render(template: str, **values: object) -> str:
    """A Jinja template as a page. ``style`` stands for the style of all pages, the filter ``number`` for a readable number."""
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["number"] = number
    return environment.from_string(template).render(style=Markup(_STYLE), **values)


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


_STYLE = """:root { --ink: #1d1f21; --soft: #5b6169; --paper: #fff; --line: #d9dde2; --link: #0b5cad;
  --good: #06704f; --bad: #b3261e; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e7e9ec; --soft: #a3abb5; --paper: #16181b; --line: #363b42; --link: #7fb8f5;
    --good: #5fd0a4; --bad: #ff8a80; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 62rem; padding: 1rem 1rem 4rem; background: var(--paper); color: var(--ink);
  font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.5rem; margin: .5rem 0; } h2 { font-size: 1.15rem; margin: 2.2rem 0 .5rem; }
a { color: var(--link); } nav a { margin-right: 1rem; }
:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; }
.soft { color: var(--soft); } .completed { color: var(--good); } .failed { color: var(--bad); }
table { border-collapse: collapse; width: 100%; font-size: .9rem; overflow-wrap: normal; }
th, td { text-align: left; vertical-align: top; padding: .25rem .9rem .25rem 0; border-bottom: 1px solid var(--line); }
td.number, th.number { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
#about td { overflow-wrap: anywhere; }
.scroll { overflow-x: auto; } .scroll th { white-space: nowrap; } .scroll td:last-child { min-width: 20rem; }
figure { margin: 1rem 0; } img { max-width: 100%; height: auto; background: #fff; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 26rem), 1fr)); gap: 1rem; }
pre { overflow-x: auto; padding: .7rem; border: 1px solid var(--line); font-size: .85rem; }
@media (max-width: 40rem) {
  #metrics thead { display: none; }
  #metrics tr { display: grid; grid-template-columns: 1fr auto; border-bottom: 1px solid var(--line); }
  #metrics td { border: 0; padding-right: 0; }
  #metrics td:last-child { grid-column: 1 / -1; padding-top: 0; }
}"""
