"""The members of a stack: each with its job, its task, and the loggers of its own."""

import logging
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from pytorch_lightning.loggers import Logger

from bows.config.schema import TrainConfig
from bows.runs.status import RunStatus
from bows.tracking.csv_logger import MetricsTable
from bows.tracking.loggers import extra_loggers
from bows.tracking.run_labels import Labels
from bows.training.autoencoder import AutoencoderTask
from bows.training.run import with_corpus

log = logging.getLogger(__name__)


@dataclass
class StackJob:
    """One job of a sweep, to be a member of a stack."""

    folder: Path
    """Its run folder."""
    settings: TrainConfig
    labels: Labels
    done: bool = False
    """Whether an earlier start of its stack completed it: it is a member, as in the stack's checkpoint, and its folder stays unchanged."""
    status: RunStatus | None = None
    """None for a job that is done, or not started yet."""


@dataclass
class MemberRun:
    """A member with all that belongs to its run folder."""

    job: StackJob
    task: AutoencoderTask
    dataset: int
    """Which of the stack's datasets it reads."""
    table: MetricsTable
    loggers: list[Logger] = field(default_factory=list)
    """In addition to metrics.csv; open from the start of training."""
    warnings: list[str] = field(default_factory=list)
    """What is wrong with its result."""
    open_loggers: ExitStack = field(default_factory=ExitStack)

    def start_loggers(self, mode: str | None) -> None:
        """Open the member's own loggers; `mode`, that of W&B for all members."""
        job, task = self.job, self.task
        config = with_corpus(job.settings.plain, task)
        opened = extra_loggers(job.settings.logger, config, job.folder, job.labels, self.table, mode)
        self.loggers += self.open_loggers.enter_context(opened)

    def end_loggers(self, error: BaseException | None) -> None:
        """Close them; a W&B run as failed where an error ended the member."""
        if error is None:
            self.open_loggers.close()
        else:
            self.open_loggers.__exit__(type(error), error, error.__traceback__)


def start_loggers(members: Sequence[MemberRun]) -> None:
    """Open the loggers of each member that is not done. W&B's mode is chosen once, since that may need an answer of its server."""
    chosen, mode = members[0].job.settings.logger, None
    if chosen.kind == "wandb":
        from bows.tracking.wandb_mode import choose_mode  # wandb takes 1 s to import

        mode, reason = choose_mode(chosen.mode, members[0].job.folder.parent / "*")
        log.info("%s", reason, extra={"console_only": True})
    for member in members:
        if not member.job.done:
            member.start_loggers(mode)
