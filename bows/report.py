"""python -m bows.report: the report of a run or of a sweep, or a comparison of several runs."""

import sys
from pathlib import Path

from bows.cli import ignore_broken_pipe
from bows.cli.help import command_parser
from bows.errors import BowsError, SettingError, cannot_write


def main(arguments: list[str] | None = None) -> int:
    """Write the report of a run or of a sweep, or the comparison of several runs, and print where it is."""
    parser = command_parser(
        "report",
        "Write report.html into a run or sweep folder, or a comparison of runs into outputs/reports.",
        {
            "outputs/runs/<date>/<run>": "the report of a run",
            "outputs/sweeps/<date>/<sweep>": "the report of a sweep",
            "<run> <another run>": "a comparison of runs",
        },
    )
    parser.add_argument(
        "folders",
        type=Path,
        nargs="+",
        metavar="folder",
        help="a run, outputs/runs/<date>/<time>-<name>, or a sweep, outputs/sweeps/<date>/<time>; several runs are compared in one report",
    )
    drawn = "of a sweep: metrics to draw, as reconstruction/r2,interference/gap (default: some)"
    parser.add_argument("--metrics", help=drawn)
    over = (
        "of a sweep: numeric settings over all pairs of which heat maps are drawn, as latent,wd (default: some pairs)"
    )
    parser.add_argument("--dials", help=over, metavar="SETTINGS")
    kind = "of a run: method of its word map (default: neighbours, by t-SNE, laid out once and kept; umap needs bows[umap])"
    parser.add_argument("--map", choices=("neighbours", "umap", "pca"), help=kind)
    written = "of a run: also write vectors.tsv and metadata.tsv, for the TensorFlow Embedding Projector, into its folder export"
    parser.add_argument("--export", action="store_true", help=written)
    given = parser.parse_args(arguments)
    try:
        page = _write(given.folders, given.metrics, given.dials, given.map, given.export)
    except BowsError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    except OSError as error:
        reason = cannot_write(error, f"a file in {given.folders[0]}") or error
        print(f"error: the report could not be written: {reason}; free space or permissions", file=sys.stderr)
        return 1
    print(page)
    return 0


def _write(folders: list[Path], metrics: str | None, dials: str | None, map_kind: str | None, export: bool) -> Path:
    # Imported here: --help needs none of them.
    from bows.reports.comparison_report import write_comparison
    from bows.reports.export import write_vectors
    from bows.reports.run_report import write_report
    from bows.reports.sweep_report import write_sweep_report
    from bows.runs.discover import holds_jobs

    def refuse(why: str, **options: str | None) -> None:
        for name, value in options.items():
            if value is not None:
                raise SettingError(f"--{name}={value}: {why}")
        if export and "map" in options:
            raise SettingError(f"--export: {why}")

    folder = folders[0]
    if len(folders) > 1:
        why = "it does not apply to a comparison of runs; leave it out"
        refuse(why, metrics=metrics, dials=dials, map=map_kind)
        return write_comparison(folders)
    if str(folder).startswith("run=") and not folder.exists():
        raise SettingError(f"{folder}: give the folder alone, without run=")
    if not holds_jobs(folder):
        refuse(f"{folder} is no sweep; leave it out", metrics=metrics, dials=dials)
        report = write_report(folder, map_kind or "auto")
        if export:
            write_vectors(folder)
        return report
    refuse(f"{folder} is a sweep, whose report has no word map; give it one run", map=map_kind)
    return write_sweep_report(folder, *(None if each is None else each.split(",") for each in (metrics, dials)))


def command_line() -> None:
    """python -m bows.report, and bows-report, which is the same."""
    sys.exit(ignore_broken_pipe(main))


if __name__ == "__main__":
    command_line()
