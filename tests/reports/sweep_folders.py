"""Folders of finished runs as a sweep leaves them, without training anything."""

import json
from pathlib import Path

import pyarrow as pa
from pyarrow import parquet


def write_run(
    run: Path,
    varied: dict[str, object],
    summary: dict[str, float] | None = None,
    words: dict[str, list] | None = None,
    state: str = "completed",
    error: str | None = None,
) -> Path:
    """A run folder with these settings, metrics and per-word columns (`word`, `frequency`, `r2`)."""
    (run / ".hydra").mkdir(parents=True)
    for name, content in (
        ("config", varied),
        ("overrides", [f"{name}={value}" for name, value in varied.items()]),
        ("hydra", {}),
    ):
        # JSON is YAML, and quickly written.
        (run / ".hydra" / f"{name}.yaml").write_text(json.dumps(content))
    status = {"state": state, "error": error, "finished": "2026-01-01", "seconds": 2.5, "corpus": "0" * 64}
    (run / "status.json").write_text(json.dumps(status))
    if summary is not None:
        (run / "summary.json").write_text(json.dumps(summary))
    if words is not None:
        kinds = {"word": pa.string(), "frequency": pa.float64(), "r2": pa.float64()}
        parquet.write_table(
            pa.table({name: pa.array(words[name], kind) for name, kind in kinds.items()}), run / "words.parquet"
        )
    return run
