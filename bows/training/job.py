"""Run one Hydra job to a complete run folder, and record how it ended."""

import logging
import math
from collections.abc import Callable
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig
from pytorch_lightning.utilities.rank_zero import rank_zero_only

from bows.analysis.catalog import headline_labels
from bows.config.identity import config_key
from bows.config.presets import small_version
from bows.config.resolve import plain, trains_on_pairs
from bows.config.schema import TrainConfig
from bows.config.validate import check
from bows.console import print_results
from bows.errors import BowsError, DataError, Interrupted, SettingError, UnavailableError, cannot_write
from bows.files import read_json
from bows.reports.run_report import write_report
from bows.runs.status import RunStatus
from bows.training.autoencoder import train
from bows.training.callbacks.checkpoints import MONITOR
from bows.training.pairs import OBJECTIVE, train_pairs

log = logging.getLogger(__name__)


def train_job(config: DictConfig) -> float:
    """One Hydra job: trains in Hydra's output folder, records how it ended, and returns the held-out loss.

    An error is written to the job's own log with its traceback, to `status.json` as `failed`, and raised again.
    """
    hydra = HydraConfig.get()
    folder = Path(hydra.runtime.output_dir)
    resume = config.get("resume") is not None
    if rank_zero_only.rank != 0:
        # One of several processes of one run: the first keeps the books.
        train(check(plain(config)), plain(config), folder, None)
        return math.nan
    if resume and read_json(folder / "status.json")["state"] == "completed":
        raise SettingError(f"resume={folder}: this run is completed; start a new run without resume")
    status = RunStatus.start(folder, resumed=resume)
    status.config = config_key(plain(config))
    sweep = hydra.mode == RunMode.MULTIRUN
    try:
        settings = check(plain(config))
        train_kind, objective = kind_of_run(settings)
        metrics = train_kind(
            settings,
            plain(config),
            folder,
            status,
            group=Path(hydra.sweep.dir).name if sweep else None,
            run_name=f"{settings.name} {hydra.job.override_dirname}".strip() if sweep else settings.name,
        )
        status.write("completed")
        write_report(folder)
    except BaseException as error:
        if status.state == "completed" and isinstance(error, KeyboardInterrupt | Interrupted):
            raise KeyboardInterrupt from error  # the run is whole, its page may be wanting
        said = as_expected(error, folder)
        line = str(said) if isinstance(said, BowsError) else f"{type(said).__name__}: {said}"
        status.write_failed(line)
        # A single run's error is printed by the command as it ends; a sweep's here, among its jobs.
        log.error("%s", line, exc_info=error, extra={"file_only": not sweep})
        if sweep and isinstance(said, Interrupted):
            raise KeyboardInterrupt from error  # ends the sweep, where an error would end this job alone
        raise said from error
    print_results(metrics, headline_labels(), folder)
    return metrics[objective]


def kind_of_run(settings: TrainConfig) -> tuple[Callable[..., dict[str, float]], str]:
    """How a run is trained, and the metric that a sweep is told of it: an autoencoder of bags, or a classifier of pairs."""
    if not trains_on_pairs(settings.model):
        return train, MONITOR
    return train_pairs, OBJECTIVE


def as_expected(error: BaseException, folder: Path) -> BaseException:
    """Ctrl-C, a full disk and a preset's corpus that cannot be had as errors that say what to do; any other error as it is."""
    if isinstance(error, KeyboardInterrupt):
        return Interrupted(f"stopped by Ctrl-C; continue with resume={folder}")
    if isinstance(error, OSError) and (reason := cannot_write(error)):
        return DataError(
            f"run folder {folder}: {reason}; free space or permissions and continue with resume={folder}, or choose another folder "
            "with outputs=<folder>"
        )
    if isinstance(error, UnavailableError) and (small := small_version(folder)):
        return UnavailableError(
            f"{error}; the small version of this preset: python -m bows.train -m experiment={small} "
            "hydra/launcher=vectorized"
        )
    return error
