"""Composing the configurations of a sweep's jobs: each once, and those with the same choices of groups from one composition."""

import pickle
from collections.abc import Sequence
from functools import cache
from typing import Any

from hydra._internal.config_loader_impl import ConfigLoaderImpl, get_overrides_dirname
from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, OverrideType
from omegaconf import DictConfig, OmegaConf


def remember_compositions(loader: ConfigLoader) -> None:
    """Let a loader compose each job of a sweep once, and hand out the same configuration again when asked again.

    A composition takes a sixth of a second, nearly all of it to find and read the files of the groups. The sweeper composes every job
    to check it and the launcher to launch it; and most jobs of a sweep choose the same groups and differ in values alone, which are set
    in a copy.
    """
    assert isinstance(loader, ConfigLoaderImpl)
    compose = loader.load_sweep_config
    known: dict[tuple[str, ...], DictConfig] = {}
    bases: dict[tuple[str, ...], bytes] = {}  # pickled: read back in a tenth of the time of a deep copy
    is_group = cache(loader.repository.group_exists)

    def load_sweep_config(master_config: DictConfig, sweep_overrides: list[str]) -> Any:
        key = tuple(sweep_overrides)
        if key not in known:
            overrides = [parsed(override) for override in key]
            groups = tuple(word for word, each in zip(key, overrides, strict=True) if is_group(each.key_or_group))
            if all(_changes_a_value(each) or is_group(each.key_or_group) for each in overrides):
                if groups not in bases:
                    bases[groups] = pickle.dumps(compose(master_config, list(groups)))
                values = [each for each in overrides if not is_group(each.key_or_group)]
                known[key] = _with_values(bases[groups], values, overrides, master_config)
            else:
                known[key] = compose(master_config, sweep_overrides)
        return known[key]

    loader.load_sweep_config = load_sweep_config  # type: ignore[method-assign]


@cache
def parsed(override: str) -> Override:
    """One word of a command line, as Hydra reads it."""
    return OverridesParser.create().parse_override(override)


def _changes_a_value(override: Override) -> bool:
    # Whatever adds, deletes, or is Hydra's own is left to Hydra.
    return override.type is OverrideType.CHANGE and override.package is None and not override.is_hydra_override()


def _with_values(
    base: bytes, values: list[Override], overrides: Sequence[Override], master_config: DictConfig
) -> DictConfig:
    """What Hydra's own composition does after it has merged the files (ConfigLoaderImpl)."""
    config: DictConfig = pickle.loads(base)
    ConfigLoaderImpl._apply_overrides_to_config(values, config)
    config.hydra.overrides.task = [override.input_line for override in overrides]
    form = config.hydra.job.config.override_dirname
    config.hydra.job.override_dirname = get_overrides_dirname(
        list(overrides), kv_sep=form.kv_sep, item_sep=form.item_sep, exclude_keys=form.exclude_keys
    )
    OmegaConf.copy_cache(from_config=master_config, to_config=config)
    return config
