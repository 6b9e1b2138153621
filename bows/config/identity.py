"""Identify a job by its configuration."""

import hashlib
import json
from typing import Any

# Targets of configurations that earlier versions stored, and where they are now.
RENAMED_TARGETS = {
    f"bows.data.options.{name}": f"bows.data.factories.{name}"
    for name in ("pydoc", "files", "hub", "synthetic", "cities", "modular_addition")
}

# Settings that say how and where a run is done, not what comes out.
NOT_OF_THE_RESULT = (
    "hydra", "logger", "debug", "outputs", "resume", "data.folder", "trainer.accelerator", "trainer.devices", "trainer.strategy",
    "trainer.num_nodes", "trainer.threads", "trainer.compile", "trainer.checkpoint_every_steps", "trainer.detect_anomaly",
)  # fmt: skip


def config_key(config: dict[str, Any]) -> str:
    """A hash of a resolved configuration, the same for runs that train and measure the same, wherever they do it and lie."""
    # Hashed with the targets' first names: jobs that earlier versions completed keep their key.
    told = _with_targets(config, {now: first for first, now in RENAMED_TARGETS.items()})
    for setting in NOT_OF_THE_RESULT:
        *path, last = setting.split(".")
        node: Any = told
        for part in path:
            node = node.get(part) if isinstance(node, dict) else None
        if isinstance(node, dict):
            node.pop(last, None)
    return hashlib.sha256(json.dumps(told, sort_keys=True, default=str).encode()).hexdigest()


def is_of_the_result(setting: str) -> bool:
    """Whether a setting, by its dotted name, is part of what `config_key` tells apart."""
    return not any(setting == name or setting.startswith(f"{name}.") for name in NOT_OF_THE_RESULT)


def with_current_targets(config: dict[str, Any]) -> dict[str, Any]:
    """Return a stored configuration with every renamed `_target_` replaced by its present name (RENAMED_TARGETS)."""
    return _with_targets(config, RENAMED_TARGETS)


def _with_targets(config: dict[str, Any], renamed: dict[str, str]) -> dict[str, Any]:
    """Return a copy of nested mappings with every `_target_` that is a key of `renamed` replaced by its value."""
    return {
        key: _with_targets(value, renamed)
        if isinstance(value, dict)
        else renamed.get(value, value)
        if key == "_target_"
        else value
        for key, value in config.items()
    }
