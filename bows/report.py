"""python -m bows.report: the page of a run or of a sweep, or of several runs side by side."""

import argparse
import sys
from pathlib import Path

from bows.cli import ignore_broken_pipe
from bows.errors import BowsError, SettingError, cannot_write


def main(arguments: list[str] | None = None) -> int:
    """Write the report of a run or of a sweep, or the comparison of several runs, and print where it is."""
    parser = argparse.ArgumentParser(
        prog="python -m bows.report",
        description="Write report.html into a run or sweep folder, or a page that compares runs into outputs/reports.",
    )
    parser.add_argument(
        "folders",
        type=Path,
        nargs="+",
        metavar="folder",
        help="a run, outputs/runs/<date>/<time>-<name>, or a sweep, outputs/sweeps/<date>/<time>; several runs are compared on one page",
    )
    parser.add_argument(
        "--metrics", help="of a sweep: what is drawn, as reconstruction/r2,interference/gap (default: a handful)"
    )
    parser.add_argument(
        "--dials",
        help="of a sweep: what heat maps are drawn over, two dials of numbers or more, as latent,wd (default: some pairs)",
    )
    parser.add_argument(
        "--map",
        choices=("pca", "umap"),
        help="of a run: how its word map is made (default: pca; umap needs bows[umap])",
    )
    given = parser.parse_args(arguments)
    try:
        page = _write(given.folders, given.metrics, given.dials, given.map)
    except BowsError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    except OSError as error:
        reason = cannot_write(error, f"a file in {given.folders[0]}") or error
        print(f"error: the report could not be written: {reason}; free space or permissions", file=sys.stderr)
        return 1
    print(page)
    return 0


def _write(folders: list[Path], metrics: str | None, dials: str | None, map_kind: str | None) -> Path:
    # Imported here: --help needs none of them, and the report of a run neither tables nor figures.
    from bows.runs.discover import holds_jobs

    if len(folders) > 1:
        for name, value in (("metrics", metrics), ("dials", dials), ("map", map_kind)):
            if value is not None:
                raise SettingError(f"--{name}={value}: it does not apply to a comparison of runs; leave it out")
        from bows.reports.comparison_report import write_comparison

        return write_comparison(folders)
    folder = folders[0]
    if str(folder).startswith("run=") and not folder.exists():
        raise SettingError(f"{folder}: give the folder alone, without run=")
    if not holds_jobs(folder):
        for name, value in (("metrics", metrics), ("dials", dials)):
            if value is not None:
                raise SettingError(f"--{name}={value}: {folder} is no sweep; leave it out")
        from bows.reports.run_report import write_report

        return write_report(folder, map_kind or "pca")
    if map_kind is not None:
        raise SettingError(f"--map={map_kind}: {folder} is a sweep, whose report has no word map; give it one run")
    from bows.reports.sweep_report import write_sweep_report

    return write_sweep_report(folder, *(None if each is None else each.split(",") for each in (metrics, dials)))


def command_line() -> None:
    """python -m bows.report, and bows-report, which is the same."""
    sys.exit(ignore_broken_pipe(main))


if __name__ == "__main__":
    command_line()
