"""Tables of models as files: CSV in full precision, Markdown to three digits."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv

from bows.files import write_whole


def write_table(table: pa.Table, stem: Path) -> list[Path]:
    """Write a table as <stem>.csv and <stem>.md, and return the files."""
    files = [stem.with_suffix(".csv"), stem.with_suffix(".md")]
    pyarrow.csv.write_csv(table.replace_schema_metadata(None), files[0])
    write_whole(files[1], markdown(table))
    return files


def markdown(table: pa.Table) -> str:
    """Return a table in Markdown: numbers to three digits, empty cells as a dash.

    >>> print(markdown(pa.table({"model": ["tied"], "wd": [4.0], "p": [0.00012345], "gap": [None]})), end="")
    | model | wd | p | gap |
    | --- | --- | --- | --- |
    | tied | 4 | 0.000123 | – |
    """
    lines = [table.column_names, ["---"] * table.num_columns]
    lines += [[_cell(value) for value in row.values()] for row in table.to_pylist()]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    return f"{value:.3g}" if isinstance(value, float) else str(value)
