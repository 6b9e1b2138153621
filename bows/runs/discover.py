"""The jobs of a sweep, from the folders they left: what each was asked, how it ended, what it measured."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from bows.errors import DataError, SettingError
from bows.files import read_json
from bows.runs.folder import RunFolder, read_run

# Folders that hold no runs, however deep.
NOT_RUNS = {"corpora", "reports", "figures", "checkpoints", "analysis", "wandb", "tensorboard"}


# Present names are RunFolder and read_run; these are left until every caller has moved.
FoundJob, read_job = RunFolder, read_run


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


def find_jobs(folders: Sequence[Path | str]) -> list[RunFolder]:
    """All jobs in run folders, sweep folders and folders of those at any depth, each once.

    Raises:
        SettingError: for a folder that does not exist, or in which no job lies.
    """
    found: dict[Path, RunFolder] = {}
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


def _walk(folder: Path) -> Iterator[RunFolder]:
    try:
        yield from _inside(folder)
    except PermissionError as error:
        yield RunFolder(folder, "damaged", problems=[f"it cannot be read: {error.strerror}"])


def _inside(folder: Path) -> Iterator[RunFolder]:
    if is_run(folder):
        yield read_run(folder)
        return
    asked, problem = _asked_jobs(folder)
    if problem:
        yield RunFolder(folder / LIST, "damaged", problems=[f"{problem}; jobs that never began are not known"])
    names = {path.name for path in _subfolders(folder)} | set(asked)
    for name in sorted(names, key=_natural):
        if name not in asked:
            yield from _walk(folder / name)
        elif is_run(folder / name):
            yield read_run(folder / name, asked[name])
        else:
            yield RunFolder(folder / name, overrides=asked[name], problems=["it never began"])


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
