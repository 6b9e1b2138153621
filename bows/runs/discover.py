"""The jobs of a sweep, from the folders they left: what each was asked, how it ended, what it measured."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from bows.config.identity import with_current_targets
from bows.errors import DataError, SettingError
from bows.files import read_json

# YAML by libyaml takes 2 ms a configuration, by Python alone 50.
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
# Folders that hold no runs, however deep.
NOT_RUNS = {"corpora", "reports", "figures", "checkpoints", "analysis", "wandb", "tensorboard"}


@dataclass
class FoundJob:
    """What a folder tells of one job, run or not; or a sweep's list of jobs that cannot be read."""

    folder: Path
    state: str
    """completed, failed or running; missing where it was asked for and never began; damaged where status.json cannot be read."""
    error: str = ""
    """Why it failed, or what its folder lacks."""
    config: dict[str, Any] | None = None
    """Its settings as stored, interpolations unresolved; None where there are none to read."""
    choices: dict[str, Any] = field(default_factory=dict)
    """Config group -> option."""
    overrides: list[str] = field(default_factory=list)
    """Its command line."""
    status: dict[str, Any] = field(default_factory=dict)
    summary: dict[str, float] = field(default_factory=dict)
    """Metric -> number."""


def is_run(folder: Path) -> bool:
    """Whether a folder is that of a run, begun at least."""
    return (folder / "status.json").is_file() or (folder / ".hydra" / "config.yaml").is_file()


def is_sweep(folder: Path) -> bool:
    """Whether a folder is that of a sweep, begun at least."""
    return (folder / LIST).is_file() or (folder / "multirun.yaml").is_file()


def holds_jobs(folder: Path) -> bool:
    """Whether a folder is a sweep, or holds runs or sweeps at any depth, and is no run itself."""
    if not folder.is_dir() or is_run(folder):
        return False
    return is_sweep(folder) or any(is_run(path) or holds_jobs(path) for path in _subfolders(folder))


def find_jobs(folders: Sequence[Path | str]) -> list[FoundJob]:
    """All jobs in run folders, sweep folders and folders of those at any depth, each once.

    Raises:
        SettingError: for a folder that does not exist, or in which no job lies.
    """
    found: dict[Path, FoundJob] = {}
    for folder in map(Path, folders):
        if not folder.is_dir():
            raise SettingError(
                f"{folder}: there is no such folder; give sweep folders, as outputs/sweeps/<date>/<time>"
            )
        jobs = list(_walk(folder))
        if not jobs:
            begun = " yet" if is_sweep(folder) else ""
            raise SettingError(
                f"{folder}: no job lies in it{begun}; give a sweep folder, as outputs/sweeps/<date>/<time>, or run folders"
            )
        for job in jobs:
            found.setdefault(job.folder.resolve(), job)
    return list(found.values())


def _walk(folder: Path) -> Iterator[FoundJob]:
    try:
        yield from _inside(folder)
    except PermissionError as error:
        yield FoundJob(folder, "damaged", f"it cannot be read: {error.strerror}")


def _inside(folder: Path) -> Iterator[FoundJob]:
    if is_run(folder):
        yield read_job(folder)
        return
    asked, problem = _asked_jobs(folder)
    if problem:
        yield FoundJob(folder / LIST, "damaged", f"{problem}; jobs that never began are not known")
    names = {path.name for path in _subfolders(folder)} | set(asked)
    for name in sorted(names, key=_natural):
        if name not in asked:
            yield from _walk(folder / name)
        elif is_run(folder / name):
            yield read_job(folder / name, asked[name])
        else:
            yield FoundJob(folder / name, "missing", "it never began", overrides=asked[name])


def _subfolders(folder: Path) -> list[Path]:
    return [
        path
        for path in folder.iterdir()
        if path.name not in NOT_RUNS and not path.name.startswith(".") and path.is_dir() and not path.is_symlink()
    ]


def _natural(name: str) -> tuple[int, int, str]:
    """Jobs in the order of their numbers: 2 before 10."""
    return (0, int(name), name) if name.isdecimal() else (1, 0, name)


