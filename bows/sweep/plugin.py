"""The launcher as Hydra instantiates it. It imports little, since every command registers it."""

from collections.abc import Sequence
from typing import Any, final

from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from bows.config.hydra_internals import cache_compositions


@final
class SweepLauncher(Launcher):
    """Launch the jobs of a sweep: skip completed ones, stack those that can be stacked, and hand the rest to a back end.

    Args:
        engine: basic (one after another in this process), joblib, submitit_local or submitit_slurm.
        vectorized: train jobs that can be stacked as one model.
        stack_members: most jobs per stack; None for as many as fit.
        stack_gigabytes: most memory per stack; None for half of the free memory.
        settings: of the back end's own launcher.
    """

    def __init__(
        self,
        engine: str,
        vectorized: bool,
        stack_members: int | None = None,
        stack_gigabytes: float | None = None,
        **settings: Any,
    ) -> None:
        self.engine = engine
        self.vectorized = vectorized
        self.stack_members = stack_members
        self.stack_gigabytes = stack_gigabytes
        self.settings = settings

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        self.hydra_context, self.task_function, self.config = hydra_context, task_function, config
        cache_compositions(hydra_context.config_loader)

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        # Imported here: commands other than a sweep do not need it.
        from bows.sweep.launcher import launch
        from bows.sweep.units import Stacking

        stacking = Stacking(self.vectorized, self.stack_members, self.stack_gigabytes)
        jobs = [list(overrides) for overrides in job_overrides]
        return launch(
            self.engine,
            stacking,
            self.settings,
            self.hydra_context,
            self.config,
            self.task_function,
            jobs,
            initial_job_idx,
        )
