"""Identify a job by its configuration, and read configurations that earlier versions stored."""

import copy
import hashlib
import json
from typing import Any

from bows.config.words import with_named_words

# Targets of configurations that earlier versions stored, and their present names.
RENAMED_TARGETS = {
    f"bows.data.options.{name}": f"bows.data.factories.{name}"
    for name in ("pydoc", "files", "hub", "synthetic", "cities", "modular_addition")
}

FIRST_TARGETS = {present: first for first, present in RENAMED_TARGETS.items()}

# Settings that change how and where a run is done, not its result.
NOT_OF_THE_RESULT = (
    "hydra", "logger", "debug", "open", "outputs", "resume", "data.folder", "trainer.accelerator", "trainer.devices", "trainer.strategy",
    "trainer.num_nodes", "trainer.threads", "trainer.compile", "trainer.checkpoint_every_steps", "trainer.detect_anomaly",
)  # fmt: skip

# Settings that earlier versions did not have, and the values that give what those versions did.
LATER_SETTINGS = {
    "model.bias_start": "zero",
    "model.bias": True,
    "data.remove": None,
    "trainer.weights": "last",
    "analysis.linear_sets": [],
    "analysis.regimes.gap": -0.06,
}


def config_key(config: dict[str, Any]) -> str:
    """Return a hash of a resolved configuration: equal for runs with the same result, whatever their machine and folder.

    Keys that earlier versions stored stay valid: targets enter by their first name, and the words of `analysis` by content, not by the name
    of their list. A list of the user's own may change, and the key then changes too.
    """
    kept = copy.deepcopy(with_named_words(_with_targets(config, FIRST_TARGETS)))
    for setting in (*NOT_OF_THE_RESULT, *LATER_SETTINGS):
        *path, last = setting.split(".")
        node: Any = kept
        for part in path:
            node = node.get(part) if isinstance(node, dict) else None
        if isinstance(node, dict) and (setting not in LATER_SETTINGS or node.get(last) == LATER_SETTINGS[setting]):
            node.pop(last, None)
    if isinstance(kept.get("analysis"), dict):
        kept["analysis"].pop("words", None)
    return hashlib.sha256(json.dumps(kept, sort_keys=True, default=str).encode()).hexdigest()


def is_of_the_result(setting: str) -> bool:
    """Return whether a setting, by its dotted name, is part of `config_key`."""
    return not any(setting == name or setting.startswith(f"{name}.") for name in NOT_OF_THE_RESULT)


def in_current_form(config: dict[str, Any]) -> dict[str, Any]:
    """Return a stored configuration with the present name of every renamed `_target_`, and with the words of its named list."""
    return with_named_words(_with_targets(config, RENAMED_TARGETS))


def _with_targets(config: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
    renamed = {key: _with_targets(value, names) if isinstance(value, dict) else value for key, value in config.items()}
    return (
        renamed | {"_target_": names.get(config["_target_"], config["_target_"])} if "_target_" in config else renamed
    )
