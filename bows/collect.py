"""python -m bows.collect: write the runs of sweeps as one table, and a summary over seeds."""

import os
import sys
from collections import Counter
from datetime import datetime
from pathlib import Path

from bows.cli import ignore_broken_pipe
from bows.cli.help import command_parser
from bows.config.paths import default_outputs
from bows.errors import BowsError, DataError, cannot_write


def write_tables(folders: list[Path], output: Path | None = None) -> list[Path]:
    """Write results and summary, each as .parquet and .csv, print an overview, and return the four files.

    `output` None is the one folder given, or else outputs/reports/<time>-collect. Raises SettingError where a folder contains no job,
    DataError where the tables cannot be written.
    """
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
        reason = cannot_write(error, f"a table in {output}") or str(error)
        raise DataError(
            f"{reason}; free space or permissions, or give another folder with --output <folder>"
        ) from error
    print_table(results)
    for file in files:
        print(file)
    return files


def print_table(table) -> None:
    """Print how many runs are in each state, the settings that were varied, and problems of the table."""
    from bows.runs.table import STATES, corpora, metrics, repeats, varied_settings

    states = Counter(table.column("state").to_pylist())
    counts = ", ".join(f"{states[state]} {state}" for state in STATES if states[state])
    print(f"{len(table)} runs: {counts}; {len(metrics(table))} metrics")
    varied = varied_settings(table)
    width = max((len(name) for name in varied), default=0)
    for name, values in varied.items():
        print(f"  {name:<{width}}  {shown(values)}")
    if not varied:
        print("  no setting was varied")
    for row in table.select(["run", "state", "error"]).to_pylist():
        if row["error"]:
            print(f"{row['state']} {row['run']}: {' '.join(row['error'].split())}")
    if different := corpora(table):
        print(f"the runs have different corpora ({different}); the column corpus tells them apart")
    if left_out := repeats(table):
        print(f"{left_out} runs repeat the settings, seed and corpus of another; the summary uses the latest of them")


def shown(values: list) -> str:
    """Return values in a line, without the middle ones where there are many."""
    texts = ["none" if value is None else f"{value:g}" if isinstance(value, float) else str(value) for value in values]
    if len(texts) > 12:
        texts = [*texts[:8], "...", *texts[-2:]]
    return ", ".join(texts)


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit code."""
    parser = command_parser(
        "collect",
        "Write all runs of sweeps as one table, results.parquet and .csv, and their summary over seeds.",
        {
            "outputs/sweeps/<date>/<sweep>": "the tables, into the sweep's folder",
            "outputs/runs outputs/sweeps --output tables": "all runs and sweeps, into the folder tables",
        },
    )
    parser.add_argument("folders", type=Path, nargs="+", help="sweep folders, run folders, or folders of those")
    parser.add_argument(
        "--output", type=Path, help="folder for the tables (default: the one folder given, else outputs/reports)"
    )
    given = parser.parse_args(arguments)
    try:
        write_tables(given.folders, given.output)
    except BowsError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    except BrokenPipeError:  # of the output, not of a file
        raise
    except OSError as error:
        print(f"error: {error.filename} cannot be read ({error.strerror}); change its permissions", file=sys.stderr)
        return 1
    return 0


def command_line() -> None:
    """Run python -m bows.collect, or bows-collect."""
    sys.exit(ignore_broken_pipe(main))


if __name__ == "__main__":
    command_line()
