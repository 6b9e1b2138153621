"""Resolve a composed configuration to plain values, and call what the `_target_` of a node names."""

import inspect
import pkgutil
from collections.abc import Iterator
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from bows.errors import SettingError


def plain(config: DictConfig) -> dict[str, Any]:
    """Return a composed configuration as plain values, every interpolation resolved, without Hydra's own node."""
    try:
        return {
            str(key): OmegaConf.to_container(value, resolve=True) if OmegaConf.is_config(value) else value
            for key, value in (
                (key, "???" if OmegaConf.is_missing(config, key) else config[key]) for key in config if key != "hydra"
            )
        }
    except OmegaConfBaseException as error:
        raise SettingError(f"the settings do not resolve: {str(error).splitlines()[0]}") from error


def dotted(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the dotted name of every setting and group of settings, with its value."""
    if isinstance(value, dict):
        for key, inner in value.items():
            name = f"{path}.{key}" if path else str(key)
            yield name, inner
            yield from dotted(inner, name)


def target_of(node: dict[str, Any], name: str = "") -> Any:
    """Import the class or function that a node's `_target_` names; raise SettingError, with the node's name, where that fails."""
    target = str(node.get("_target_"))
    try:
        return pkgutil.resolve_name(target)  # Hydra's get_object also logs the error
    except Exception as error:  # whatever importing a user's module raises, the setting is wrong
        raise SettingError(f"{name}._target_={target}: cannot be imported ({error})".lstrip(".")) from error


def trait(node: dict[str, Any], name: str, default: Any = False) -> Any:
    """Return an attribute of a node's target: of a class or its bases, or of a function (`bows.setting_types.with_traits`).

    `default` where the target cannot be imported: a stored configuration may name a class that is gone.
    """
    try:
        return getattr(target_of(node), name, default)
    except SettingError:
        return default


def trains_on_pairs(node: dict[str, Any]) -> bool:
    """Return whether a node of data is pairs of items, or a node of a model trains on them; else it is of bags of words."""
    return trait(node, "trains_on", "bags") == "pairs"


def instantiate_plain(node: dict[str, Any], **extra: Any) -> Any:
    """Call a node's target with the node's keys as arguments; nodes inside it that have a `_target_` are called first.

    `name`, which every data node has for the run's name, is left out where the target has no such parameter.
    """
    target = target_of(node)
    arguments = {
        key: instantiate_plain(value) if isinstance(value, dict) and "_target_" in value else value
        for key, value in node.items()
        if key != "_target_"
    }
    parameters = inspect.signature(target).parameters
    if "name" not in parameters and not any(each.kind is each.VAR_KEYWORD for each in parameters.values()):
        arguments.pop("name", None)
    return target(**arguments, **extra)
