"""A sweep that is started again: by the same command, which finds the folder where it was broken off, or by naming that folder.

It works on command lines, before Hydra composes them. What is left to do of the sweep is for `bows.sweep.plan` to say.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from hydra.core.override_parser.types import Override

from bows.cli.preflight import composed_sample
from bows.config.identity import is_of_the_result
from bows.config.overrides import parse, quoted
from bows.errors import DataError, SettingError
from bows.files import read_json
from bows.runs.discover import LIST, listed
from bows.sweep.plan import LOCK, _sweeper, state_of

# Hydra's own sweeper, which alone asks for all its jobs at once and for the same ones each time.
PLAIN_SWEEPER = {"_target_": "hydra._internal.core_plugins.basic_sweeper.BasicSweeper", "max_batch_size": None, "params": None}  # fmt: skip
# What a sweep that is taken up by its folder keeps, whatever else of Hydra is given anew.
FIXED = ("hydra.sweep.", "hydra.sweeper.", "hydra/sweeper")


@dataclass
class Noted:
    """What a sweep's folder tells of its last start."""

    command: list[str]
    """Task overrides."""
    launching: list[str]
    """Overrides of Hydra's launcher and sweeper."""
    sweeper: dict[str, Any]


def taken_up(words: Sequence[str]) -> list[str]:
    """The command line of a sweep with resume=<sweep folder> becomes the one noted there, in that folder.

    Settings that change no result (how many threads, which logger, which launcher) may be given anew; they take the place of those noted.

    Raises:
        SettingError: where the folder is no sweep's, or a setting given besides is not of the noted command.
        DataError: where the folder's jobs.json cannot be read.
    """
    overrides = parse(words)
    chosen = [override for override in overrides if override.key_or_group == "resume"]
    if not chosen or not (chosen[-1].is_sweep_override() or chosen[-1].value() is not None):
        return list(words)
    if len(chosen) > 1 or chosen[0].is_sweep_override():
        raise SettingError("resume: a sweep goes on in one folder; give one")
    folder = Path(str(chosen[0].value()))
    if not (folder / LIST).is_file():
        if (folder / ".hydra" / "overrides.yaml").is_file():
            raise SettingError(f"resume={folder}: this is the folder of one run; leave -m out")
        raise SettingError(
            f"resume={folder}: this is not the folder of a sweep (it has no {LIST}); give one of outputs/sweeps"
        )
    noted = _noted(folder)
    given = [override for override in overrides if override is not chosen[0]]
    for override in given:
        if override.input_line not in [*noted.command, *noted.launching] and not _may_be_given_anew(override):
            raise SettingError(
                f"{override.input_line}: this is not of the command noted in {folder / LIST}; leave it out, or, for a wider grid, give "
                f"the whole command with hydra.sweep.dir={folder}"
            )
    anew = {override.key_or_group for override in given}
    launcher = "hydra/launcher" in anew  # another engine has other settings
    kept = [
        override
        for override in parse([*noted.command, *noted.launching])
        if override.key_or_group not in anew and not (launcher and override.key_or_group.startswith("hydra.launcher."))
    ]
    return [*_lines(kept), *_lines(given), f"hydra.sweep.dir={quoted(folder)}"]


def gone_on(words: Sequence[str]) -> list[str]:
    """The command line of a sweep, in the folder of an earlier start of the same command that was broken off, if there is one.

    It is the newest under <outputs>/sweeps that no process is writing into, where it has jobs that are not completed. One line on stderr
    says so. hydra.sweep.dir=<folder> chooses the folder itself; resume=null starts afresh.
    """
    overrides = parse(words)
    kept = [override for override in overrides if override.key_or_group != "resume"]
    if len(kept) < len(overrides) or any(override.key_or_group == "hydra.sweep.dir" for override in kept):
        return _lines(kept)
    composed = composed_sample("train", kept)
    sweeps = Path(str(composed.outputs)) / "sweeps"
    if Path(str(composed.hydra.sweep.dir)).parent.parent != sweeps or _sweeper(composed.hydra) != PLAIN_SWEEPER:
        return _lines(kept)
    folder = _broken_off(sweeps, _of_the_result(kept))
    if folder is None:
        return _lines(kept)
    states = [state_of(folder / job["folder"]) for job in listed(folder)]
    print(
        f"going on in {folder}, where this command was broken off with {states.count('completed')} of {len(states)} jobs completed; "
        "to start afresh add resume=null",
        file=sys.stderr,
    )
    return [*_lines(kept), f"hydra.sweep.dir={quoted(folder)}"]


def _broken_off(sweeps: Path, command: list[str]) -> Path | None:
    for path in sorted(sweeps.glob(f"*/*/{LIST}"), reverse=True):  # named by their time
        folder = path.parent
        try:
            noted, jobs = _noted(folder), listed(folder)
        except DataError:
            continue  # no business of this command, as far as can be told; bows.collect names it
        if noted.sweeper != PLAIN_SWEEPER or _of_the_result(parse(noted.command)) != command or _is_held(folder):
            continue
        if any(state_of(folder / job["folder"]) != "completed" for job in jobs):
            return folder
        return None  # it was done to its end since any older one was broken off
    return None


def _noted(folder: Path) -> Noted:
    content: Any = read_json(folder / LIST)
    command = content.get("command") if isinstance(content, dict) else None
    if not isinstance(command, list):
        raise DataError(
            f"{folder / LIST}: it notes no command; give the whole command with hydra.sweep.dir={folder}, and move this file away"
        )
    # Versions before this one noted the command alone, of sweeps by any sweeper.
    return Noted(command, content.get("launching") or [], content.get("sweeper") or PLAIN_SWEEPER)


def _of_the_result(overrides: Sequence[Override]) -> list[str]:
    return _lines([each for each in overrides if not each.is_hydra_override() and is_of_the_result(each.key_or_group)])


def _may_be_given_anew(override: Override) -> bool:
    if override.is_hydra_override():
        return not override.key_or_group.startswith(FIXED)
    plain = not (override.is_sweep_override() or override.is_delete())
    return plain and not is_of_the_result(override.key_or_group)


def _is_held(folder: Path) -> bool:
    if not (folder / LOCK).is_file():
        return False
    try:
        with FileLock(folder / LOCK, timeout=0):
            return False
    except (Timeout, OSError):  # a folder that cannot be written is none to go on in
        return True


def _lines(overrides: Sequence[Override]) -> list[str]:
    return [override.input_line or "" for override in overrides]
