"""What every Hydra command shares: settings are checked before anything is made, and expected errors end in one line."""

import os
import sys
from collections.abc import Callable
from functools import wraps
from typing import Any, NoReturn

from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from bows.errors import BowsError, SettingError
from bows.places import CONF, default_outputs


def run(task: Callable[[DictConfig], Any], name: str) -> None:
    """Run `task` with the configuration `conf/<name>.yaml` and the command line, by Hydra. Exits with code 0, 1, 2 or 130."""
    os.environ.setdefault("BOWS_OUTPUTS", str(default_outputs()))
    # Hydra then passes exceptions on as they are, and this function says them.
    os.environ["HYDRA_FULL_ERROR"] = "1"
    debug = any(word.replace(" ", "").lower() == "debug=true" for word in sys.argv[1:])
    try:
        import hydra
        from hydra._internal.utils import get_args_parser

        arguments, _ = get_args_parser().parse_known_args()
        asks_only = arguments.help or arguments.hydra_help or arguments.shell_completion or arguments.info
        if not asks_only:
            # Imported here: --help and shell completion need no checks.
            from bows.overrides import check_command_line, resumed

            if name == "train":
                given = arguments.overrides
                arguments.overrides = resumed(given)
                sys.argv[1:] = [word for word in sys.argv[1:] if word not in given] + arguments.overrides
            check_command_line(name, arguments.overrides, multirun=arguments.multirun)
        one_job = task if arguments.multirun else _ending_plainly(task, debug)
        hydra.main(version_base="1.3", config_path=str(CONF), config_name=name)(one_job)()
    except BowsError as error:
        if debug:
            raise
        fail(error)
    except HydraException as error:
        if debug:
            raise
        fail(SettingError(" ".join(str(error).split())))
    except KeyboardInterrupt:
        if debug:
            raise
        print("interrupted", file=sys.stderr)
        sys.exit(130)


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


def plain(config: DictConfig) -> dict[str, Any]:
    """A configuration as a plain mapping with every interpolation resolved."""
    try:
        resolved = OmegaConf.to_container(config, resolve=True)
    except OmegaConfBaseException as error:
        raise SettingError(f"the settings do not resolve: {str(error).splitlines()[0]}") from error
    assert isinstance(resolved, dict)
    return {str(key): value for key, value in resolved.items()}
