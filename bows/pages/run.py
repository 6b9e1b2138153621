"""The page of a run: ``report.html``, from what its folder holds."""

import csv
import json
from pathlib import Path

from bows.errors import SettingError
from bows.pages.meanings import meaning
from bows.pages.page import embedded, render
from bows.runs import write_whole

ROWS = 50  # of the word table; the whole of it is in words.parquet


def write_report(run_folder: Path | str) -> Path:
    """Write ``report.html`` from what the run folder holds; whatever is missing or damaged is said in its place.

    Returns:
        The page's path.

    Raises:
        SettingError: if the folder is not a run: it has neither ``status.json`` nor ``.hydra/config.yaml``.
    """
    folder = Path(run_folder)
    if not any((folder / name).is_file() for name in ("status.json", ".hydra/config.yaml")):
        raise SettingError(f"{folder} is not a run folder: it holds neither status.json nor .hydra/config.yaml")
    summary, summary_note = _json(folder / "summary.json")
    status, status_note = _json(folder / "status.json")
    page = render(
        "run.html",
        name=folder.resolve().name,
        status=status,
        status_note=status_note,
        metrics=[(name, value, meaning(name)) for name, value in summary.items()],
        summary_note=summary_note,
        records=_records(folder / "metrics.csv"),
        figures=[(file.stem, embedded(file)) for file in sorted(folder.glob("figures/*.png"))],
        words=_words(folder / "words.parquet"),
        overrides=_text(folder / ".hydra/overrides.yaml"),
        config=_text(folder / ".hydra/config.yaml"),
    )
    target = folder / "report.html"
    write_whole(target, page)
    return target


def _text(file: Path) -> str | None:
    try:
        return file.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return None


def _json(file: Path) -> tuple[dict, str]:
    """The object in a file, and a note on why it is empty."""
    text = _text(file)
    if text is None:
        return {}, f"{file.name} is missing."
    try:
        content = json.loads(text)
    except ValueError:
        return {}, f"{file.name} is damaged: it is not JSON."
    if not isinstance(content, dict):
        return {}, f"{file.name} is damaged: it is not a table of names and values."
    return content, "" if content else f"{file.name} is empty."


def _records(file: Path) -> str:
    text = _text(file)
    if text is None:
        return "metrics.csv is missing."
    rows = list(csv.reader(text.splitlines()))
    if len(rows) < 2:
        return "metrics.csv holds no rows yet."
    return f"Over time: {len(rows) - 1:,} rows of {len(rows[0]):,} columns in metrics.csv."


def _words(file: Path) -> dict:
    """The first rows of the word table and its size, or a note on why there is none."""
    if not file.is_file():
        return {"note": "words.parquet is missing."}
    import pyarrow as pa
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(file) as table:
            rows = next(table.iter_batches(ROWS), None)
            count, columns = table.metadata.num_rows, table.schema_arrow.names
    except (pa.ArrowException, OSError):
        return {"note": "words.parquet is damaged."}
    cells = [] if rows is None else [list(row.values()) for row in rows.to_pylist()]
    return {"note": "", "count": count, "columns": columns, "rows": cells}
