"""Run a Hydra command: check its settings before it writes anything, and end an expected error in one line."""

import gc
import logging
import os
import re
import string
import sys
from argparse import Namespace
from collections.abc import Callable
from typing import Any, NoReturn

import yaml
from hydra.errors import HydraException
from omegaconf import DictConfig

from bows.cli import ignore_broken_pipe
from bows.config.hydra_internals import do, hydra_command, parsed_arguments
from bows.config.launchers import register_launchers
from bows.config.paths import CONF, default_outputs
from bows.errors import BowsError, DataError, SettingError, SweepError, cannot_write

log = logging.getLogger(__name__)


def run(task: Callable[[DictConfig], Any], name: str) -> None:
    """Run `task` with the configuration `conf/<name>.yaml` and the command line.

    Exit codes: 0; 1 for a failed run, or a sweep with a failed job; 2 for settings that are not allowed; 130 after Ctrl-C.
    """
    gc.disable()  # until `imported`: while modules are imported nothing is garbage, and looking for it takes a fifth of the time
    try:
        ignore_broken_pipe(lambda: _run(task, name))
    finally:
        gc.enable()


def imported() -> None:
    """Collect garbage from here on, but not among the objects of modules, which live until the end. A job calls it after its imports."""
    gc.freeze()
    gc.enable()


def _run(task: Callable[[DictConfig], Any], name: str) -> None:
    arguments = parsed_arguments(sys.argv[1:])
    if arguments.help:
        print_help(name)
        return
    if not os.environ.get("BOWS_OUTPUTS"):
        os.environ["BOWS_OUTPUTS"] = str(default_outputs())
    debug = any(word.replace(" ", "").lower() == "debug=true" for word in arguments.overrides)
    # A log file that cannot be written is an error of its own, without a traceback by logging.
    logging.raiseExceptions = debug
    # Imported here: --help does not need it.
    from bows.sweep.launcher import SweepLauncher

    register_launchers(SweepLauncher)
    started: list[DictConfig] = []
    notes: list[str] = []

    def job(config: DictConfig) -> Any:
        """Run a single job. An expected error ends the process at once: Hydra would add lines of its own."""
        started.append(config)
        for note in notes:
            log.info("%s", note)
        try:
            return task(config)
        except BowsError as error:
            if debug:
                raise
            fail(error)
        except BrokenPipeError:
            from bows.console import discard_output  # start-up time: it imports rich

            discard_output()
            sys.exit(0)

    try:
        with hydra_command(arguments) as command:
            if arguments.shell_completion and "COMP_LINE" in os.environ:
                # Hydra looks for settings after a script or a command, and does not know modules run by -m.
                os.environ["COMP_LINE"] = re.sub(r"^\s*\S*python\S*\s+-m\s+", "", os.environ["COMP_LINE"])
            if not (arguments.hydra_help or arguments.shell_completion or arguments.info):
                notes += _use_checked_overrides(name, arguments)
            if arguments.multirun:
                for note in notes:
                    print(f"INFO {note}", file=sys.stderr)
                imported()
                _sweep(lambda: do(command, arguments, name, task), name, debug)
            else:
                do(command, arguments, name, job)
    except (BowsError, OSError, HydraException, KeyboardInterrupt, ValueError) as error:
        if isinstance(error, ValueError) and isinstance(error.__cause__, OSError) and not debug:
            error = error.__cause__  # of a log file, by logging
        if debug or isinstance(error, ValueError):
            raise
        if isinstance(error, KeyboardInterrupt):
            print("interrupted", file=sys.stderr)
            sys.exit(130)
        fail(_expected(error, name, arguments, bool(started)))


def print_help(name: str) -> None:
    """Print the text of `--help`. Hydra's own help would list every group of the configuration first, which takes a second."""
    content = yaml.safe_load((CONF / "hydra" / "help" / f"{name}.yaml").read_text(encoding="utf-8"))
    print(string.Template(content["template"]).substitute())


