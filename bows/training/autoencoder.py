"""One run, from checked settings to a complete run folder."""

import logging
import math
import sys
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from hydra.utils import instantiate
from omegaconf import DictConfig
from pytorch_lightning.utilities.rank_zero import rank_zero_only

from bows.analysis.geometry import GROUPS
from bows.analysis.ordered_sets import Resolved, resolve
from bows.cli.hydra_app import plain
from bows.config.presets import small_version
from bows.config.schema import Logger, TrainConfig, TrainerSettings, trains_on_pairs
from bows.config.validate import check
from bows.console import print_results, quiet_libraries
from bows.data.datamodule import BagsDataModule
from bows.data.pairs import PairsDataModule
from bows.errors import BowsError, DataError, SettingError, UnavailableError, cannot_write
from bows.evaluation.evaluate import measure
from bows.evaluation.save import log_results, write_results
from bows.figures.render_pool import draw
from bows.model.autoencoder import Autoencoder
from bows.model.lightning import BagsModule
from bows.model.optimizers import OptimizerSettings
from bows.model.pca import PrincipalComponents
from bows.reports.run_report import write_report
from bows.runs.status import RunStatus, config_key, read_json
from bows.tracking.csv_logger import MetricsTable
from bows.training.callbacks.checkpoints import MONITOR, AtomicCheckpointIO, checkpoint_callbacks, find_checkpoint
from bows.training.callbacks.geometry import GeometryMonitor
from bows.training.callbacks.interrupt import Interrupted, InterruptGuard, LossGuard
from bows.training.callbacks.progress import progress_callback
from bows.training.callbacks.reconstruction import ReconstructionMonitor
from bows.training.callbacks.throughput import SpeedMonitor, peak_memory_bytes
from bows.training.sparse import choose_bags

log = logging.getLogger(__name__)

# Validations over a run, at most; more would cost small models more time than their training.
VALIDATIONS = 20
# Words of a vocabulary up to which models train in double precision on a CPU. It costs them nothing that is felt, and what rounding does to
# the directions a model does not use, which it amplifies step by step, then stays far below anything that is read off a model.
DOUBLE_PRECISION_WORDS = 64


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
    print_results(metrics, folder)
    return metrics[objective]


def kind_of_run(settings: TrainConfig) -> tuple[Callable[..., dict[str, float]], str]:
    """How a run is trained, and the metric that a sweep is told of it: an autoencoder of bags, or a classifier of pairs."""
    if not trains_on_pairs(settings.model):
        return train, MONITOR
    from bows.training.pairs import OBJECTIVE, train_pairs  # imported here: it builds on this module

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


def train(
    settings: TrainConfig,
    config: dict[str, Any],
    folder: Path,
    status: RunStatus | None,
    group: str | None = None,
    run_name: str | None = None,
) -> dict[str, float]:
    """Train one autoencoder and fill its run folder. Returns the metrics of `summary.json`."""
    quiet_libraries()
    if settings.trainer.threads:
        torch.set_num_threads(settings.trainer.threads)
    pl.seed_everything(settings.seed, verbose=False)
    check_accelerator(settings.trainer.accelerator)

    data: BagsDataModule = instantiate_plain(config["data"])
    words = len(data.corpus.vocabulary)
    data.setup("fit")  # a window longer than a split is said before anything else is made
    log.info("%s windows of %d rows, %d a batch", f"{len(data.windows('train')):,}", data.window, data.batch_size)
    if status:
        status.corpus = data.corpus.hash
        status.write("running")
    autoencoder = make_autoencoder(config["model"], words)
    sets = whole_sets(settings.analysis.sets, data.corpus.vocabulary)

    checkpoint = find_checkpoint_or_start(folder) if settings.resume else None
    step = torch.load(checkpoint, weights_only=True)["global_step"] - 1 if checkpoint else None
    table = MetricsTable(folder, resume_step=step)
    with extra_loggers(settings.logger, config, folder, group, run_name or settings.name) as loggers:
        trainer = make_trainer(settings, folder, [table, *loggers], callbacks_of(settings, folder, sets), words)
        module = BagsModule(
            autoencoder,
            optimizer_settings(settings),
            steps=training_steps(settings, data),
            compile=settings.trainer.compile,
        )
        if isinstance(autoencoder, PrincipalComponents):
            fit_closed_form(trainer, module, data, folder)
        else:
            choose_bags(trainer, module, data, settings.trainer.compile)
            trainer.fit(module, datamodule=data, ckpt_path=checkpoint, weights_only=True)
        as_kept(autoencoder)
        if trainer.global_rank == 0:
            last_step = max(trainer.global_step - 1, 0)
            measured = measure(
                autoencoder,
                data,
                sets,
                settings.analysis,
                settings.seed,
                trainer.strategy.root_device,
                sum(callback.seconds for callback in trainer.callbacks if isinstance(callback, GeometryMonitor)),  # type: ignore[attr-defined]
            )
            if (r2 := measured.metrics.get("reconstruction/r2", 0.0)) < 0:
                log.warning(
                    "held-out R² is %.2g: worse than naming each word by its frequency; more text, a smaller data.vocab_size, a larger "
                    "latent, more wd or fewer epochs may help", r2,
                )  # fmt: skip
            for logger in trainer.loggers:
                logger.log_metrics({**measured.metrics, "epoch": max(trainer.current_epoch - 1, 0)}, step=last_step)
                logger.save()
            pictures = write_results(folder, autoencoder, data.corpus, measured, table.summary, sets, settings.analysis)
            log_results(loggers, draw(folder / "figures", pictures), measured, last_step)
    return table.summary


