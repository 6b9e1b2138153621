"""Resolve a composed configuration to plain values, and build what its nodes name."""

from typing import Any

from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from bows.errors import SettingError


def plain(config: DictConfig) -> dict[str, Any]:
    """A configuration as a plain mapping with every interpolation resolved; without Hydra's own settings, where they are in it."""
    try:
        return {
            str(key): OmegaConf.to_container(value, resolve=True) if OmegaConf.is_config(value) else value
            for key, value in ((key, config[key]) for key in config if key != "hydra")
        }
    except OmegaConfBaseException as error:
        raise SettingError(f"the settings do not resolve: {str(error).splitlines()[0]}") from error


def instantiate_plain(node: dict[str, Any], **extra: Any) -> Any:
    """A node's `_target_` called with the node's keys as plain arguments."""
    return instantiate(node, _convert_="all", **extra)
