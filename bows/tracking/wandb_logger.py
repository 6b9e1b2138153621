"""Weights & Biases: one W&B run per bows run, opened without a prompt, its files in the run folder.

Each run is opened on its own (``reinit="create_new"``) and ended by `RunLogger.finish`. Metrics go through Lightning's
``log_metrics(step=)``, which logs the optimizer step as ``trainer/global_step``; charts are drawn against it.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import wandb
from pytorch_lightning.loggers import WandbLogger
from wandb.sdk.wandb_run import Run

from bows.config.schema import Logger
from bows.errors import SettingError
from bows.tracking import STEP
from bows.tracking.csv_logger import MetricsTable
from bows.tracking.run_labels import Labels
from bows.tracking.wandb_mode import files_in, sync_command

if TYPE_CHECKING:
    import pyarrow as pa

log = logging.getLogger(__name__)

START_SECONDS = 30.0
FINISH_SECONDS = 300.0
# W&B refuses longer names.
LONGEST_NAME = 128
# The files of each artifact.
ARTIFACTS = {"model": ("model.safetensors", "vocabulary.txt"), "report": ("report.html",)}
# Of a table of words: W&B shows more rows only slowly.
TABLE_ROWS = 10_000


class RunLogger(WandbLogger):
    """Lightning's logger of one W&B run. A resumed run logs no metric twice at one step."""

    def __init__(self, folder: Path, run: Run, logged: Mapping[int, Collection[str]], artifacts: Sequence[str]) -> None:
        super().__init__(save_dir=str(folder), experiment=run)
        self._folder = folder
        self._logged = logged
        self._artifacts = artifacts

    def log_metrics(self, metrics: Mapping[str, Any], step: int | None = None) -> None:
        """Log metrics at an optimizer step, except those that the run had logged there before it was resumed."""
        if step is not None and (known := self._logged.get(step)):
            metrics = {name: value for name, value in metrics.items() if name not in known}
        if metrics:
            super().log_metrics(metrics, step)  # type: ignore[arg-type]

    def log_media(self, figures: Mapping[str, Path], tables: Mapping[str, pa.Table], step: int) -> None:
        """Log figures as images and tables as W&B tables.

        Args:
            figures: Name -> path of a PNG file; shown as ``figures/<name>``.
            tables: Name -> table, shown as ``tables/<name>``; only the first TABLE_ROWS rows are logged.
            step: The optimizer step that they show.
        """
        media: dict[str, Any] = {f"figures/{name}": wandb.Image(str(path)) for name, path in figures.items()}
        for name, table in tables.items():
            if table.num_rows > TABLE_ROWS:
                log.info("W&B table %s contains the first %d of %d rows", name, TABLE_ROWS, table.num_rows)
            media[f"tables/{name}"] = _table(table.slice(0, TABLE_ROWS))
        with files_in(self._folder), self._refusal_as_warning("figures and tables"):
            self.log_metrics(media, step)

    def log_files(self, folder: Path, warnings: Sequence[str]) -> None:
        """Log the artifacts that `logger.artifacts` names, by reference to the files of the run folder, and the warnings as summary."""
        with files_in(self._folder), self._refusal_as_warning("artifacts"):
            for kind in self._artifacts:
                files = [path for name in ARTIFACTS[kind] if (path := folder / name).is_file()]
                if files:
                    artifact = wandb.Artifact(f"{kind}-{self.experiment.id}", kind)
                    for path in files:
                        # "immutable": W&B reads the file where it is, and does not copy it.
                        artifact.add_file(str(path.absolute()), path.name, policy="immutable")
                    self.experiment.log_artifact(artifact)
        self.experiment.summary["warnings"] = list(warnings)

    @contextmanager
    def _refusal_as_warning(self, what: str) -> Iterator[None]:
        """Log a warning where the server refuses something at the end of a run, for instance because the key is valid no longer."""
        try:
            yield
        except wandb.errors.Error as error:
            log.warning(
                "W&B did not accept the %s (%s); the run folder contains them", what, str(error).partition("\n")[0]
            )

    def finish(self, failed: bool) -> None:
        """End the W&B run, as failed where the job failed."""
        try:
            self.experiment.finish(exit_code=1 if failed else 0)
        except TimeoutError:
            command = sync_command(self._folder, online=True)
            text = "W&B did not receive the last data within %.0f s; upload them with: %s"
            log.warning(text, FINISH_SECONDS, command)


