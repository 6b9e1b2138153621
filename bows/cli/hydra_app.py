"""What every Hydra command shares: settings are checked before anything is made, and expected errors end in one line."""

import logging
import os
import re
import sys
from argparse import Namespace
from collections.abc import Callable
from functools import wraps
from typing import Any, NoReturn

import hydra
from hydra._internal.utils import get_args_parser
from hydra.errors import HydraException
from omegaconf import DictConfig

from bows.config.launchers import register_launchers
from bows.config.paths import CONF, default_outputs
from bows.errors import BowsError, DataError, SettingError, SweepError, cannot_write


def run(task: Callable[[DictConfig], Any], name: str) -> None:
    """Run `task` with the configuration `conf/<name>.yaml` and the command line, by Hydra.

    Exit codes: 0; 1 for a run that failed, or a sweep in which a job did; 2 for settings that cannot be met; 130 after Ctrl-C.
    """
    os.environ.setdefault("BOWS_OUTPUTS", str(default_outputs()))
    # Hydra then passes exceptions on as they are, and this function says them.
    os.environ["HYDRA_FULL_ERROR"] = "1"
    debug = any(word.replace(" ", "").lower() == "debug=true" for word in sys.argv[1:])
    # A log file that cannot be written is no reason for a traceback of its own.
    logging.raiseExceptions = debug
    register_launchers()
    arguments, rest = get_args_parser().parse_known_args()
    try:
        # What follows -m in the middle of a command line.
        arguments.overrides += [word for word in rest if not word.startswith("-")]
        if arguments.shell_completion and "COMP_LINE" in os.environ:
            # Hydra looks for settings after a script or a command, and knows nothing of modules run by -m.
            os.environ["COMP_LINE"] = re.sub(r"^\s*\S*python\S*\s+-m\s+", "", os.environ["COMP_LINE"])
        if not (arguments.help or arguments.hydra_help or arguments.shell_completion or arguments.info):
            _check(name, arguments)
        one_job = task if arguments.multirun else _ending_plainly(task, debug)
        command = hydra.main(version_base="1.3", config_path=str(CONF), config_name=name)(one_job)
        if arguments.multirun:
            _sweep(command, name, debug)
        else:
            command()
    except BowsError as error:
        if debug:
            raise
        fail(error)
    except OSError as error:
        # Hydra makes the run folder before any job begins.
        if debug or (reason := cannot_write(error)) is None:
            raise
        fail(DataError(f"outputs: {reason}; free space or permissions, or choose another folder with outputs=<folder>"))
    except HydraException as error:
        if debug:
            raise
        said = " ".join(str(error).split())
        if arguments.multirun:
            # Hydra reads what all jobs share before it has chosen the options they sweep over, which alone know the setting.
            said = said.replace("To append to your config use +", "In a sweep over its group write ++")
        fail(SettingError(said))
    except KeyboardInterrupt:
        if debug:
            raise
        print("interrupted", file=sys.stderr)
        sys.exit(130)


def _check(name: str, arguments: Namespace) -> None:
    """Refuse what is misspelt or out of range, before anything is made; put a resumed run's or sweep's own settings in."""
    # Imported here: --help and shell completion need no checks.
    from bows.cli.preflight import check_command_line, check_run, resumed
    from bows.cli.resume import gone_on, taken_up
    from bows.config.overrides import with_word_lists

    if any(word.startswith("hydra.job.name=train_ddp_process_") for word in arguments.overrides):
        return  # Lightning started this as a further process of one run, with the command line that the first has checked
    if arguments.cfg and arguments.multirun:
        raise SettingError(f"--cfg {arguments.cfg}: it prints the settings of one job; leave -m out")
    overrides = with_word_lists(arguments.overrides)
    if name == "train":
        overrides = taken_up(overrides) if arguments.multirun else resumed(overrides)
    check_command_line(name, overrides, multirun=arguments.multirun)
    own_folder = arguments.config_name or arguments.config_path or arguments.config_dir
    if name == "train" and arguments.multirun and not own_folder:
        overrides = gone_on(overrides)
    if overrides != arguments.overrides:
        sys.argv[1:] = [word for word in sys.argv[1:] if word not in arguments.overrides] + overrides
    if name == "analyze" and not arguments.multirun:
        check_run(overrides)


def _sweep(command: Callable[[], Any], name: str, debug: bool) -> None:
    """Hydra raises the first failed job's error once all jobs have ended; each has said its own by then."""
    try:
        command()
    except (HydraException, SweepError):
        raise
    except Exception as error:
        # A folder that cannot be written: a job would have said so of its own, as a DataError.
        if debug or (isinstance(error, OSError) and cannot_write(error)):
            raise
        line = str(error).splitlines()[0] if str(error) else type(error).__name__
        print(
            f"error: jobs of this sweep failed, the first by: {line} (each job's status.json and {name}.log say why)",
            file=sys.stderr,
        )
        sys.exit(1)


def _ending_plainly(task: Callable[[DictConfig], Any], debug: bool) -> Callable[[DictConfig], Any]:
    """The task of a single run: an expected error ends the process here, before Hydra adds lines of its own. In a sweep it must reach
    Hydra instead, so that the other jobs go on."""

    @wraps(task)
    def run_task(config: DictConfig) -> Any:
        try:
            return task(config)
        except BowsError as error:
            if debug:
                raise
            fail(error)

    return run_task


def fail(error: BowsError) -> NoReturn:
    """End the process with an error's one line and its exit code."""
    print(f"error: {error}", file=sys.stderr)
    sys.exit(error.exit_code)
