"""Find the runs in run folders, sweep folders, and folders of those."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from bows.errors import DataError, SettingError
from bows.files import read_json
from bows.runs.folder import RunFolder, read_run

# The list of a sweep's jobs.
LIST = "jobs.json"
# Folders that contain no runs at any depth.
NOT_RUNS = {"corpora", "reports", "figures", "checkpoints", "analysis", "wandb", "tensorboard"}


def is_run(folder: Path) -> bool:
    """Return whether a folder is a run folder, at least started."""
    return (folder / "status.json").is_file() or (folder / ".hydra" / "config.yaml").is_file()


def is_sweep(folder: Path) -> bool:
    """Return whether a folder is a sweep folder, at least started."""
    return (folder / LIST).is_file() or (folder / "multirun.yaml").is_file()


def holds_jobs(folder: Path) -> bool:
    """Return whether a folder is a sweep, or contains runs or sweeps at any depth, and is not itself a run."""
    if not folder.is_dir() or is_run(folder):
        return False
    return is_sweep(folder) or any(is_run(path) or holds_jobs(path) for path in _subfolders(folder))


def find_jobs(folders: Sequence[Path | str]) -> list[RunFolder]:
    """Return all jobs in run folders, sweep folders and folders of those at any depth, each once; SettingError where one has none."""
    found: dict[Path, RunFolder] = {}
    for folder in map(Path, folders):
        if not folder.is_dir():
            raise SettingError(
                f"{folder}: there is no such folder; give sweep folders, such as outputs/sweeps/<date>/<time>"
            )
        jobs = list(_walk(folder))
        if not jobs:
            yet = " yet" if is_sweep(folder) else ""
            raise SettingError(
                f"{folder}: it contains no run{yet}; give a sweep folder, such as outputs/sweeps/<date>/<time>, or run folders"
            )
        for job in jobs:
            found.setdefault(job.folder.resolve(), job)
    return list(found.values())


def _walk(folder: Path) -> Iterator[RunFolder]:
    try:
        yield from _inside(folder)
    except PermissionError as error:
        yield RunFolder(folder, "damaged", problems=[f"it cannot be read ({error.strerror})"])


def _inside(folder: Path) -> Iterator[RunFolder]:
    if is_run(folder):
        yield read_run(folder)
        return
    asked = {}
    try:
        asked = {job["folder"]: [str(word) for word in job["overrides"]] for job in listed(folder)}
    except DataError as error:
        yield RunFolder(folder / LIST, "damaged", problems=[f"{error}; jobs that never started are not known"])
    names = {path.name for path in _subfolders(folder)} | set(asked)
    for name in sorted(names, key=_natural):
        if name not in asked:
            yield from _walk(folder / name)
        elif is_run(folder / name):
            yield read_run(folder / name, asked[name])
        else:
            yield RunFolder(folder / name, overrides=asked[name], problems=["it never started"])


def _subfolders(folder: Path) -> list[Path]:
    return [
        path
        for path in folder.iterdir()
        if path.name not in NOT_RUNS and not path.name.startswith(".") and path.is_dir() and not path.is_symlink()
    ]


def _natural(name: str) -> tuple[int, int, str]:
    """Sort jobs by their numbers: 2, 2-1f2a9c04, 10."""
    number = name.partition("-")[0]
    return (0, int(number), name) if number.isdecimal() else (1, 0, name)


def listed(sweep: Path) -> list[dict[str, Any]]:
    """Return the jobs in a sweep's jobs.json, each with `folder`, `overrides` and `config`; none where there is no such file."""
    return read_list(sweep)["jobs"] if (sweep / LIST).is_file() else []


def read_list(sweep: Path) -> dict[str, Any]:
    """Return the content of a sweep's jobs.json: how it was launched, and its jobs; DataError where it is missing or damaged."""
    path = sweep / LIST
    try:
        content = read_json(path)
        jobs = content.get("jobs")
        wanted = {"folder": str, "overrides": list, "config": str}
        if not isinstance(jobs, list) or not all(
            isinstance(job, dict) and all(isinstance(job.get(name), kind) for name, kind in wanted.items())
            for job in jobs
        ):
            raise DataError(f"{path} is damaged: it is not a list of jobs of this version of bows")
        if foreign := [job["folder"] for job in jobs if Path(job["folder"]).name != job["folder"]]:
            raise DataError(f"{path} is damaged: {foreign[0]!r} is not the name of a folder in it")
    except DataError as error:
        raise DataError(f"{error}; move it away: the jobs' own folders tell what was done") from None
    return content
