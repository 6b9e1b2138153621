"""Looking again at a finished run: measure it, explain a word, compare it with others, search it for rings, or take a plane from it."""

import logging
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import torch
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from bows.analysis.ordered_sets import whole_sets
from bows.analysis.ring import ring_coordinates
from bows.analysis.set_shapes import KINDS
from bows.analysis.shape_search import scan
from bows.config.resolve import plain
from bows.config.schema import AnalyzeConfig
from bows.config.validate import check
from bows.console import print_results, quiet_libraries
from bows.data.datamodule import BagsDataModule
from bows.errors import BowsError
from bows.evaluation.ablate import ablate_plane, find_plane
from bows.evaluation.compare import (
    distinct,
    other_autoencoder,
    print_comparison,
    window_errors,
    write_comparison,
)
from bows.evaluation.device import check_accelerator, device_of
from bows.evaluation.evaluate import Thresholds, measure
from bows.evaluation.explain import explain_word, print_explanation
from bows.evaluation.request import find_others, find_words_apart, with_own_settings
from bows.evaluation.save import log_results, read_columns, write_measurement
from bows.figures.found_shapes import found_shapes
from bows.figures.render_pool import draw
from bows.figures.style import save
from bows.model.autoencoder import Autoencoder
from bows.runs.folder import RunFolder, find_run
from bows.runs.reload import load_autoencoder, open_data
from bows.runs.status import RunStatus
from bows.tracking.loggers import extra_loggers

log = logging.getLogger(__name__)

# Found sets of each kind that are printed and drawn; found_sets.parquet has all.
SHOWN = 8
DRAWN = 4


def analyze_job(config: DictConfig) -> None:
    """One Hydra job, in Hydra's output folder; where it fails before there is any result, the folder goes."""
    hydra = HydraConfig.get()
    given = {word.partition("=")[0].lstrip("+~") for word in hydra.overrides.task}
    folder = Path(hydra.runtime.output_dir)
    status = RunStatus.start(folder, resumed=False)
    try:
        analyze(plain(config), given, folder, status)
    except BaseException as error:
        line = "stopped by Ctrl-C" if isinstance(error, KeyboardInterrupt) else f"{error}"
        status.write_failed(line)
        leave_nothing(folder)
        raise
    status.write("completed")
    print(folder)


def leave_nothing(folder: Path) -> None:
    """Remove the folder of an analysis that has no result yet."""
    if {path.name for path in folder.iterdir()} - {".hydra", "analyze.log", "status.json"}:
        return
    for handler in list(logging.getLogger().handlers):
        if isinstance(handler, logging.FileHandler):
            logging.getLogger().removeHandler(handler)
            handler.close()
    shutil.rmtree(folder)
    with suppress(OSError):  # other analyses lie there
        folder.parent.rmdir()


def analyze(config: dict[str, Any], given: set[str], folder: Path, status: RunStatus | None = None) -> None:
    """Without `word`, `against`, `scan` or `plane`, measure every group of `analysis.groups`; else do what they ask for.

    config: the composed settings. given: names of those that stand on the command line. folder: where the results go. status: told
    the corpus.
    """
    run = find_run(str(config["run"]))
    config = with_own_settings(config, run, given)
    settings: AnalyzeConfig = check(config, "analyze")
    quiet_libraries()
    check_accelerator(settings.accelerator)
    if settings.threads:
        torch.set_num_threads(settings.threads)
    device = device_of(settings.accelerator)
    others = find_others(settings.against, run)
    find_words_apart(settings.word, settings.context, run.vocabulary)
    of_plane = find_plane(settings.plane, settings.analysis.sets, run.vocabulary, run.config["model"]["latent"])
    autoencoder = load_autoencoder(run)
    data: BagsDataModule = open_data(settings.data or run.config["data"], run, "data" if settings.data else "run")
    windows = data.windows("validation")
    training = training_data(run, data) if settings.data else data
    if status:
        status.corpus = data.corpus.hash
        status.write("running")
        # What was used: defaults that the run itself had set otherwise are its own.
        OmegaConf.save(OmegaConf.create(config), folder / ".hydra" / "config.yaml")
    log.info("%s: %s held-out windows of %d rows", run.folder, f"{len(windows):,}", data.window)
    if settings.word is not None:
        print_explanation(
            explain_word(
                autoencoder,
                data,
                settings.word,
                settings.context,
                settings.seed,
                device,
                folder,
                settings.analysis.figures,
            )
        )
    if others:
        compare(settings, run, others, autoencoder, data, training, device, folder)
    if settings.scan:
        search(settings, autoencoder, data, device, folder)
    if settings.plane is not None and of_plane is not None:
        ablate_plane(
            autoencoder,
            data,
            training,
            settings.plane,
            of_plane,
            settings.analysis.threshold,
            settings.seed,
            device,
            folder,
            settings.analysis.figures,
        )
    if settings.word is None and not others and not settings.scan and settings.plane is None:
        again(settings, config, run, autoencoder, data, training, device, folder)


