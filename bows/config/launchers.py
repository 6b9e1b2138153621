"""The options of hydra/launcher, with their settings.

They are registered here, not files of conf/hydra/launcher, since they replace options of the same names that Hydra and its plugins have:
jobs run on the same engines, but bows first skips completed jobs and groups those that can train in one stack.
"""

from dataclasses import dataclass, field
from typing import Any

from hydra.core.config_store import ConfigStore
from hydra.core.plugins import Plugins
from hydra.plugins.launcher import Launcher

from bows.config.hydra_internals import LAUNCHER, add_launcher


@dataclass
class Basic:
    """Run one job after another in this process."""

    _target_: str = LAUNCHER
    engine: str = "basic"
    # Train compatible jobs as one stacked model.
    vectorized: bool = False
    # Most jobs per stack; null: as many as fit.
    stack_members: int | None = None
    # Memory limit of a stack in GB; null: half of the free memory.
    stack_gigabytes: float | None = None


@dataclass
class Vectorized(Basic):
    """Train compatible jobs as one stacked model in this process, and the others one after another."""

    vectorized: bool = True


@dataclass
class Joblib(Basic):
    """Run jobs, or stacks, in parallel processes on this machine, which share its cores."""

    engine: str = "joblib"
    # Parallel processes; -1: one per core.
    n_jobs: int = -1


@dataclass
class SubmititLocal(Basic):
    """Run each job, or stack, in its own process on this machine, to test what submitit_slurm would do."""

    engine: str = "submitit_local"
    submitit_folder: str = "${hydra.sweep.dir}/.submitit/%j"
    # Time limit of a job in minutes.
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
    """Run each job, or stack, as a job of a Slurm cluster."""

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
    # Seconds before the time limit at which a job gets the signal to save.
    signal_delay_s: int = 120
    # Times that a job is requeued, to resume, after reaching its time limit.
    max_num_timeout: int = 0
    additional_parameters: dict[str, Any] = field(default_factory=dict)
    # Most jobs at the same time.
    array_parallelism: int = 256
    # Shell commands to run before the job.
    setup: list[str] | None = None


LAUNCHERS = {
    "basic": Basic,
    "vectorized": Vectorized,
    "joblib": Joblib,
    "submitit_local": SubmititLocal,
    "submitit_slurm": SubmititSlurm,
}


def register_launchers(launcher: type[Launcher] | None = None) -> None:
    """Register the options with Hydra, replacing its plugins' own; `launcher`: the class they name, None where only composing."""
    Plugins.instance()  # registers the options of the plugins; the last one of a name counts
    for name, node in LAUNCHERS.items():
        ConfigStore.instance().store(group="hydra/launcher", name=name, node=node, provider="bows")
    if launcher is not None:
        add_launcher(launcher)
