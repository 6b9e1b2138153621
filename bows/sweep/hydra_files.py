""".hydra/ of a job's folder, as Hydra itself writes it for a job alone."""

import pickle
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml
from omegaconf import DictConfig, OmegaConf, open_dict, read_write
from omegaconf._utils import get_omega_conf_dumper


class _Dumper(getattr(yaml, "CDumper", yaml.Dumper)):  # pyright: ignore[reportGeneralTypeIssues]
    """OmegaConf's own, which quotes text that it would read as a number, over libyaml, where that is there: ten times as fast."""


_Dumper.yaml_representers = get_omega_conf_dumper().yaml_representers


def write_settings(folder: Path, composed: DictConfig, number: int) -> None:
    """Write config.yaml, hydra.yaml and overrides.yaml of a job.

    folder: the job's. composed: its configuration, with the node hydra; which is told its number and where its output goes.
    """
    hydra = composed.hydra
    with read_write(hydra), open_dict(hydra):
        hydra.runtime.output_dir = str(folder.absolute())
        hydra.job.num, hydra.job.id = number, str(number)
        hydra.sweep.subdir = folder.name
        hydra.overrides.hydra = [*hydra.overrides.hydra, f"hydra.sweep.subdir='{folder.name}'"]
    place = folder / str(composed.hydra.output_subdir)
    place.mkdir(parents=True, exist_ok=True)
    own: Any = OmegaConf.to_container(composed, resolve=False, enum_to_str=True)
    hydra = own.pop("hydra")
    texts = {
        "config": _by_entry(own),
        "hydra": _by_entry({"hydra": hydra}),
        "overrides": as_yaml(hydra["overrides"]["task"]),
    }
    for name, text in texts.items():
        (place / f"{name}.yaml").write_text(text, encoding="utf-8")


def as_yaml(value: Any) -> str:
    """Plain values as YAML that OmegaConf reads as the same values."""
    return yaml.dump(value, default_flow_style=False, allow_unicode=True, sort_keys=False, Dumper=_Dumper)


def _by_entry(values: dict[str, Any]) -> str:
    """`as_yaml` of a mapping. Jobs of a sweep have nearly all their settings in common: each part is written once for all of them."""
    text = ""
    for name, value in values.items():
        if name == "hydra":
            parts = [_entry(pickle.dumps({name: {key: inner}})).partition("\n")[2] for key, inner in value.items()]
            text += f"{name}:\n" + "".join(parts)
        else:
            text += _entry(pickle.dumps({name: value}))
    return text


@lru_cache(maxsize=1024)
def _entry(pickled: bytes) -> str:
    return as_yaml(pickle.loads(pickled))
