"""Stacks that an earlier start of a sweep began: which jobs are in each, so that the same ones go on from its checkpoint."""

from collections.abc import Sequence
from pathlib import Path

from bows.config.identity import config_key
from bows.errors import DataError
from bows.files import read_json, write_json
from bows.sweep.plan import Job

SCRATCH = ".stacks"
MEMBERS = "members.json"
LAST = "last.ckpt"  # as bows.training.callbacks.checkpoints has it, which takes seconds to import


def note_members(scratch: Path, folders: Sequence[str], keys: Sequence[str]) -> None:
    """Write into a stack's scratch folder which jobs it is of: their folders' names and their configurations' keys, in their order."""
    scratch.mkdir(parents=True, exist_ok=True)
    write_json(scratch / MEMBERS, {"folders": list(folders), "configs": list(keys)})


def has_checkpoint(scratch: Path) -> bool:
    """Whether a stack can go on from where it was."""
    return (scratch / "checkpoints" / LAST).is_file()


def begun_stacks(sweep: Path, jobs: Sequence[Job], asked: Sequence[int]) -> list[list[int]]:
    """Places of the jobs of each stack that can go on, in its own order: its checkpoint is there, all its jobs are in the sweep, none is
    being done elsewhere, and one at least is asked for. Jobs of it that are completed are among them: its checkpoint is of all together."""
    place_of = {job.folder: place for place, job in enumerate(jobs) if job.state != "double"}
    found: list[list[int]] = []
    taken: set[int] = set()
    for scratch in sorted((sweep / SCRATCH).glob("*")):
        if not has_checkpoint(scratch):
            continue
        try:
            noted = read_json(scratch / MEMBERS)
            folders, keys = noted["folders"], noted["configs"]
        except (DataError, KeyError):  # of an older version, or cut off
            continue
        places = [place_of[folder] for folder in folders if folder in place_of]
        if (
            len(places) == len(folders)
            and [config_key(jobs[place].config) for place in places] == keys
            and all(jobs[place].state != "running" for place in places)
            and any(place in asked for place in places)
            and taken.isdisjoint(places)
        ):
            found.append(places)
            taken |= set(places)
    return found