def training_data(run: RunFolder, data: BagsDataModule) -> BagsDataModule:
    """Where the linear read-out and pca are fitted when other documents are measured: the run's own training documents. Where they
    are gone, those of the other corpus, and the log says so."""
    try:
        return open_data(run.config["data"], run, "run")
    except BowsError as error:
        log.warning("the linear read-out and pca are fitted on the training part of data=, as %s", error)
        return data


def again(
    settings: AnalyzeConfig,
    config: dict,
    run: RunFolder,
    autoencoder: Autoencoder,
    data: BagsDataModule,
    training: BagsDataModule,
    device: torch.device,
    folder: Path,
) -> None:
    """The closing measurement of a run, without training: summary.json, words.parquet, regimes.csv and figures."""
    sets = whole_sets(settings.analysis.sets, run.vocabulary)
    measured = measure(autoencoder, data, sets, settings.analysis, settings.seed, device, training=training)
    step = last_step(run.folder / "metrics.csv")
    with extra_loggers(settings.logger, config, folder, None, f"analysis of {run.folder.name}") as loggers:
        for logger in loggers:
            logger.log_metrics(measured.metrics, step=step)
        pictures = write_measurement(
            folder, autoencoder, data.corpus, measured, measured.metrics, sets, settings.analysis
        )
        log_results(loggers, draw(folder / "figures", pictures), measured, step)
    print_results(measured.metrics)


def compare(
    settings: AnalyzeConfig,
    run: RunFolder,
    others: list[RunFolder | None],
    autoencoder: Autoencoder,
    data: BagsDataModule,
    training: BagsDataModule,
    device: torch.device,
    folder: Path,
) -> None:
    """The run beside others of its size, on the same held-out windows."""
    names = distinct([run.label, *("pca" if other is None else other.label for other in others)])
    sets = whole_sets(settings.analysis.sets, run.vocabulary)
    measured, errors = {}, {}
    for name, other in zip(names, [run, *others], strict=True):
        model = autoencoder if other is run else other_autoencoder(other, autoencoder, training, device)
        log.info("measuring %s", name)
        measured[name] = measure(model, data, sets, settings.analysis, settings.seed, device, training=training)
        errors[name] = window_errors(model, data, device)
    thresholds = Thresholds(**vars(settings.analysis.regimes))
    tables = write_comparison(
        measured, errors, data.window, thresholds, settings.seed, folder, settings.analysis.figures
    )
    print_comparison(measured, tables)
    print(f"regimes: {thresholds}")


def search(
    settings: AnalyzeConfig, autoencoder: Autoencoder, data: BagsDataModule, device: torch.device, folder: Path
) -> None:
    """Rings, lines and clusters that nobody named: found_sets.parquet and a figure of the best."""
    present = torch.zeros(autoencoder.features, dtype=torch.float64)
    windows = data.windows("validation")
    for bags in windows.batches(data.evaluation_batch_size, device):
        present += bags.sum(0).double().cpu()
    encoder = autoencoder.encoder_weight.detach().float().cpu()
    rate = settings.false_discovery_rate
    frequency = (present / len(windows)).numpy()
    found = scan(encoder, data.corpus.vocabulary, frequency, seed=settings.seed, q_threshold=rate)
    pq.write_table(found, folder / "found_sets.parquet")
    of_kind = {kind: [row for row in found.to_pylist() if row["kind"] == kind] for kind in KINDS}
    counts = ", ".join(f"{len(rows)} {kind}s" for kind, rows in of_kind.items())
    print(f"{found.num_rows} found at a false discovery rate under {rate:g}: {counts}")
    for kind, rows in of_kind.items():
        for row in rows[:SHOWN]:
            print(f"  {kind:<8} score {row['score']:.3f}  p {row['p']:.2g}  q {row['q']:.2g}  {' '.join(row['words'])}")
        if len(rows) > SHOWN:
            print(f"  {'':<8} and {len(rows) - SHOWN} more in found_sets.parquet")
    if settings.analysis.figures:
        place = {word: index for index, word in enumerate(data.corpus.vocabulary)}
        best = [row for rows in of_kind.values() for row in rows[:DRAWN]]
        drawn = [(row, ring_coordinates(encoder, [place[word] for word in row["words"]])) for row in best]
        drawn = [(row, points) for row, points in drawn if points is not None]
        figure = found_shapes([row for row, _ in drawn], [points for _, points in drawn], q_threshold=rate)
        save(figure, folder / "figures" / "found_sets")


def last_step(metrics: Path) -> int:
    """The last step of a run's metrics.csv, 0 where it has none."""
    try:
        steps = read_columns(metrics).get("step", [])
    except (OSError, ValueError):  # it only places the numbers on W&B's axis
        return 0
    return int(max((step for step in steps if step is not None), default=0))
