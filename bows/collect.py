"""python -m bows.collect: all runs of sweeps in one table, and a summary of it over seeds."""

import argparse
import os
import sys
from collections import Counter
from datetime import datetime
from pathlib import Path

from bows.cli import ignore_broken_pipe
from bows.errors import BowsError, DataError, cannot_write


def write_tables(folders: list[Path], output: Path | None = None) -> list[Path]:
    """Write results and summary, each as .parquet and .csv, and print what they hold.

    Into `output`, else the one folder given, else outputs/reports/<time>-collect.

    Returns:
        The four files.

    Raises:
        SettingError: for a folder in which no job lies. DataError: where the tables cannot be written.
    """
    from bows.config.paths import default_outputs
    from bows.runs.discover import is_run
    from bows.runs.table import save_tables

    if output is None and len(folders) == 1 and not is_run(folders[0]):
        output = folders[0]
    elif output is None:
        outputs = Path(os.environ.get("BOWS_OUTPUTS") or default_outputs())
        output = outputs / "reports" / f"{datetime.now():%Y-%m-%d-%H-%M-%S}-collect"
    try:
        results, _, files = save_tables(folders, output)
    except OSError as error:
        reason = cannot_write(error) or str(error)
        raise DataError(f"{reason}; give another folder with --output <folder>") from error
    print_table(results)
    for file in files:
        print(file)
    return files


def print_table(table) -> None:
    """Print how the runs ended, what was varied, and what one should know of the table."""
    from bows.runs.table import STATES, corpora, dials, metrics, repeats

    states = Counter(table.column("state").to_pylist())
    said = ", ".join(f"{states[state]} {state}" for state in STATES if states[state])
    print(f"{len(table)} runs: {said}; {len(metrics(table))} metrics")
    varied = dials(table)
    width = max((len(name) for name in varied), default=0)
    for name, values in varied.items():
        print(f"  {name:<{width}}  {shown(values)}")
    if not varied:
        print("  nothing was varied")
    for row in table.select(["run", "state", "error"]).to_pylist():
        if row["error"]:
            print(f"{row['state']} {row['run']}: {' '.join(row['error'].split())}")
    if different := corpora(table):
        print(f"runs of different corpora stand in one table, {different}; the column corpus tells them apart")
    if left_out := repeats(table):
        print(f"{left_out} runs repeat another's setting, seed and corpus; in the summary the latest of them counts")


def shown(values: list) -> str:
    """Values in a line, the middle left out where they are many."""
    texts = ["none" if value is None else f"{value:g}" if isinstance(value, float) else str(value) for value in values]
    if len(texts) > 12:
        texts = [*texts[:8], "...", *texts[-2:]]
    return ", ".join(texts)


def main(arguments: list[str] | None = None) -> int:
    """The command: write the tables and print where they are."""
    parser = argparse.ArgumentParser(
        prog="python -m bows.collect",
        description="Put all runs of sweeps into one table, results.parquet and .csv, and a summary over seeds beside it.",
    )
    parser.add_argument("folders", type=Path, nargs="+", help="sweep folders, run folders, or folders of those")
    parser.add_argument(
        "--output", type=Path, help="where the tables go (default: the one folder given, else outputs/reports)"
    )
    given = parser.parse_args(arguments)
    try:
        write_tables(given.folders, given.output)
    except BowsError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    return 0


def command_line() -> None:
    """python -m bows.collect, and bows-collect, which is the same."""
    sys.exit(ignore_broken_pipe(main))


if __name__ == "__main__":
    command_line()
