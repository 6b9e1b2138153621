"""Make a W&B workspace and a W&B report: write their specifications to files, and save them in W&B where asked."""

import os
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import yaml

from bows.config.paths import CONF, default_outputs
from bows.errors import BowsError, DataError, SettingError, cannot_write
from bows.files import write_json
from bows.tracking.dashboard.building import check_library, report, specification, workspace
from bows.tracking.dashboard.logged import known, of_folder
from bows.tracking.dashboard.panels import Section, left_out, sections

# What W&B accepts as the name of a user or team, and of a project.
ENTITY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
PROJECT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_. -]{0,127}")
SECONDS = 20  # that W&B has for an answer


def make_dashboard(
    run: Path | None = None,
    entity: str | None = None,
    project: str | None = None,
    output: Path | None = None,
    save: bool = False,
) -> None:
    """Write workspace.json and report.json, print what they contain, and save both in W&B where asked.

    Args:
        run: A run, a sweep or a folder of those, whose logged names panels refer to; None for those of analysis=full.
        entity: A W&B user or team; None for that of conf/logger/wandb.yaml, or else that of the login.
        project: Its project; None for that of conf/logger/wandb.yaml.
        output: The folder of the files; None for outputs/reports/dashboard.
        save: Whether to save them in W&B, which needs a login.

    Raises:
        SettingError: There is no such run or no login, W&B does not accept a name, or wandb-workspaces is missing.
        DataError: The run logged nothing, the files cannot be written, or W&B refuses.
    """
    entity, project = _destination(entity, project)
    check_library()
    logged = known() if run is None else of_folder(run)
    chosen = sections(logged)
    outputs = Path(os.environ.get("BOWS_OUTPUTS") or default_outputs())
    folder = output or outputs / "reports" / "dashboard"
    made = {"workspace": workspace(chosen, entity or "", project), "report": report(chosen, entity or "", project)}
    files = [folder / f"{name}.json" for name in made]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for file, each in zip(files, made.values(), strict=True):
            write_json(file, specification(each))
    except OSError as error:
        reason = cannot_write(error) or str(error)
        raise DataError(f"{reason}; give another folder with --output <folder>") from error
    _print_content(chosen, project, [] if run is None else left_out(logged))
    for file in files:
        print(file)
    if save:
        _save(chosen, entity, project, f"the specification is in {files[0]} and {files[1].name}")
    else:
        print("nothing was sent; --save makes both in W&B")


def _destination(entity: str | None, project: str | None) -> tuple[str | None, str]:
    """Return entity and project: what was asked for, else what runs are logged to."""
    configured = yaml.safe_load((CONF / "logger" / "wandb.yaml").read_text(encoding="utf-8"))
    entity = configured["entity"] if entity is None else entity
    project = str(configured["project"]) if project is None else project
    if entity is not None and not ENTITY.fullmatch(entity):
        raise SettingError(f"--entity={entity}: a W&B user or team is of letters, digits, - and _; give its name alone")
    if not PROJECT.fullmatch(project):
        allowed = "a W&B project is of letters, digits, - _ . and spaces"
        raise SettingError(f"--project={project}: {allowed}; give its name alone")
    return entity, project


def _print_content(chosen: Sequence[Section], project: str, missing: Sequence[str]) -> None:
    panels = [panel for section in chosen for panel in section.panels]
    kinds = Counter(panel.kind for panel in panels)
    counts = ", ".join(f"{count} {kind}" for kind, count in kinds.items())
    print(f"a workspace and a report for project {project}: {len(chosen)} sections, {len(panels)} panels ({counts})")
    width = max(len(section.name) for section in chosen)
    for section in chosen:
        count = len(section.panels)
        print(f"  {section.name:<{width}}  {count:>3} panel{'s' if count > 1 else ' '}  {section.about}")
    if missing:
        print(f"left out, as these runs did not log them: {', '.join(missing)}")


def _save(chosen: Sequence[Section], entity: str | None, project: str, written: str) -> None:
    """Save both in W&B and print their addresses. Login and network are checked first: wandb must not prompt or hang."""
    import wandb  # 1 s, only needed here

    from bows.tracking.wandb_mode import has_key, reachable, requested_mode, server

    mode, source = requested_mode(None)
    if mode in ("offline", "disabled"):
        raise SettingError(f"--save: {source} forbids it; unset it to save; {written}")
    url = server()
    if not has_key():
        raise SettingError(f"--save needs a login at {url}: set WANDB_API_KEY or run `wandb login`; {written}")
    if not reachable(url):
        raise DataError(f"--save: {url} cannot be reached; try again with a network; {written}")
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
    except Exception as error:  # the library raises errors of its transport, of the server's answer and of its parser
        reason = " ".join(str(error).split()) or type(error).__name__
        raise DataError(
            f"--save: W&B refused ({reason[:300]}); check --entity, --project and the login; {written}"
        ) from error
