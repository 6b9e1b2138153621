"""Which jobs of a sweep may share a stack, and why the others may not. Plain configurations in, groups out; nothing is built."""

import copy
import json
import os
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra.utils import get_object

# What members of a stack may differ in. Models may be of any kind and size: those of one kind share batched products.
FREE = (
    "seed", "wd", "lr", "latent", "name", "outputs", "debug", "resume", "model",
    "optimizer.lr", "optimizer.weight_decay", "optimizer.clip_norm",
)  # fmt: skip
# ... and in their data, which must be of equal size.
FREE_OF_DATA = {
    "bows.data.factories.synthetic": ("name", "structure", "sharpness", "log_odds", "seed", "relabel"),
    "bows.data.factories.pydoc": ("name", "seed"),
    "bows.data.factories.files": ("name", "seed"),
    "bows.data.factories.hub": ("name", "seed"),
}
# Settings of trainer with the values that a stack can do with.
TRAINER = {"devices": (1,), "strategy": ("auto",), "num_nodes": (1,), "compile": (False,), "detect_anomaly": (False,)}
PRECISIONS = ("auto", "32-true", "bf16-mixed", "64-true", "bf16-true")
# Copies of a weight, beside its gradient: the optimizer's two, three of the best state, the model that looks at it.
COPIES = 8
# (batch, V) arrays alive in a step of one model.
ARRAYS = 6


def may_not_stack(config: dict[str, Any]) -> str | None:
    """Why a job can be no member of any stack; None where it can."""
    target = config["model"]["_target_"]
    kind, name = get_object(target), f"model {target.rpartition('.')[2]}"
    if getattr(kind, "closed_form", False):
        return f"{name} is fitted in closed form, not trained"
    if getattr(kind, "trains_on", "bags") != "bags":
        return f"{name} is no autoencoder; it trains alone"
    if not getattr(kind, "stackable", False):
        return f"{name} does not state that it can be stacked (stackable = True)"
    trainer = config["trainer"]
    for name, allowed in TRAINER.items():
        if trainer[name] not in allowed:
            return f"trainer.{name}={trainer[name]}"
    if trainer["precision"] not in PRECISIONS:
        return f"trainer.precision={trainer['precision']} scales the loss of all members alike"
    return None


def stacks(configs: Sequence[dict[str, Any]]) -> tuple[list[list[int]], dict[int, str]]:
    """Places of the jobs that may train together, in groups of two or more; and of the others, why they cannot.

    Args:
        configs: composed configurations, plain and resolved.
    """
    alone: dict[int, str] = {}
    alike: dict[str, list[int]] = defaultdict(list)
    shared: dict[int, dict[str, Any]] = {}
    for place, config in enumerate(configs):
        if reason := may_not_stack(config):
            alone[place] = reason
        else:
            shared[place] = _flat(_without_free(config))
            alike[json.dumps(shared[place], sort_keys=True, default=str)].append(place)
    groups = []
    for places in alike.values():
        if len(places) > 1:
            groups.append(places)
        else:
            alone[places[0]] = _nearest(places[0], shared)
    return groups, alone


def _nearest(place: int, shared: dict[int, dict[str, Any]]) -> str:
    """What keeps a job from the stack of the job it is most like."""
    own = shared[place]
    differences = [
        sorted(key for key in {*own, *other} if own.get(key) != other.get(key))
        for number, other in shared.items()
        if number != place
    ]
    if not differences:
        return "no other job can be stacked"
    nearest = min(differences, key=len)
    told = ", ".join(f"{key}={own.get(key)}" for key in nearest[:3])
    return f"no other job has its {told}" + (f" and {len(nearest) - 3} settings more" if len(nearest) > 3 else "")


def _without_free(config: dict[str, Any]) -> dict[str, Any]:
    shared = copy.deepcopy(config)
    free_of_data = FREE_OF_DATA.get(shared["data"]["_target_"], ())
    for setting in (*FREE, *(f"data.{name}" for name in free_of_data)):
        *path, last = setting.split(".")
        node = shared
        for part in path:
            node = node[part]
        node.pop(last, None)
    return shared


def _flat(value: Any, path: str = "") -> dict[str, Any]:
    if not isinstance(value, dict):
        return {path: value}
    return {
        name: leaf for key, inner in value.items() for name, leaf in _flat(inner, f"{path}.{key}".lstrip(".")).items()
    }


def pieces(bytes_of: Sequence[int], most_bytes: int, most_members: int | None = None) -> list[list[int]]:
    """Places of a stack's members in pieces, in their order and of about equal size, each within both limits.

    >>> pieces([3, 3, 3, 3, 3], most_bytes=7)
    [[0, 1], [2, 3], [4]]
    >>> pieces([3, 3, 3, 3, 3], most_bytes=100, most_members=3)
    [[0, 1, 2], [3, 4]]
    """
    count = max(-(-sum(bytes_of) // most_bytes), -(-len(bytes_of) // (most_members or len(bytes_of))))
    size = -(-len(bytes_of) // count)
    cut: list[list[int]] = []
    held = 0
    for place, own in enumerate(bytes_of):
        if not cut or len(cut[-1]) == size or held + own > most_bytes:
            cut.append([])
            held = 0
        cut[-1].append(place)
        held += own
    return cut


def member_bytes(config: dict[str, Any]) -> int:
    """About how much memory a job takes as a member of a stack, from above: text may turn out to have fewer words than it may."""
    data, model = config["data"], config["model"]
    words = data.get("features") or data.get("vocab_size") or 10_000
    wide = max(model["latent"], model.get("hidden", 0))
    matrices = getattr(get_object(model["_target_"]), "matrices", 2)
    return 4 * words * (matrices * wide * COPIES + (data.get("batch_size") or 512) * ARRAYS)


def free_bytes(accelerator: str) -> int:
    """Memory that is free on the GPU where training goes there, else in this machine."""
    if accelerator in {"auto", "gpu", "cuda"}:
        import torch

        if torch.cuda.is_available():
            return torch.cuda.mem_get_info()[0]
    facts = Path("/proc/meminfo")
    if facts.is_file():
        line = next(line for line in facts.read_text().splitlines() if line.startswith("MemAvailable"))
        return int(line.split()[1]) * 1024
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