def open_run(
    folder: Path,
    mode: str,
    chosen: Logger,
    labels: Labels,
    config: Mapping[str, Any] | None = None,
    table: MetricsTable | None = None,
) -> RunLogger:
    """Open a W&B run.

    Args:
        folder: The run folder; W&B's files are written to ``<folder>/wandb/``.
        mode: ``online``, ``offline`` or ``disabled``, as `bows.tracking.wandb_mode.choose_mode` returns.
        chosen: Project, entity, artifacts and tags; its group replaces that of `labels`.
        labels: The names of the run.
        config: The configuration: plain nested dictionaries, lists, numbers and strings.
        table: metrics.csv. Where it is that of a resumed run, the W&B run of the folder is continued under its id: an
            offline one that was not uploaded is written again from the table, as a killed process loses what W&B had
            not written yet; any other is continued without the metrics that it has at a step already.

    Raises:
        SettingError: W&B did not start the run, for instance because of its key.
    """
    folder.mkdir(parents=True, exist_ok=True)
    settings = wandb.Settings(
        console="off", silent=True, reinit="create_new", root_dir=str(folder), init_timeout=START_SECONDS,
        finish_timeout=FINISH_SECONDS, finish_timeout_raises=True,
    )  # fmt: skip
    logged = None if table is None else table.dropped
    earlier = [] if table is None or logged is None or mode != "offline" else _not_uploaded(folder)
    if logged is None:
        # resume="auto" keeps the id of a run that did not finish in this file of the run folder.
        Path(settings.resume_fname).unlink(missing_ok=True)
    try:
        with files_in(folder), _without_launch():
            run = wandb.init(
                project=chosen.project, entity=chosen.entity, name=labels.name[:LONGEST_NAME], group=chosen.group or labels.group,
                job_type=labels.job_type, tags=[*dict.fromkeys([*labels.tags, *chosen.tags])], config=dict(config or {}),
                dir=str(folder), mode=mode, resume=None if mode == "disabled" else "auto", settings=settings,  # type: ignore[arg-type]
            )  # fmt: skip
    except wandb.errors.Error as error:
        first_line = str(error).strip().partition("\n")[0] or type(error).__name__
        raise SettingError(
            f"logger.mode={mode}: W&B did not start the run ({first_line}); use logger.mode=offline"
        ) from error
    run.define_metric(STEP)
    run.define_metric("*", step_metric=STEP, step_sync=True)
    if table is None or not earlier:
        return RunLogger(folder, run, logged or {}, chosen.artifacts)
    logger = RunLogger(folder, run, {}, chosen.artifacts)
    for step, row in table.rows():
        logger.log_metrics(row, step)
    for part in earlier:
        shutil.rmtree(part)
    return logger


def _not_uploaded(folder: Path) -> list[Path]:
    """Return the folders of a run's offline parts; none where any part was uploaded, or was online."""
    parts = list((folder / "wandb").glob("*run-*-*"))
    offline = all(part.name.startswith("offline-") and not list(part.glob("*.synced")) for part in parts)
    return parts if offline else []


@contextmanager
def _without_launch() -> Iterator[None]:
    """Let wandb.init not search for the inputs of a W&B Launch job, which bows never is: importing Launch takes 2 to 4 s."""
    name = "_detect_and_apply_job_inputs"
    search = getattr(Run, name, None)
    if search is not None:
        setattr(Run, name, lambda _: None)
    try:
        yield
    finally:
        if search is not None:
            setattr(Run, name, search)


def _table(table: pa.Table) -> wandb.Table:
    """Return a W&B table; columns have the types of their first values. A column without any value is left out.

    Adding the rows one by one checks the type of every cell: 1.2 s for 3,000 rows of 20 columns.
    """
    table = table.select([name for name in table.column_names if table.column(name).null_count < table.num_rows])
    columns = [column.to_pylist() for column in table.columns]
    first = [next((cell for cell in column if cell is not None), None) for column in columns]
    made = wandb.Table(columns=list(table.column_names), data=[first])
    made.data = [list(row) for row in zip(*columns, strict=True)]
    return made
