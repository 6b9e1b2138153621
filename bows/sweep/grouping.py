"""Decide which jobs of a sweep can be stacked, from their plain configurations; nothing is built."""

import json
import os
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bows.config.resolve import trains_on_pairs, trait
from bows.runs.varied import flat

# Settings in which members of a stack may differ, besides those that their data allow (`stack_free`). Models may be of any kind and size:
# those of one kind share batched products.
FREE = (
    "seed", "wd", "lr", "latent", "name", "outputs", "debug", "resume", "model",
    "optimizer.lr", "optimizer.weight_decay", "optimizer.clip_norm",
)  # fmt: skip
# Settings of `trainer`, each with the values that a stack supports.
TRAINER = {"devices": (1,), "strategy": ("auto",), "num_nodes": (1,), "compile": (False,), "detect_anomaly": (False,)}
PRECISIONS = ("auto", "32-true", "bf16-mixed", "64-true", "bf16-true")
# Copies of a weight, besides its gradient: the optimizer's two, three of the best state, and the model that is evaluated.
COPIES = 8
# (batch, V) arrays alive in a step of one model.
ARRAYS = 6


def may_not_stack(config: dict[str, Any]) -> str | None:
    """Return why a job can be in no stack; None where it can."""
    model = config["model"]
    name = f"model {model['_target_'].rpartition('.')[2]}"
    if trait(model, "closed_form"):
        return f"{name} is fitted in closed form, not trained"
    if trains_on_pairs(model):
        return f"{name} is not an autoencoder; it trains alone"
    if not trait(model, "stackable"):
        return f"{name} does not state that it can be stacked (stackable = True)"
    trainer = config["trainer"]
    for name, allowed in TRAINER.items():
        if trainer[name] not in allowed:
            return f"trainer.{name}={trainer[name]}"
    if trainer["precision"] not in PRECISIONS:
        return f"trainer.precision={trainer['precision']} scales the loss of all members alike"
    return None


def stacks(configs: Sequence[dict[str, Any]]) -> tuple[list[list[int]], dict[int, str]]:
    """Group the jobs that can be stacked.

    Args:
        configs: composed configurations, plain and resolved.

    Returns:
        Groups of two or more indices into `configs`, and, for each other index, why that job runs alone.
    """
    alone: dict[int, str] = {}
    alike: dict[str, list[int]] = defaultdict(list)
    shared: dict[int, dict[str, Any]] = {}
    for place, config in enumerate(configs):
        if reason := may_not_stack(config):
            alone[place] = reason
        else:
            shared[place] = _shared(config)
            alike[json.dumps(shared[place], sort_keys=True, default=str)].append(place)
    groups = []
    for places in alike.values():
        if len(places) > 1:
            groups.append(places)
        else:
            alone[places[0]] = _nearest(places[0], shared)
    return groups, alone


def _nearest(place: int, shared: dict[int, dict[str, Any]]) -> str:
    """Return the settings in which a job differs from the job it is most like."""
    own = shared[place]
    differences = [
        sorted(key for key in {*own, *other} if own.get(key) != other.get(key))
        for number, other in shared.items()
        if number != place
    ]
    if not differences:
        return "no other job can be stacked"
    nearest = min(differences, key=len)
    first = ", ".join(f"{key}={own.get(key)}" for key in nearest[:3])
    return f"no other job has its {first}" + (f" and {len(nearest) - 3} settings more" if len(nearest) > 3 else "")


def _shared(config: dict[str, Any]) -> dict[str, Any]:
    """Return the settings in which the members of a stack must agree, by their dotted names."""
    free = [f"{name}." for name in (*FREE, *(f"data.{name}" for name in trait(config["data"], "stack_free", ())))]
    return {name: value for name, value in flat(config).items() if not f"{name}.".startswith(tuple(free))}


def pieces(bytes_of: Sequence[int], most_bytes: int, most_members: int | None = None) -> list[list[int]]:
    """Divide a stack's members, in their order, into pieces of about equal size within both limits; return their indices.

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
    """Return an upper estimate of the memory that a job needs in a stack, in bytes: a text may have fewer words than `vocab_size`."""
    data, model = config["data"], config["model"]
    words = data.get("features") or data.get("vocab_size") or 10_000
    wide = max(model["latent"], model.get("hidden", 0))
    matrices = trait(model, "matrices", 2)
    return 4 * words * (matrices * wide * COPIES + (data.get("batch_size") or 512) * ARRAYS)


def free_bytes(accelerator: str) -> int:
    """Return the free memory, in bytes, of the GPU if training runs there, else of this machine."""
    if accelerator in {"auto", "gpu", "cuda"}:
        import torch

        if torch.cuda.is_available():
            return torch.cuda.mem_get_info()[0]
    facts = Path("/proc/meminfo")
    if facts.is_file():
        line = next(line for line in facts.read_text().splitlines() if line.startswith("MemAvailable"))
        return int(line.split()[1]) * 1024
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
