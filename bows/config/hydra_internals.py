"""The private names of Hydra and OmegaConf that bows uses, in one place.

tests/config/test_hydra_internals.py fails where a new version changes one.

`hydra.main` alone would not do: it composes a command line twice before a job begins, and the check of the command line would once more
(0.15 s each); and it reads `sys.argv` itself, where a resumed run has another command line.
"""

import argparse
import os
import pickle
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from hydra import compose, initialize_config_dir, version
from hydra._internal.config_loader_impl import ConfigLoaderImpl, get_overrides_dirname
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra._internal.hydra import Hydra
from hydra._internal.utils import create_automatic_config_search_path, get_args_parser
from hydra.core import utils
from hydra.core.config_loader import ConfigLoader
from hydra.core.config_search_path import SearchPathQuery
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, OverrideType
from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher
from hydra.types import RunMode, TaskFunction
from omegaconf import DictConfig, OmegaConf, open_dict, read_write
from omegaconf._utils import get_omega_conf_dumper

from bows.config.paths import CONF
from bows.errors import SettingError
from bows.files import write_whole

# Hydra instantiates plugins by a name in this package alone; the class itself may be anywhere.
LAUNCHER = "hydra_plugins.bows.SweepLauncher"
# The sweeper that asks for all jobs of a grid at once, as it is composed by default.
PLAIN_SWEEPER = {
    "_target_": f"{BasicSweeper.__module__}.{BasicSweeper.__name__}",
    "max_batch_size": None,
    "params": None,
}


def _save_config(cfg: DictConfig, filename: str, output_dir: Path) -> None:
    """Write a file of `.hydra` whole or not at all: a run that is killed as it is resumed keeps its configuration."""
    output_dir.mkdir(parents=True, exist_ok=True)
    write_whole(output_dir / filename, OmegaConf.to_yaml(cfg))


utils._save_config = _save_config


def parsed_arguments(words: Sequence[str]) -> argparse.Namespace:
    """Parse a command line: Hydra's flags, and the overrides in any place among them."""
    return get_args_parser().parse_intermixed_args(list(words))


@contextmanager
def hydra_command(arguments: argparse.Namespace) -> Iterator[Hydra]:
    """Make this process's Hydra, with the folders of configuration that a command line names, which composes each command line once."""
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
    """Do what a command line asks for: run, sweep (`task` is what a job does), print the configuration, or complete words for a shell."""
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


def add_launcher(launcher: type[Launcher]) -> None:
    """Let Hydra instantiate `launcher` where `_target_` is LAUNCHER."""
    Plugins.instance().class_name_to_class[LAUNCHER] = launcher


def error_of(result: JobReturn) -> BaseException | None:
    """Return the error of a failed job, which its public `return_value` raises; None of a completed one."""
    return result._return_value if isinstance(result._return_value, BaseException) else None


def cache_compositions(loader: ConfigLoader) -> None:
    """Let a loader compose each job of a sweep once, and jobs with the same options of groups from one composition.

    A composition takes a sixth of a second, nearly all of it to find and read the files of the groups. The sweeper composes every job to
    check it, and the launcher to launch it; most jobs of a sweep differ in values alone, which are set in a copy.
    """
    assert isinstance(loader, ConfigLoaderImpl)
    compose = loader.load_sweep_config
    composed: dict[tuple[str, ...], DictConfig] = {}
    bases: dict[tuple[str, ...], bytes] = {}  # pickled: read back in a tenth of the time of a deep copy
    is_group = cache(loader.repository.group_exists)

    def load_sweep_config(master_config: DictConfig, sweep_overrides: list[str]) -> Any:
        key = tuple(sweep_overrides)
        if key not in composed:
            overrides = [_parsed(word) for word in key]
            groups = tuple(word for word, each in zip(key, overrides, strict=True) if is_group(each.key_or_group))
            if all(_changes_a_value(each) or is_group(each.key_or_group) for each in overrides):
                if groups not in bases:
                    bases[groups] = pickle.dumps(compose(master_config, list(groups)))
                values = [each for each in overrides if not is_group(each.key_or_group)]
                composed[key] = _with_values(bases[groups], values, overrides, master_config)
            else:
                composed[key] = compose(master_config, sweep_overrides)
        return composed[key]

    loader.load_sweep_config = load_sweep_config  # type: ignore[method-assign]


def uncache_compositions(loader: ConfigLoader) -> None:
    """Undo `cache_compositions`: a loader that is sent to another process must not carry the cache."""
    vars(loader).pop("load_sweep_config", None)


@cache
def _parsed(word: str) -> Override:
    return OverridesParser.create().parse_override(word)


def _changes_a_value(override: Override) -> bool:
    # An override that adds, deletes, or is Hydra's own is left to Hydra; but for the folder, which the launcher sets for every job.
    own = override.is_hydra_override() and override.key_or_group != "hydra.sweep.subdir"
    return override.type is OverrideType.CHANGE and override.package is None and not own


def _with_values(
    base: bytes, values: list[Override], overrides: Sequence[Override], master_config: DictConfig
) -> DictConfig:
    """Do what ConfigLoaderImpl does after it has merged the files."""
    config: DictConfig = pickle.loads(base)
    ConfigLoaderImpl._apply_overrides_to_config(values, config)
    asked = [override for override in overrides if not override.is_hydra_override()]
    of_hydra = [override.input_line for override in overrides if override.is_hydra_override()]
    config.hydra.overrides.task = [override.input_line for override in asked]
    config.hydra.overrides.hydra = [*master_config.hydra.overrides.hydra, *of_hydra]
    form = config.hydra.job.config.override_dirname
    config.hydra.job.override_dirname = get_overrides_dirname(
        asked, kv_sep=form.kv_sep, item_sep=form.item_sep, exclude_keys=form.exclude_keys
    )
    OmegaConf.copy_cache(from_config=master_config, to_config=config)
    return config


class _Dumper(getattr(yaml, "CDumper", yaml.Dumper)):  # pyright: ignore[reportGeneralTypeIssues]
    """OmegaConf's dumper, which quotes text that it would read as a number, over libyaml: ten times as fast."""


_Dumper.yaml_representers = get_omega_conf_dumper().yaml_representers


def as_yaml(value: Any) -> str:
    """Return plain values as YAML that OmegaConf reads as the same values."""
    return yaml.dump(value, default_flow_style=False, allow_unicode=True, sort_keys=False, Dumper=_Dumper)


def write_settings(folder: Path, composed: DictConfig, number: int) -> None:
    """Write .hydra/config.yaml, hydra.yaml and overrides.yaml of a job, as Hydra writes them for a job that it runs.

    `composed` is the job's configuration with the node hydra, whose entries of the job's `number` in the sweep and of its folder are set.
    """
    hydra = composed.hydra
    with read_write(hydra), open_dict(hydra):
        hydra.runtime.output_dir = str(folder.absolute())
        hydra.job.num, hydra.job.id = number, str(number)
        hydra.sweep.subdir = folder.name
        hydra.overrides.hydra = [*hydra.overrides.hydra, f"hydra.sweep.subdir='{folder.name}'"]
    place = folder / str(hydra.output_subdir)
    place.mkdir(parents=True, exist_ok=True)
    own: Any = OmegaConf.to_container(composed, resolve=False, enum_to_str=True)
    node = own.pop("hydra")
    for name, content in {"config": own, "hydra": {"hydra": node}, "overrides": node["overrides"]["task"]}.items():
        (place / f"{name}.yaml").write_text(as_yaml(content), encoding="utf-8")
