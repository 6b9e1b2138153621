"""The private names of Hydra that bows uses, in one place. tests/config/test_hydra_internals.py fails where a new Hydra changes one.

`hydra.main` alone would not do: it composes a command line twice before a job begins, and the check of the command line would once more
(0.15 s each); and it reads `sys.argv` itself, where a resumed run has another command line.
"""

import argparse
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from hydra import compose, initialize_config_dir, version
from hydra._internal.config_loader_impl import ConfigLoaderImpl, get_overrides_dirname
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra._internal.hydra import Hydra
from hydra._internal.utils import create_automatic_config_search_path, get_args_parser
from hydra.core.config_search_path import SearchPathQuery
from hydra.core.global_hydra import GlobalHydra
from hydra.types import RunMode, TaskFunction
from omegaconf import DictConfig

from bows.config.paths import CONF
from bows.errors import SettingError

__all__ = ["PLAIN_SWEEPER", "BasicSweeper", "ConfigLoaderImpl", "get_overrides_dirname"]

# The sweeper that asks for all jobs of a grid at once, as it is composed by default.
PLAIN_SWEEPER = {
    "_target_": f"{BasicSweeper.__module__}.{BasicSweeper.__name__}",
    "max_batch_size": None,
    "params": None,
}


def parsed_arguments(words: Sequence[str]) -> argparse.Namespace:
    """Parse a command line: Hydra's flags, and the overrides in any place among them."""
    return get_args_parser().parse_intermixed_args(list(words))


@contextmanager
def hydra_command(arguments: argparse.Namespace) -> Iterator[Hydra]:
    """Make this process's Hydra, with the folders of configuration that a command line names, which composes each command line once.

    Args:
        arguments: `parsed_arguments`.
    """
    version.setbase("1.3")
    path = create_automatic_config_search_path(None, None, os.path.abspath(arguments.config_path or CONF))
    if arguments.config_dir is not None:
        if not os.path.isdir(arguments.config_dir):
            raise SettingError(f"--config-dir {arguments.config_dir}: there is no such folder")
        folder = f"file://{os.path.abspath(arguments.config_dir)}"
        path.prepend(provider="command-line", path=folder, anchor=SearchPathQuery(provider="schema"))
    command = Hydra.create_main_hydra2(task_name="bows", config_search_path=path)
    _compose_once(command.config_loader)
    try:
        yield command
    finally:
        GlobalHydra.instance().clear()


def do(command: Hydra, arguments: argparse.Namespace, name: str, task: TaskFunction) -> None:
    """Do what a command line asks for: run, sweep, print the configuration, or complete words for a shell.

    Args:
        command: From `hydra_command`.
        arguments: `parsed_arguments`, with the overrides to use.
        name: Of the configuration file.
        task: What a job does.
    """
    name, overrides = arguments.config_name or name, list(arguments.overrides)
    if arguments.hydra_help:
        command.hydra_help(name, get_args_parser(), arguments)
    elif arguments.cfg:
        command.show_cfg(name, overrides, arguments.cfg, arguments.package, arguments.resolve)
    elif arguments.shell_completion:
        command.shell_completion(name, overrides)
    elif arguments.info:
        command.show_info(arguments.info, name, overrides)
    elif arguments.multirun:
        command.multirun(name, task, [*overrides, "hydra.mode=MULTIRUN"])
    else:
        command.run(name, task, overrides)


def composed(name: str, overrides: Sequence[str]) -> DictConfig:
    """Compose `conf/<name>.yaml`, by this process's Hydra where there is one. Hydra's own node is part of the result."""
    if GlobalHydra.instance().is_initialized():
        return compose(name, list(overrides), return_hydra_config=True)
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return compose(name, list(overrides), return_hydra_config=True)


def _compose_once(loader: Any) -> None:
    load, known = loader.load_configuration, {}

    def load_configuration(config_name: str, overrides: list[str], run_mode: RunMode, **options: Any) -> DictConfig:
        key = (config_name, tuple(overrides), run_mode)
        if key not in known:
            known[key] = load(config_name, overrides, run_mode, **options)
        return known[key]

    loader.load_configuration = load_configuration
