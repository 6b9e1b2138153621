"""python -m bows.dashboard: a W&B workspace and a W&B report, as code."""

import argparse
import os
import re
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from bows.cli import ignore_broken_pipe
from bows.errors import BowsError, DataError, SettingError, cannot_write

if TYPE_CHECKING:
    from bows.tracking.dashboard.panels import Section

# What W&B takes as the name of a user or team, and of a project.
ENTITY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
PROJECT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_. -]{0,127}")
SECONDS = 20  # W&B has to answer within


def make_dashboard(
    run: Path | None = None,
    entity: str | None = None,
    project: str | None = None,
    output: Path | None = None,
    save: bool = False,
) -> list[Path]:
    """Write workspace.json and report.json, say what they hold, and save both in W&B where that is asked.

    Args:
        run: a run, a sweep or a folder of those, whose logged names panels refer to; None for what a full measurement of words logs.
        entity: a W&B user or team; None for that of conf/logger/wandb.yaml, or else the key's own.
        project: in it; None for that of conf/logger/wandb.yaml.
        output: the folder; None for outputs/reports/dashboard.
        save: whether to save them in W&B, which needs a login.

    Returns:
        The two files.

    Raises:
        SettingError: no such run, a name W&B would not take, no login, or the library is not installed. DataError: nothing was logged,
        or W&B or the disk refuses.
    """
    from bows.tracking.dashboard.building import check_library, report, specification, workspace
    from bows.tracking.dashboard.logged import of_folder
    from bows.tracking.dashboard.panels import known, left_out, sections

    entity, project = _destination(entity, project)
    check_library()
    logged = known() if run is None else of_folder(run)
    chosen = sections(logged)
    made = {name: make(chosen, entity or "", project) for name, make in (("workspace", workspace), ("report", report))}
    files = _write(output or _reports() / "dashboard", {name: specification(each) for name, each in made.items()})
    _say(chosen, project, [] if run is None else left_out(logged))
    for file in files:
        print(file)
    if save:
        _save(chosen, entity, project, files)
    else:
        print("nothing was sent; with --save both are made in W&B")
    return files


def _destination(entity: str | None, project: str | None) -> tuple[str | None, str]:
    """What was asked for, else what runs are logged to."""
    import yaml

    from bows.config.paths import CONF

    configured = yaml.safe_load((CONF / "logger" / "wandb.yaml").read_text(encoding="utf-8"))
    entity = configured["entity"] if entity is None else entity
    project = str(configured["project"]) if project is None else project
    if entity is not None and not ENTITY.fullmatch(entity):
        raise SettingError(f"--entity={entity}: a W&B user or team is of letters, digits, - and _; give its name alone")
    if not PROJECT.fullmatch(project):
        raise SettingError(
            f"--project={project}: a W&B project is of letters, digits, - _ . and spaces; give its name alone"
        )
    return entity, project


def _reports() -> Path:
    from bows.config.paths import default_outputs

    return Path(os.environ.get("BOWS_OUTPUTS") or default_outputs()) / "reports"


def _write(folder: Path, specifications: dict[str, dict]) -> list[Path]:
    from bows.files import write_json

    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in specifications.items():
            write_json(folder / f"{name}.json", content)
    except OSError as error:
        reason = cannot_write(error) or str(error)
        raise DataError(f"{reason}; give another folder with --output <folder>") from error
    return [folder / f"{name}.json" for name in specifications]


KINDS = {
    "line": ("chart against the step", "charts against the step"),
    "bar": ("bar chart of last values", "bar charts of last values"),
    "scatter": ("scatter against a dial", "scatters against a dial"),
    "spread": ("bar chart over a dial with errors", "bar charts over a dial with errors"),
    "parallel": ("plot of parallel coordinates", "plots of parallel coordinates"),
    "table": ("table", "tables"),
    "images": ("gallery", "galleries"),
}


def _say(chosen: "list[Section]", project: str, missing: list[str]) -> None:
    """What would be made, in plain lines."""
    panels = [panel for section in chosen for panel in section.panels]
    kinds = Counter(panel.kind for panel in panels)
    said = ", ".join(f"{count} {KINDS[kind][count > 1]}" for kind, count in kinds.items())
    print(f"a workspace and a report for project {project}: {len(chosen)} sections, {len(panels)} panels ({said})")
    width = max(len(section.name) for section in chosen)
    for section in chosen:
        count = len(section.panels)
        print(f"  {section.name:<{width}}  {count:>3} panel{'s' if count > 1 else ' '}  {section.about}")
    if missing:
        print(f"left out, as these runs did not log them: {', '.join(missing)}")


def _save(chosen: "list[Section]", entity: str | None, project: str, files: list[Path]) -> None:
    """Save both in W&B and print their addresses. Whether that can be is asked before wandb is, so that it neither prompts nor hangs."""
    from bows.tracking.wandb_mode import has_key, reachable, requested_mode, server

    written = f"the specification is in {files[0]} and {files[1].name}"
    mode, source = requested_mode(None)
    if mode in ("offline", "disabled"):
        raise SettingError(f"--save: {source} forbids it; unset it to save; {written}")
    url = server()
    if not has_key():
        raise SettingError(f"--save needs a login at {url}: set WANDB_API_KEY or run `wandb login`; {written}")
    if not reachable(url):
        raise DataError(f"--save: {url} cannot be reached; try again with a network; {written}")

    import wandb

    from bows.tracking.dashboard.building import report, workspace

    try:
        api = wandb.Api(timeout=SECONDS)
        entity = entity or api.default_entity
        if not entity:
            raise SettingError(f"--save: this login has no entity of its own; name one with --entity; {written}")
        if project not in {each.name for each in api.projects(entity)}:
            api.create_project(project, entity)
        for made in (workspace(chosen, entity, project), report(chosen, entity, project, saving=True)):
            made.save()
            print(made.url)
    except BowsError:
        raise
    except Exception as error:  # the library raises whatever its transport, its server's answer or its parser does
        reason = " ".join(str(error).split()) or type(error).__name__
        raise DataError(
            f"--save: W&B refused ({reason[:300]}); check --entity, --project and the login; {written}"
        ) from error


def main(arguments: list[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(
        prog="python -m bows.dashboard",
        description="Build a W&B workspace and a W&B report of bows' metrics. Without --save nothing is sent: both are written to files.",
    )
    parser.add_argument(
        "--run", type=Path, help="a run or sweep folder: panels for what was logged there (default: a full measurement)"
    )
    parser.add_argument("--entity", help="a W&B user or team (default: that of the login)")
    parser.add_argument("--project", help="a W&B project (default: that of conf/logger/wandb.yaml)")
    parser.add_argument("--output", type=Path, help="where the files go (default: outputs/reports/dashboard)")
    parser.add_argument(
        "--save", action="store_true", help="make both in W&B; needs a login, and makes new ones each time"
    )
    given = parser.parse_args(arguments)
    try:
        make_dashboard(given.run, given.entity, given.project, given.output, given.save)
    except BowsError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    return 0


def command_line() -> None:
    """python -m bows.dashboard, and bows-dashboard, which is the same."""
    sys.exit(ignore_broken_pipe(main))


if __name__ == "__main__":
    command_line()
