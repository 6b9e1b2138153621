"""Run one Hydra job to a complete run folder, and record how it ended."""

import logging
import math
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig
from pytorch_lightning.utilities.rank_zero import rank_zero_only

from bows.analysis.catalog import headline_labels
from bows.config.identity import config_key
from bows.config.presets import small_version
from bows.config.resolve import plain
from bows.config.validate import check
from bows.console import print_results
from bows.errors import BowsError, DataError, Interrupted, SettingError, UnavailableError, cannot_write
from bows.reports.run_report import write_report
from bows.runs.lock import lock_runs
from bows.runs.status import RunStatus, read_status
from bows.training.run import task_of, train

log = logging.getLogger(__name__)


def train_job(config: DictConfig) -> float:
    """Train in Hydra's output folder, record how the job ended, and return the objective of its task, such as the held-out loss.

    An error is written to the job's own log with its traceback and to `status.json` as `failed`, and raised again.
    """
    hydra = HydraConfig.get()
    folder = Path(hydra.runtime.output_dir)
    composed = plain(config)
    if rank_zero_only.rank != 0:  # ranks above 0 do not write status.json
        train(check(composed), folder, None)
        return math.nan
    # In a sweep the worker holds the lock.
    with nullcontext() if hydra.mode == RunMode.MULTIRUN else lock_runs([folder]):
        return _train_and_record(composed, hydra, folder)


def _train_and_record(composed: dict[str, Any], hydra: Any, folder: Path) -> float:
    resume = composed.get("resume") is not None
    if resume and read_status(folder)["state"] == "completed":
        raise SettingError(f"resume={folder}: this run is completed; start a new run without resume")
    status = RunStatus.start(folder, resumed=resume)
    status.config = config_key(composed)
    sweep = hydra.mode == RunMode.MULTIRUN
    group = Path(hydra.sweep.dir).name if sweep else None
    try:
        settings = check(composed)
        run_name = f"{settings.name} {hydra.job.override_dirname}".strip() if sweep else settings.name
        metrics = train(settings, folder, status, group, run_name)
        status.write("completed")
        write_report(folder)
    except BaseException as error:
        if status.state == "completed" and isinstance(error, KeyboardInterrupt | Interrupted):
            raise KeyboardInterrupt from error  # the run completed; only its report may be missing
        failure = as_expected(error, folder)
        line = record_failure(status, failure)
        # The command prints the error of a single run as it ends; that of a sweep's job is printed here.
        log.error("%s", line, exc_info=error, extra={"file_only": not sweep})
        if sweep and isinstance(failure, Interrupted):
            raise KeyboardInterrupt from error  # ends the sweep; an error ends this job alone
        raise failure from error
    print_results(metrics, headline_labels(), folder)
    return metrics[task_of(settings).objective]


def record_failure(status: RunStatus, error: BaseException) -> str:
    """Write an error to status.json; return its one line."""
    line = str(error) if isinstance(error, BowsError) else f"{type(error).__name__}: {error}"
    status.write_failed(line)
    return line


def as_expected(error: BaseException, folder: Path) -> BaseException:
    """Return Ctrl-C, a full disk or an unavailable corpus as an error that names the remedy; any other error unchanged."""
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