def as_kept(autoencoder: Autoencoder) -> None:
    """Give the weights the precision and the order in memory that model.safetensors will give them: what is measured can be measured
    again."""
    autoencoder.float()
    for weight in autoencoder.parameters():
        weight.data = weight.data.contiguous()


def optimizer_settings(settings: TrainConfig) -> OptimizerSettings:
    chosen = asdict(settings.optimizer)
    del chosen["allow_negative_decay"]
    return OptimizerSettings(**chosen)


def training_steps(settings: TrainConfig, data: BagsDataModule | PairsDataModule) -> int:
    """Optimizer steps of the whole training."""
    return settings.epochs * min(len(data.train_dataloader()), settings.trainer.limit_train_batches or sys.maxsize)


def instantiate_plain(node: dict[str, Any], **extra: Any) -> Any:
    """A node's `_target_` called with the node's keys as plain arguments."""
    return instantiate(node, _convert_="all", **extra)


def make_autoencoder(node: dict[str, Any], words: int) -> Autoencoder:
    if node["_target_"] == "bows.model.pca.PrincipalComponents" and node["latent"] > words:
        raise SettingError(
            f"latent={node['latent']} is not allowed with model=pca; allowed: 1 to {words}, the number of words in the vocabulary"
        )
    return instantiate_plain(node, features=words)


def check_accelerator(accelerator: str) -> None:
    if accelerator in {"gpu", "cuda"} and not torch.cuda.is_available():
        raise SettingError(f"trainer.accelerator={accelerator}: this machine has no CUDA device; use trainer=cpu")
    if accelerator == "mps" and not torch.backends.mps.is_available():
        raise SettingError("trainer.accelerator=mps: this machine has no Apple GPU; use trainer=cpu")


def whole_sets(sets: dict[str, list[str]], vocabulary: list[str], quiet: bool = False) -> dict[str, list[int]]:
    """Word indices of the ordered sets that are wholly in the vocabulary; the others are said, unless quiet."""
    found = {name: resolve(words, vocabulary) for name, words in sets.items()}
    if not quiet:
        _say_what_is_wanting(found)
    return {name: place.indices for name, place in found.items() if not place.missing}


def _say_what_is_wanting(found: dict[str, Resolved]) -> None:
    if absent := [name for name, place in found.items() if not place.indices]:
        log.info("ordered sets without a word in the vocabulary: %s", ", ".join(absent))
    wanting = {name: place.missing for name, place in found.items() if place.indices and place.missing}
    if wanting:
        lacking = "; ".join(f"{name}: {', '.join(shortened(words))}" for name, words in wanting.items())
        log.info("%d ordered sets left out, as the vocabulary lacks words of theirs (%s)", len(wanting), lacking)


def shortened(words: list[str], most: int = 3) -> list[str]:
    """The first words, and how many more there are."""
    return words if len(words) <= most + 1 else [*words[:most], f"{len(words) - most} more"]


def find_checkpoint_or_start(folder: Path) -> Path | None:
    if not (folder / "checkpoints" / "last.ckpt").exists():
        log.info("no checkpoint was written before this run stopped: it starts from its first step again")
        return None
    return find_checkpoint(folder)


