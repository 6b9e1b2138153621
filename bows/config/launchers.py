"""The options of hydra/launcher, with their settings.

They stand here and not in conf/hydra/launcher, since Hydra and its plugins have options of the same names, which these replace: jobs
then go to the same engines, but by way of bows, which passes over what is completed and stacks what can be stacked.
"""

from dataclasses import dataclass, field
from typing import Any

from hydra.core.config_store import ConfigStore
from hydra.core.plugins import Plugins


@dataclass
class Basic:
    """One job after another, in this process."""

    _target_: str = "hydra_plugins.bows_launcher.SweepLauncher"
    engine: str = "basic"
    # Train jobs that may share a stack as one model.
    vectorized: bool = False
    # Jobs a stack, at most; null: as many as fit.
    stack_members: int | None = None
    # Memory a stack may take; null: half of what is free.
    stack_gigabytes: float | None = None


@dataclass
class Vectorized(Basic):
    """Jobs that may share a stack as one model in this process; the others one after another."""

    vectorized: bool = True


@dataclass
class Joblib(Basic):
    """Jobs, or stacks, side by side on the cores of this machine, which are shared out among them."""

    engine: str = "joblib"
    # At once; -1: as many as there are cores.
    n_jobs: int = -1


@dataclass
class SubmititLocal(Basic):
    """Each job, or stack, in a process of its own on this machine: to try what submitit_slurm would do."""

    engine: str = "submitit_local"
    submitit_folder: str = "${hydra.sweep.dir}/.submitit/%j"
    # Minutes a job may take.
    timeout_min: int = 1440
    cpus_per_task: int | None = None
    gpus_per_node: int | None = None
    tasks_per_node: int = 1
    mem_gb: int | None = None
    nodes: int = 1
    name: str = "${hydra.job.name}"
    stderr_to_stdout: bool = False


@dataclass
class SubmititSlurm(SubmititLocal):
    """Each job, or stack, as a job of a Slurm cluster."""

    engine: str = "submitit_slurm"
    partition: str | None = None
    qos: str | None = None
    comment: str | None = None
    constraint: str | None = None
    exclude: str | None = None
    gres: str | None = None
    cpus_per_gpu: int | None = None
    gpus_per_task: int | None = None
    mem_per_gpu: str | None = None
    mem_per_cpu: str | None = None
    account: str | None = None
    # Seconds before its end at which a job is told to save.
    signal_delay_s: int = 120
    # How often a job that ran out of time is put in the queue again, to go on.
    max_num_timeout: int = 0
    additional_parameters: dict[str, Any] = field(default_factory=dict)
    # Jobs at once.
    array_parallelism: int = 256
    # Commands before the job.
    setup: list[str] | None = None


LAUNCHERS = {
    "basic": Basic,
    "vectorized": Vectorized,
    "joblib": Joblib,
    "submitit_local": SubmititLocal,
    "submitit_slurm": SubmititSlurm,
}


def register_launchers() -> None:
    """Make the options known to Hydra, in the place of its plugins' own."""
    Plugins.instance()  # which brings the plugins' options in; what is stored last counts
    for name, node in LAUNCHERS.items():
        ConfigStore.instance().store(group="hydra/launcher", name=name, node=node, provider="bows")
