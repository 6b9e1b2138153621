"""python -m bows.bench: speed and memory on this machine, as a table and as JSON."""

import json
import os
import platform
from concurrent.futures import ProcessPoolExecutor
from datetime import datetime
from multiprocessing import get_context
from pathlib import Path

from bows.bench.measures import MEASURES, USUAL
from bows.cli.help import command_parser
from bows.config.paths import default_outputs
from bows.files import write_json
from bows.runs.status import commit, versions


def main() -> None:
    """Run the command."""
    parser = command_parser(
        "bench",
        "Measure speed and memory on this machine.",
        {"": f"{', '.join(USUAL)}", "default_run": "wall and CPU seconds of the default run"},
    )
    parser.add_argument(
        "measures", nargs="*", metavar="MEASURE", help=f"one of {', '.join(MEASURES)}; default: {' '.join(USUAL)}"
    )
    parser.add_argument("--json", type=Path, help="file of the figures (default: outputs/reports/bench-<time>.json)")
    arguments = parser.parse_args()
    chosen = arguments.measures or USUAL
    if unknown := [name for name in chosen if name not in MEASURES]:
        parser.error(f"no measure {unknown[0]!r}; choose from {', '.join(MEASURES)}")
    outputs = Path(os.environ.get("BOWS_OUTPUTS") or default_outputs())
    path = arguments.json or outputs / "reports" / f"bench-{datetime.now():%Y-%m-%d-%H-%M-%S}.json"
    figures: dict[str, dict] = {}
    for name in chosen:
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
            rows = process.submit(MEASURES[name]).result()
        print(f"\n{name}: {MEASURES[name].__doc__}")
        for what, value, unit in rows:
            print(f"  {what:<58}{value:>10.4g} {unit}", flush=True)
        figures[name] = {what: {"value": value, "unit": unit} for what, value, unit in rows}
    path.parent.mkdir(parents=True, exist_ok=True)
    machine = {"cores": os.cpu_count(), "processor": platform.machine(), "system": platform.system()}
    write_json(path, {"machine": machine, "versions": versions(), "commit": commit(), "figures": figures})
    print(f"\n{json.dumps(machine)}\n{path}")


if __name__ == "__main__":
    main()
