"""Resume a run or a sweep: by the folder that resume= names, or a sweep by the same command given again.

These functions turn one command line into another, before Hydra composes it. `bows.sweep.plan` decides which jobs of a sweep are left.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from bows.cli.preflight import composed_sample
from bows.config.hydra_internals import PLAIN_SWEEPER, composed
from bows.config.identity import in_current_form, is_of_the_result
from bows.config.overrides import parse, quoted
from bows.config.resolve import dotted, plain
from bows.errors import DataError, SettingError
from bows.runs.discover import LIST, is_sweep, listed, read_list
from bows.runs.lock import is_locked, lock_runs
from bows.runs.readers import read_yaml
from bows.sweep.plan import progress

# Settings that may be changed when a run is resumed: they do not change what it trains.
MAY_CHANGE_ON_RESUME = ("logger", "debug", "open", "outputs", "trainer", "hydra")
# Settings of Hydra that a sweep keeps when it is resumed by its folder.
FIXED = ("hydra.sweep.", "hydra.sweeper.", "hydra/sweeper")


def resume_from_folder(words: Sequence[str], multirun: bool = False) -> list[str]:
    """Replace resume=<folder> in a command line by the command that the folder contains; return other command lines as they are.

    A run keeps its settings except MAY_CHANGE_ON_RESUME. A sweep keeps those that change a result; others that are given replace the
    stored ones.

    Raises:
        SettingError: The folder is not one of a run, or of a sweep with `multirun`; or a setting is given that would change the result.
        DataError: The folder's jobs.json cannot be read.
    """
    overrides = parse(words)
    chosen = [override for override in overrides if override.key_or_group == "resume"]
    if not chosen or not (chosen[-1].is_sweep_override() or chosen[-1].value() is not None):
        return list(words)
    if multirun:
        return _resume_sweep(overrides, chosen)
    return _resume_run(overrides, Path(str(chosen[-1].value())))


def _resume_run(overrides: Sequence[Override], folder: Path) -> list[str]:
    if is_sweep(folder):
        raise SettingError(f"resume={folder}: this is the folder of a sweep; add -m")
    stored = folder / ".hydra" / "overrides.yaml"
    if not folder.is_dir():
        raise SettingError(f"resume={folder}: there is no such folder; give one of outputs/runs")
    if not stored.is_file():
        raise SettingError(
            f"resume={folder}: this is not a run folder (it has no .hydra/overrides.yaml); give one of outputs/runs"
        )
    with lock_runs([folder]):
        pass  # refused here where another process trains the run, or where its folder cannot be written
    given = [override for override in overrides if override.key_or_group != "resume"]
    for override in given:
        if override.key_or_group.split(".")[0].split("/")[0] not in MAY_CHANGE_ON_RESUME:
            raise SettingError(
                f"{override.input_line}: a resumed run keeps its own settings; leave this out, or start a new run without resume"
            )
    try:
        words = [str(word) for word in read_yaml(stored, list)]
        config = read_yaml(folder / ".hydra" / "config.yaml", dict)
    except DataError as error:
        raise SettingError(f"resume={folder}: {error}; copy the run again, or start a new run") from None
    own = [word for word in words if not word.startswith(("resume=", "hydra.run.dir="))]
    _refuse_changed_defaults(folder, _dotted_settings(config), own)
    return [*own, *_lines(given), f"resume={quoted(folder)}", f"hydra.run.dir={quoted(folder)}"]


def _refuse_changed_defaults(folder: Path, stored: dict[str, Any], own: list[str]) -> None:
    """Raise SettingError where a run's command line now has other settings, since defaults of bows have changed."""
    try:
        now = _dotted_settings(OmegaConf.to_container(composed("train", own), resolve=False))
    except (HydraException, OmegaConfBaseException) as error:
        file, reason = folder / ".hydra" / "overrides.yaml", " ".join(str(error).split())
        raise SettingError(
            f"resume={folder}: {file} is damaged, or of another version of bows ({reason}); copy the run again, or start a new run"
        ) from None
    for key in sorted({*stored, *now}):
        if key.split(".")[0] not in {*MAY_CHANGE_ON_RESUME, "resume"} and stored.get(key) != now.get(key):
            made = f"was made with {key}={stored[key]}" if key in stored else f"has no {key}"
            value = "..." if isinstance(now.get(key), dict) else now.get(key)
            raise SettingError(
                f"resume={folder}: this run {made}, which its command line now sets to {value}: it is of another version of bows, or "
                f"{folder / '.hydra' / 'config.yaml'} or {folder / '.hydra' / 'overrides.yaml'} is damaged; resume it with that version, "
                "copy the run again, or start a new run"
            )


def _dotted_settings(config: Any) -> dict[str, Any]:
    content: Any = in_current_form(config)
    if isinstance(analysis := content.get("analysis"), dict):
        analysis.pop("words", None)
    return dict(dotted(content))


