"""python -m bows.reproduce: train the paper's figures again and compare its claims with what was measured."""

import argparse
import os
import sys
from pathlib import Path

from bows.cli import ignore_broken_pipe
from bows.cli.help import command_parser
from bows.errors import BowsError
from bows.paper.presets import PRESETS, SIZES

INTERRUPTED = 130


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    made = command_parser(
        "reproduce",
        "Train the paper's figures again, skipping completed runs, and compare each claim with the measurement.",
        {
            "paper": "all figures, small size",
            "months umap --size full": "two figures on WikiText-103",
            "paper --size medium --train my.txt": "all figures on a text of 100 MB or so",
        },
    )
    made.add_argument("figures", nargs="+", help=f"paper, for all of them, or some of: {', '.join(PRESETS)}")
    made.add_argument(
        "--size",
        default="small",
        choices=SIZES,
        help="of the presets on text: small (default), medium (V = 10,000 on text of your own) or full (WikiText-103)",
    )
    made.add_argument("--train", help="text, a file or a pattern; small size: Python's documentation without it")
    made.add_argument("--validation", help="held-out text")
    made.add_argument(
        "--words",
        type=lambda text: text.split(","),
        default=[],
        help="words that mechanism explains, as river,Christmas",
    )
    made.add_argument("--estimate", action="store_true", help="full size: only estimate time and memory")
    made.add_argument("--redraw", action="store_true", help="only draw the figures again, from their saved tables")
    made.add_argument("--no-train", action="store_true", help="measure only the runs that exist")
    made.add_argument(
        "--outputs",
        type=Path,
        default=Path(os.environ.get("BOWS_OUTPUTS", "outputs")),
        help="folder for everything written",
    )
    return made  # fmt: skip


def main(arguments: list[str] | None = None) -> int:
    """Train what is not trained yet, measure, and write outputs/reports/paper/<size>/index.html and results.md."""
    given = parser().parse_args(arguments)
    from bows.paper.reproduction import reproduce  # after the parser: --help needs no torch

    try:
        files, failed = reproduce(given)
    except BowsError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("interrupted; re-run the same command to resume", file=sys.stderr)
        return INTERRUPTED
    for file in files:
        print(file)
    if failed:
        small = f"; the small version: python -m bows.reproduce {failed[0]}" if given.size == "full" else ""
        print(
            f"error: {', '.join(failed)}: some runs did not complete (see the lines above), and the claims that need them are not "
            f"measured; re-run the same command to resume{small}",
            file=sys.stderr,
        )
    return 1 if failed else 0


def command_line() -> None:
    """Run the command for `python -m bows.reproduce` and `bows-reproduce`."""
    sys.exit(ignore_broken_pipe(main))


if __name__ == "__main__":
    command_line()