def _use_checked_overrides(name: str, arguments: Namespace) -> list[str]:
    """Check a command line before anything is written; a resumed run or sweep gets the overrides that its folder contains.

    Returns the lines for the log on settings that were chosen here.
    """
    # Imported here: --help and shell completion need no checks.
    from bows.cli.preflight import check_command_line, check_run, with_folder_of_vectors
    from bows.cli.resume import resume_from_folder, resume_if_interrupted
    from bows.cli.text_defaults import with_text_defaults
    from bows.config.overrides import normalized

    if any(word.startswith("hydra.job.name=train_ddp_process_") for word in arguments.overrides):
        return []  # Lightning started this process with the checked command line of the first
    if arguments.cfg and arguments.multirun:
        raise SettingError(f"--cfg {arguments.cfg}: it prints the settings of one job; leave -m out")
    overrides, notes = normalized(arguments.overrides), []
    if name == "train":
        overrides, notes = with_text_defaults(overrides)
        overrides = resume_from_folder(overrides, arguments.multirun)
    if name == "analyze":
        overrides = with_folder_of_vectors(overrides)
    check_command_line(name, overrides, multirun=arguments.multirun)
    own_folder = arguments.config_name or arguments.config_path or arguments.config_dir
    if name == "train" and arguments.multirun and not own_folder:
        overrides = resume_if_interrupted(overrides)
    if name == "analyze" and not arguments.multirun:
        check_run(overrides)
    if overrides != arguments.overrides:
        # Lightning starts the other processes of trainer=ddp with sys.argv.
        sys.argv[1:] = [word for word in sys.argv[1:] if word not in arguments.overrides] + overrides
    arguments.overrides = overrides
    return notes


def _sweep(command: Callable[[], Any], name: str, debug: bool) -> None:
    """Run a sweep. Hydra raises the first failed job's error when all jobs have ended; each job has logged its own by then."""
    try:
        command()
    except (HydraException, SweepError, BrokenPipeError):
        raise
    except Exception as error:
        # A folder that cannot be written: that of the sweep, since a job raises DataError for its own.
        cause = error.__cause__ if isinstance(error, ValueError) else error  # of a log file, by logging
        if debug or (isinstance(cause, OSError) and cannot_write(cause)):
            raise
        line = str(error).splitlines()[0] if str(error) else type(error).__name__
        print(
            f"error: jobs of this sweep failed, the first by: {line}; see status.json and {name}.log of each job",
            file=sys.stderr,
        )
        sys.exit(1)


def _expected(error: BaseException, name: str, arguments: Namespace, started: bool) -> BowsError:
    """Return an error of bows, of the file system or of Hydra as one with one line; raise it where it is not expected."""
    if isinstance(error, OSError):
        given = {word.partition("=")[0]: word for word in arguments.overrides}
        folders = [given[name] for name in ("hydra.run.dir", "hydra.sweep.dir", "run", "outputs") if name in given]
        reason = cannot_write(error, f"a file in {[*folders, os.environ['BOWS_OUTPUTS']][0]}")
        if reason is None:
            if started or arguments.multirun or error.filename is None:
                raise error
            reason = f"{error.filename} cannot be made ({error.strerror})"
        if "resume" in given:
            return DataError(
                f"{given['resume']}: {reason}; free space or permissions, or copy the run to another folder"
            )
        setting = "hydra.run.dir" if name == "analyze" else "outputs"
        return DataError(
            f"outputs: {reason}; free space or permissions, or choose another folder with {setting}=<folder>"
        )
    if isinstance(error, HydraException):
        text = " ".join(str(error).split())
        if arguments.multirun:
            # Hydra reads what all jobs share before it has chosen the options they sweep over, which alone know the setting.
            text = text.replace("To append to your config use +", "In a sweep over its group write ++")
        return SettingError(text)
    assert isinstance(error, BowsError)
    return error


def fail(error: BowsError) -> NoReturn:
    """End the process with an error's one line and its exit code."""
    print(f"error: {error}", file=sys.stderr)
    sys.exit(error.exit_code)
