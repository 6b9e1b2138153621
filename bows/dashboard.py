"""python -m bows.dashboard: a W&B workspace and a W&B report of bows' metrics, as code."""

import sys
from pathlib import Path

from bows.cli import ignore_broken_pipe
from bows.cli.help import command_parser
from bows.errors import BowsError


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit code."""
    parser = command_parser(
        "dashboard",
        "Build a W&B workspace and a W&B report of bows' metrics. Without --save nothing is sent: both are written to files.",
        {
            "": "panels for every metric of analysis=full",
            "--run outputs/sweeps/<date>/<sweep>": "panels for what a sweep logged",
            "--entity <name> --project bows --save": "make both in W&B",
        },
    )
    parser.add_argument(
        "--run", type=Path, help="a run or sweep folder: panels for what was logged there (default: analysis=full)"
    )
    parser.add_argument("--entity", help="a W&B user or team (default: that of the login)")
    parser.add_argument("--project", help="a W&B project (default: that of conf/logger/wandb.yaml)")
    parser.add_argument("--output", type=Path, help="folder of the files (default: outputs/reports/dashboard)")
    parser.add_argument(
        "--save", action="store_true", help="make both in W&B; needs a login, and makes new ones each time"
    )
    given = parser.parse_args(arguments)
    from bows.tracking.dashboard.make import make_dashboard  # pyarrow and pydantic: --help does not wait for them

    try:
        make_dashboard(given.run, given.entity, given.project, given.output, given.save)
    except BowsError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    return 0


def command_line() -> None:
    """Run python -m bows.dashboard, or bows-dashboard, which is the same."""
    sys.exit(ignore_broken_pipe(main))


if __name__ == "__main__":
    command_line()
