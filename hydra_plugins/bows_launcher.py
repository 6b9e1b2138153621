"""The launcher that Hydra finds here, since it takes plugins from the package hydra_plugins alone. What it does is in bows.sweep."""

from collections.abc import Sequence
from typing import Any, final

from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig


@final
class SweepLauncher(Launcher):
    """Launches the jobs of a sweep: what is completed is not done again, what may be stacked is, and an engine does the rest.

    engine: basic (one after another in this process), joblib, submitit_local or submitit_slurm. vectorized: train jobs that may share a
    stack as one model. stack_members: jobs a stack at most, null for as many as fit. stack_gigabytes: memory a stack may take, null for
    half of what is free. settings: of the engine's own launcher.
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
        self.hydra_context: HydraContext | None = None
        self.task_function: TaskFunction | None = None
        self.config: DictConfig | None = None

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        from bows.sweep.compose_cache import remember_compositions

        self.hydra_context, self.task_function, self.config = hydra_context, task_function, config
        remember_compositions(hydra_context.config_loader)

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        # Imported here: Hydra imports every plugin at each start.
        from bows.sweep.launcher import launch

        assert self.hydra_context is not None
        assert self.task_function is not None
        assert self.config is not None
        return launch(self, [list(overrides) for overrides in job_overrides], initial_job_idx)