def callbacks_of(settings: TrainConfig, folder: Path, sets: dict[str, list[int]]) -> list[pl.Callback]:
    """What watches the training of one autoencoder."""
    checkpoints, analysis = folder / "checkpoints", settings.analysis
    callbacks: list[pl.Callback] = [SpeedMonitor(), ReconstructionMonitor()]
    if analysis.looks != 0 and set(analysis.groups) & set(GROUPS):
        callbacks.append(GeometryMonitor(sets, analysis.permutations, settings.seed, analysis.looks, analysis.groups))
    return [
        *callbacks,
        LossGuard(),
        progress_callback(plain=None),
        *checkpoint_callbacks(checkpoints, settings.trainer.checkpoint_every_steps),
        InterruptGuard(checkpoints),
    ]


def chosen_precision(chosen: TrainerSettings, words: int | None) -> str:
    """Lightning's name of the precision that trainer.precision=auto stands for."""
    if chosen.precision != "auto":
        return chosen.precision
    on_cpu = chosen.accelerator == "cpu" or (
        chosen.accelerator == "auto" and not torch.cuda.is_available() and not torch.backends.mps.is_available()
    )
    return "64-true" if on_cpu and words is not None and words <= DOUBLE_PRECISION_WORDS else "32-true"


def make_trainer(
    settings: TrainConfig, folder: Path, loggers: list, callbacks: Sequence[pl.Callback], words: int | None = None
) -> pl.Trainer:
    """Lightning's trainer of a run, or of a stack. words: of the vocabulary; None where the model is not of bags."""
    chosen = settings.trainer
    return pl.Trainer(
        accelerator=chosen.accelerator,
        devices=chosen.devices,
        strategy=chosen.strategy,
        num_nodes=chosen.num_nodes,
        precision=chosen_precision(chosen, words),  # type: ignore[arg-type]
        max_epochs=settings.epochs,
        check_val_every_n_epoch=-(-settings.epochs // VALIDATIONS),
        limit_train_batches=chosen.limit_train_batches,
        detect_anomaly=chosen.detect_anomaly,
        logger=loggers,
        callbacks=list(callbacks),
        plugins=[AtomicCheckpointIO()],
        default_root_dir=folder,
        num_sanity_val_steps=0,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
    )


def fit_closed_form(trainer: pl.Trainer, module: BagsModule, data: BagsDataModule, folder: Path) -> None:
    """The closed-form model: fitted from the training windows' moments, then validated and saved like a trained one."""
    import time

    began = time.perf_counter()
    device = trainer.strategy.root_device
    windows = data.windows("train")
    # Large batches: counting co-occurrences is one matrix product a batch.
    module.autoencoder.fit(windows.batches(data.evaluation_batch_size, device))  # type: ignore[operator]
    seconds = time.perf_counter() - began
    metrics = trainer.validate(module, datamodule=data, verbose=False)[0]
    trainer.save_checkpoint(folder / "checkpoints" / "last.ckpt")
    speed = {
        "speed/windows_per_second": len(windows) / seconds,
        "speed/seconds": seconds,
        "speed/peak_memory_mb": peak_memory_bytes() / 1e6,
    }
    for logger in trainer.loggers:
        logger.log_metrics({**metrics, **speed, "epoch": 0}, step=0)


@contextmanager
def extra_loggers(chosen: Logger, config: dict[str, Any], folder: Path, group: str | None, run_name: str):
    """The logger that was chosen, beside metrics.csv; ended with the run, as failed where the run fails."""
    if chosen.kind == "tensorboard":
        from importlib.util import find_spec

        if find_spec("tensorboard") is None:
            raise SettingError('logger=tensorboard: tensorboard is not installed; pip install "bows[tensorboard]"')
        from pytorch_lightning.loggers import TensorBoardLogger

        yield [TensorBoardLogger(save_dir=folder, name="", version="tensorboard")]
    elif chosen.kind == "wandb" and rank_zero_only.rank == 0:
        from bows.tracking.wandb_logger import finish, log_config, wandb_logger
        from bows.tracking.wandb_mode import choose_mode

        mode, sentence = choose_mode(chosen.mode, folder)
        log.info("%s", sentence)
        logger = wandb_logger(
            folder, mode, chosen.project, run_name, chosen.group or group, tuple(chosen.tags), entity=chosen.entity
        )
        failed = True
        try:
            log_config(logger, config)
            yield [logger]
            failed = False
        finally:
            finish(logger, failed)
    else:
        yield []
