"""Figures of a sweep as they are made and saved, and which of an earlier report's are out of date."""

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
from matplotlib.figure import Figure

from bows.figures.scales import label, shown
from bows.figures.style import save
from bows.files import write_json
from bows.reports.sweep_layout import Setting

LIST = "drawn.json"
"""In the folder of figures: the names, without endings, of what a report drew there."""
ENDINGS = (".png", ".pdf", ".svg", ".parquet")


class Drawing(NamedTuple):
    """A figure to be saved: the name of its files without an ending, the table that is drawn, its heading and caption."""

    name: str
    figure: Figure
    table: pa.Table
    kind: str
    caption: str


class Drawn(NamedTuple):
    """A saved figure."""

    picture: Path
    kind: str
    caption: str


def save_drawings(drawings: Iterable[Drawing], folder: Path) -> list[Drawn]:
    """Save each drawing as name.png, name.pdf, name.svg and name.parquet; remove what an earlier call saved there and this one did not.

    Files that no call of this saved stay: `folder`/drawn.json lists those that one did.
    """
    earlier = _listed(folder)
    drawn: dict[str, Drawn] = {}
    for each in drawings:
        folder.mkdir(parents=True, exist_ok=True)
        # Listed before it is there, so that a report that is stopped half way leaves nothing that no later one knows.
        write_json(folder / LIST, {"figures": sorted({*earlier, *drawn, each.name})})
        drawn[each.name] = Drawn(save(each.figure, folder / each.name)[0], each.kind, each.caption)
        pq.write_table(each.table, folder / f"{each.name}.parquet")
    for name in earlier - set(drawn):
        for ending in ENDINGS:
            (folder / f"{name}{ending}").unlink(missing_ok=True)
    if earlier or drawn:
        write_json(folder / LIST, {"figures": sorted(drawn)})
    return list(drawn.values())


def _listed(folder: Path) -> set[str]:
    """Return names of what earlier reports drew; none where there is no list, or one that cannot be read: then their figures stay."""
    try:
        names = json.loads((folder / LIST).read_text(encoding="utf-8"))["figures"]
        # Only names that `stem` makes, so that no list reaches out of the folder.
        return {name for name in names if isinstance(name, str) and name == stem(*name.split("-"))}
    except (OSError, ValueError, KeyError, TypeError):
        return set()


def stem(*parts: Any) -> str:
    """Return a file name of some names and values.

    >>> stem("map", "optimizer.clip_norm", None, "ring/months/order")
    'map-optimizer.clip_norm-none-ring_months_order'
    """
    return "-".join(re.sub(r"[^A-Za-z0-9.]+", "_", shown(part)).strip("_") for part in parts)


def sentence(first: str, setting: Setting, note: str) -> str:
    """Return a caption: what is drawn, at which values of the other settings, and a note on what is not."""
    where = f" ({label(setting)})" if setting else ""
    return f"{first}{where}{'. ' + note if note else ''}"
