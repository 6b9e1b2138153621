"""What a back end is given to do: single jobs, and stacks of jobs that train as one model, chosen by their plain configurations."""

import hashlib
import json
import logging
import math
import os
import sys
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bows.config.resolve import trains_on_pairs, trait
from bows.config.validate import check
from bows.errors import BowsError, DataError
from bows.files import read_json, write_json
from bows.runs.varied import flat
from bows.sweep.plan import Job

log = logging.getLogger(__name__)

STACKS = ".stacks"
MEMBERS = "members.json"
CHECKPOINT = Path("checkpoints") / "last.ckpt"  # bows.training.callbacks.checkpoints, which takes seconds to import
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


@dataclass
class Unit:
    """One job, or a stack, which a back end runs by the overrides, the number and the folder of its first unfinished job."""

    overrides: list[str]
    number: int
    jobs: list[Job] = field(default_factory=list)
    """The members of a stack in their order, or the one job."""
    folder: str = ""
    """The name of the folder that it runs in."""


def unit_of(jobs: list[Job]) -> Unit:
    """Return the unit of a job or of the members of a stack."""
    first = next((job for job in jobs if job.state != "completed"), jobs[0])
    name = first.folder.name
    return Unit([*first.overrides, f"hydra.sweep.subdir='{name}'"], first.number, jobs, name)


def make_units(
    asked: Sequence[Job], jobs: Sequence[Job], divide: Callable[[Sequence[Job]], list[list[Job]]] | None
) -> list[Unit]:
    """Divide the jobs to do, none of them running or completed, into units: interrupted stacks as they were, new stacks, single jobs.

    `jobs` are all jobs of the sweep. `divide` divides jobs that can be stacked into stacks; None where each job is a unit.
    """
    if divide is None or not asked:
        return [unit_of([job]) for job in asked]
    stacked = interrupted_stacks(asked, jobs)
    resumed = {job.key for members in stacked for job in members}
    fresh = [
        job for job in asked if job.key not in resumed and _is_valid(job) and not (job.folder / CHECKPOINT).is_file()
    ]
    groups, reasons = stacks([job.config for job in fresh])
    for group in groups:
        stacked += divide([fresh[place] for place in group])
    for place, reason in reasons.items():
        log.info("job %s runs alone: %s", fresh[place].folder.name, reason)
    for members in stacked:
        log.info("a stack of %d jobs: %s", len(members), ", ".join(str(job.number) for job in members))
    held = {job.key for members in stacked for job in members}
    units = [unit_of(members) for members in [*stacked, *([job] for job in asked if job.key not in held)]]
    return sorted(units, key=lambda unit: unit.number)


def scratch_of(jobs: Sequence[Job]) -> Path:
    """Return the folder of a stack's own checkpoints."""
    keys = "".join(sorted(job.key for job in jobs))
    return jobs[0].folder.parent / STACKS / hashlib.sha256(keys.encode()).hexdigest()[:12]


def note_members(jobs: Sequence[Job]) -> Path:
    """Write the members of a stack, in their order, into its scratch folder, and return that."""
    scratch = scratch_of(jobs)
    scratch.mkdir(parents=True, exist_ok=True)
    write_json(scratch / MEMBERS, {"configs": [job.key for job in jobs]})
    return scratch


def interrupted_stacks(asked: Sequence[Job], jobs: Sequence[Job]) -> list[list[Job]]:
    """Return the members of each stack that can be resumed, in its own order.

    Its checkpoint must exist, all its members must be in the sweep and none be running, and one at least must be in `asked`. Completed
    members are included: the checkpoint is of all members together.
    """
    by_key = {job.key: job for job in jobs}
    wanted = {job.key for job in asked}
    found: list[list[Job]] = []
    for scratch in sorted((jobs[0].folder.parent / STACKS).glob("*")):
        try:
            keys = read_json(scratch / MEMBERS)["configs"]
        except (DataError, KeyError):  # of an older version, or not written completely
            continue
        if (scratch / CHECKPOINT).is_file() and wanted & set(keys) and by_key.keys() >= set(keys):
            members = [by_key[key] for key in keys]
            if all(job.state != "running" for job in members):
                found.append(members)
                wanted -= set(keys)
    return found


def divide_stack(jobs: Sequence[Job], members: int | None, gigabytes: float | None, workers: int) -> list[list[Job]]:
    """Divide jobs that can be stacked into stacks of at most `members` jobs and `gigabytes`, at least one per worker.

    None for as many members as fit, and for half of the free memory. `workers`: units that run at once.
    """
    if gigabytes is None:
        limit = free_bytes(jobs[0].config["trainer"]["accelerator"]) // 2
    else:
        limit = math.ceil(min(gigabytes * 1e9, sys.maxsize))
    most = min(members or len(jobs), -(-len(jobs) // workers))
    sizes = [member_bytes(job.config) for job in jobs]
    cut = pieces(sizes, max(1, limit // workers), most)
    if len(cut) > 1:
        log.info(
            "%d jobs are divided into %d stacks: they need about %.2g GB; a stack may have %.2g GB (hydra.launcher.stack_gigabytes) and "
            "%d members", len(jobs), len(cut), sum(sizes) / 1e9, limit / workers / 1e9, most,
        )  # fmt: skip
    return [[jobs[place] for place in piece] for piece in cut]


def _is_valid(job: Job) -> bool:
    """Return whether a job's settings are allowed; one whose are not fails in its own folder, as it would alone."""
    try:
        check(job.config)
    except BowsError:
        return False
    return True


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
    """Group the jobs that can be stacked, by their configurations, plain and resolved.

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