def _asked_jobs(folder: Path) -> tuple[dict[str, list[str]], str]:
    """Folder name -> command line of every job that was asked of a sweep; and what is wrong with its list."""
    try:
        jobs = {job["folder"]: [str(word) for word in job["overrides"]] for job in listed(folder)}
    except DataError as error:
        return {}, str(error)
    if foreign := [name for name in jobs if Path(name).name != name]:
        return (
            {},
            f"{folder / LIST}: {foreign[0]!r} is no name of a folder in it; move it away: the jobs' own folders say what was done",
        )
    return jobs, ""


def read_job(folder: Path, asked: Sequence[str] = ()) -> FoundJob:
    """What a run folder tells, however little; `asked` is its command line where the folder does not tell it."""
    status, problem = _json(folder / "status.json")
    problems = []
    if status is None:
        state = "missing" if problem.endswith("missing") else "damaged"
        status = {}
        problems.append("it has not begun: no status.json" if state == "missing" else problem)
    else:
        state = str(status.get("state", "damaged"))
        problems += [str(status["error"])] if status.get("error") else []
    summary, problem = _json(folder / "summary.json")
    if summary is None and not (problem.endswith("missing") and state != "completed"):
        problems.append(problem)
    config, problem = _yaml(folder / ".hydra" / "config.yaml", dict)
    if problem:
        problems.append(f".hydra/{problem}")
    hydra, _ = _yaml(folder / ".hydra" / "hydra.yaml", dict)
    overrides, _ = _yaml(folder / ".hydra" / "overrides.yaml", list)
    return FoundJob(
        folder=folder,
        state=state,
        error="; ".join(problems),
        config=None if config is None else with_current_targets(config),
        choices=_choices(hydra),
        overrides=list(asked) if overrides is None else [str(word) for word in overrides],
        status=status,
        summary={name: float(value) for name, value in (summary or {}).items() if _is_number(value)},
    )


def _is_number(value: Any) -> bool:
    """Whether a value is a finite number that fits a column of numbers."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300


def _choices(hydra: Any) -> dict[str, Any]:
    try:
        choices = hydra["hydra"]["runtime"]["choices"]
        return {group: option for group, option in choices.items() if not group.startswith("hydra/")}
    except (KeyError, TypeError, AttributeError):
        return {}


def _json(file: Path) -> tuple[dict[str, Any] | None, str]:
    """The object in a file, or None and why."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None, f"{file.name} is missing"
    except (OSError, ValueError, RecursionError):  # the last of brackets within brackets
        return None, f"{file.name} is damaged: it is not JSON"
    return (content, "") if isinstance(content, dict) else (None, f"{file.name} is damaged: it is no table")


def _yaml(file: Path, kind: type) -> tuple[Any, str]:
    """What stands in a file, or None and why."""
    try:
        content = yaml.load(file.read_text(encoding="utf-8"), LOADER)
    except FileNotFoundError:
        return None, f"{file.name} is missing"
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return None, f"{file.name} is damaged: it is not YAML"
    return (content, "") if isinstance(content, kind) else (None, f"{file.name} is damaged: it holds no settings")


LIST = "jobs.json"


def listed(sweep: Path) -> list[dict[str, Any]]:
    """The jobs of jobs.json; none where there is no such file.

    Raises:
        DataError: where it cannot be read, or holds something else.
    """
    path = sweep / LIST
    if not path.is_file():
        return []
    remedy = "move it away: the jobs' own folders say what was done"
    try:
        content: Any = read_json(path)
    except DataError as error:
        raise DataError(f"{error}; {remedy}") from None
    jobs = content.get("jobs") if isinstance(content, dict) else None
    wanted = {"folder": str, "overrides": list, "config": str}
    if not isinstance(jobs, list) or not all(
        isinstance(job, dict) and all(isinstance(job.get(name), kind) for name, kind in wanted.items()) for job in jobs
    ):
        raise DataError(f"{path}: it is no list of jobs of this version of bows; {remedy}")
    return jobs
