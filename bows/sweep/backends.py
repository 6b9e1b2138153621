"""The back ends of a sweep: this process, the cores of this machine by joblib, or a cluster by submitit."""

import copy
import logging
import os
import time
from collections.abc import Callable, Sequence
from functools import partial
from importlib.util import find_spec
from shutil import which
from typing import Any, Protocol

from hydra.core.utils import JobReturn, configure_log, filter_overrides, run_job
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, open_dict

from bows.config.hydra_internals import uncache_compositions
from bows.config.overrides import swept_settings
from bows.errors import SweepError
from bows.sweep.closing_table import progress_text
from bows.sweep.units import Unit

log = logging.getLogger(__name__)


class Engine(Protocol):
    """Runs units."""

    workers: int
    """Units that run at once."""

    def launch(self, units: Sequence[Unit], task: TaskFunction) -> list[JobReturn]: ...


class InThisProcess:
    """Runs one unit after another, as Hydra's basic launcher does, except that each keeps its number in the sweep."""

    workers = 1

    def __init__(self, context: HydraContext, config: DictConfig, settings: dict[str, Any]):
        for name in settings:
            raise SweepError(f"hydra.launcher.{name}: the engine basic has no such setting")
        self.context, self.config = context, config

    def launch(self, units: Sequence[Unit], task: TaskFunction) -> list[JobReturn]:
        results = []
        total, done, began = sum(map(_size, units)), 0, time.monotonic()
        varied = swept_settings([str(word) for word in self.config.hydra.overrides.task])
        for unit in units:
            started = progress_text(done, _size(unit), total, time.monotonic() - began)
            words = list(filter_overrides(unit.overrides))
            log.info(
                "%s: #%d : %s", started, unit.number, _settings_line(words, varied) if len(unit.jobs) < 2 else "a stack"
            )
            done += _size(unit)
            composed = self.context.config_loader.load_sweep_config(self.config, unit.overrides)
            with open_dict(composed):
                composed.hydra.job.id = unit.number
                composed.hydra.job.num = unit.number
            results.append(
                run_job(
                    hydra_context=self.context,
                    task_function=task,
                    config=composed,
                    job_dir_key="hydra.sweep.dir",
                    job_subdir_key="hydra.sweep.subdir",
                )
            )
            configure_log(self.config.hydra.hydra_logging, self.config.hydra.verbose)
        return results


def _size(unit: Unit) -> int:
    return max(1, len(unit.jobs))


def _settings_line(words: Sequence[str], varied: set[str]) -> str:
    """Return the words of a job that set what the sweep varies, or all where it varies nothing that can be told apart."""
    return " ".join([word for word in words if word.partition("=")[0].lstrip("+~") in varied] or words)


class SideBySide:
    """Runs units on the cores of this machine, by hydra-joblib-launcher."""

    def __init__(self, context: HydraContext, config: DictConfig, settings: dict[str, Any]):
        _require("joblib", "hydra_plugins.hydra_joblib_launcher")
        import joblib
        from hydra_plugins.hydra_joblib_launcher.joblib_launcher import JoblibLauncher

        n_jobs = int(settings.get("n_jobs", -1))
        if n_jobs == 0:
            raise SweepError("hydra.launcher.n_jobs=0 is not allowed; allowed: 1 or more, or -1 for one per core")
        self.workers = joblib.effective_n_jobs(n_jobs)
        self.cores = joblib.cpu_count()
        self.context, self.config = context, config
        self.launcher = JoblibLauncher(**settings)

    def launch(self, units: Sequence[Unit], task: TaskFunction) -> list[JobReturn]:
        config = with_share(self.config, self.cores // min(self.workers, len(units)))
        return _by_plugin(self.launcher, self.context, config, units, task)


class BySubmitit:
    """Runs units as jobs of a cluster, or as processes of this machine, by hydra-submitit-launcher."""

    workers = 1  # the size of a cluster is not known: stacks are not divided for it

    def __init__(self, context: HydraContext, config: DictConfig, settings: dict[str, Any], local: bool):
        _require("submitit_local" if local else "submitit_slurm", "hydra_plugins.hydra_submitit_launcher")
        if not local and which("sbatch") is None:
            raise SweepError(
                "hydra/launcher=submitit_slurm: this machine has no sbatch; start the sweep on a login node of the cluster, or take "
                "hydra/launcher=submitit_local"
            )
        from hydra_plugins.hydra_submitit_launcher.submitit_launcher import LocalLauncher, SlurmLauncher

        self.context, self.config, self.local, self.settings = context, config, local, settings
        self.launcher = (LocalLauncher if local else SlurmLauncher)(**settings)

    def launch(self, units: Sequence[Unit], task: TaskFunction) -> list[JobReturn]:
        cores = len(os.sched_getaffinity(0)) // len(units) if self.local else self.settings.get("cpus_per_task")
        config = with_share(self.config, int(cores)) if cores is not None else self.config
        return _by_plugin(self.launcher, self.context, config, units, task)


def with_share(config: DictConfig, cores: int) -> DictConfig:
    """Return the configuration of a sweep with a limit on the threads of each job: its share of the cores, at least 1.

    The limit is OMP_NUM_THREADS of the job's process, which torch and all other numerical libraries follow; a lower one of this process
    remains. How many of these threads training uses still follows from the size of its products, or from `trainer.threads`.
    """
    inherited = os.environ.get("OMP_NUM_THREADS", "")
    share = max(1, min(cores, int(inherited)) if inherited.isdecimal() else cores)
    limited = copy.deepcopy(config)
    limited.hydra.overrides.hydra.append(f"++hydra.job.env_set.OMP_NUM_THREADS={share}")
    return limited


def _by_plugin(
    launcher: Launcher, context: HydraContext, config: DictConfig, units: Sequence[Unit], task: TaskFunction
) -> list[JobReturn]:
    uncache_compositions(context.config_loader)
    launcher.setup(hydra_context=context, task_function=task, config=config)
    return list(launcher.launch([unit.overrides for unit in units], initial_job_idx=units[0].number))


def _require(option: str, package: str) -> None:
    if find_spec("hydra_plugins") is None or find_spec(package) is None:
        raise SweepError(
            f'hydra/launcher={option}: {package.split(".")[-1]} is not installed; pip install "bows[{option.partition("_")[0]}]"'
        )


ENGINES: dict[str, Callable[..., Engine]] = {
    "basic": InThisProcess,
    "joblib": SideBySide,
    "submitit_local": partial(BySubmitit, local=True),
    "submitit_slurm": partial(BySubmitit, local=False),
}