def _resume_sweep(overrides: Sequence[Override], chosen: Sequence[Override]) -> list[str]:
    if len(chosen) > 1 or chosen[0].is_sweep_override():
        raise SettingError("resume: several folders are given; give one")
    folder = Path(str(chosen[0].value()))
    if not folder.is_dir():
        raise SettingError(f"resume={folder}: there is no such folder; give one of outputs/sweeps")
    if not (folder / LIST).is_file():
        if (folder / ".hydra" / "overrides.yaml").is_file():
            raise SettingError(f"resume={folder}: this is the folder of one run; leave -m out")
        raise SettingError(
            f"resume={folder}: this is not the folder of a sweep (it has no {LIST}); give one of outputs/sweeps"
        )
    stored = _stored_command(folder)
    given = [override for override in overrides if override is not chosen[0]]
    for override in given:
        if override.input_line not in [*stored["command"], *stored["launching"]] and not _may_change(override):
            raise SettingError(
                f"{override.input_line}: this is not in the command stored in {folder / LIST}; leave it out, or, for a wider grid, give "
                f"the whole command with hydra.sweep.dir={folder}"
            )
    changed = {override.key_or_group for override in given}
    launcher = "hydra/launcher" in changed  # another engine has other settings
    kept = [
        override
        for override in parse([*stored["command"], *stored["launching"]])
        if override.key_or_group not in changed
        and not (launcher and override.key_or_group.startswith("hydra.launcher."))
    ]
    return [*_lines(kept), *_lines(given), f"hydra.sweep.dir={quoted(folder)}"]


def resume_if_interrupted(words: Sequence[str]) -> list[str]:
    """Add to a sweep's command line the folder of an interrupted sweep with the same command, if there is one, and print it.

    That is the newest under <outputs>/sweeps that no process is writing into, if it has jobs that are not completed. A command line with
    hydra.sweep.dir=<folder> has chosen the folder itself; resume=null starts a new sweep.
    """
    overrides = parse(words)
    kept = [override for override in overrides if override.key_or_group != "resume"]
    if len(kept) < len(overrides) or any(override.key_or_group == "hydra.sweep.dir" for override in kept):
        return _lines(kept)
    sample = composed_sample("train", kept)
    sweeps = Path(str(sample.outputs)) / "sweeps"
    if Path(str(sample.hydra.sweep.dir)).parent.parent != sweeps or plain(sample.hydra.sweeper) != PLAIN_SWEEPER:
        return _lines(kept)
    folder = _newest_interrupted(sweeps, _of_the_result(kept))
    if folder is None:
        return _lines(kept)
    states = [progress(folder / job["folder"]) for job in listed(folder)]
    print(
        f"resuming {folder}: the same command was interrupted there, {states.count('completed')} of {len(states)} jobs completed; "
        "for a new sweep add resume=null",
        file=sys.stderr,
    )
    return [*_lines(kept), f"hydra.sweep.dir={quoted(folder)}"]


def _newest_interrupted(sweeps: Path, command: list[str]) -> Path | None:
    for path in sorted(sweeps.glob(f"*/*/{LIST}"), reverse=True):  # named by their time
        folder = path.parent
        try:
            stored, jobs = _stored_command(folder), listed(folder)
        except DataError:
            continue  # damaged: bows.collect names it
        plain_sweep = stored["sweeper"] == PLAIN_SWEEPER
        if plain_sweep and _of_the_result(parse(stored["command"])) == command and not is_locked(folder):
            # Where it is completed, it was so after any older one was interrupted.
            return folder if any(progress(folder / job["folder"]) != "completed" for job in jobs) else None
    return None


def _stored_command(folder: Path) -> dict[str, Any]:
    """Return the `command` of a sweep's last start, its `launching` overrides (of Hydra's launcher and sweeper), and its `sweeper`."""
    content = read_list(folder)
    if not isinstance(content.get("command"), list):
        raise DataError(
            f"{folder / LIST}: it has no command; give the whole command with hydra.sweep.dir={folder}, and move this file away"
        )
    # Earlier versions stored the command alone, of sweeps by any sweeper.
    older = {"launching": [], "sweeper": PLAIN_SWEEPER}
    return {**content, **{name: content.get(name) or value for name, value in older.items()}}


def _of_the_result(overrides: Sequence[Override]) -> list[str]:
    return _lines([each for each in overrides if not each.is_hydra_override() and is_of_the_result(each.key_or_group)])


def _may_change(override: Override) -> bool:
    if override.is_hydra_override():
        return not override.key_or_group.startswith(FIXED)
    simple = not (override.is_sweep_override() or override.is_delete())
    return simple and not is_of_the_result(override.key_or_group)


def _lines(overrides: Sequence[Override]) -> list[str]:
    return [override.input_line or "" for override in overrides]
