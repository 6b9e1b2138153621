"""Analyze a finished run: evaluate it again, explain a word, compare it with others, discover shapes, or ablate a plane."""

import logging
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from bows.analysis.catalog import headline_labels
from bows.analysis.ordered_sets import whole_sets
from bows.config.resolve import plain
from bows.config.schema import AnalyzeConfig
from bows.config.validate import check
from bows.console import print_results, quiet_libraries, working
from bows.evaluation.ablate import ablate_plane, find_plane
from bows.evaluation.ablation_results import draw_ablation, print_ablation, write_ablation
from bows.evaluation.compare import compare, draw_comparison, print_comparison, write_comparison
from bows.evaluation.compare_vectors import compare_geometry, print_geometry, write_geometry
from bows.evaluation.context import LoadedRun
from bows.evaluation.device import check_accelerator
from bows.evaluation.discover import discover_shapes, draw_shapes, print_shapes, write_shapes
from bows.evaluation.evaluate import evaluate
from bows.evaluation.explain import draw_explanation, explain_word, print_explanation, write_explanation
from bows.evaluation.load_run import load
from bows.evaluation.request import find_others, find_words_apart, with_own_settings
from bows.evaluation.save import log_results, read_columns, write_evaluation
from bows.evaluation.vectors import analyze_vectors
from bows.figures.render_pool import draw
from bows.model.autoencoder import weights
from bows.reports.run_report import write_report
from bows.runs.folder import RunFolder, find_run
from bows.runs.status import RunStatus
from bows.tracking.loggers import extra_loggers
from bows.tracking.run_labels import Labels

log = logging.getLogger(__name__)


def analyze_job(config: DictConfig) -> None:
    """Run one Hydra job in Hydra's output folder, which is removed where the job fails before there is any result."""
    hydra = HydraConfig.get()
    given = {word.partition("=")[0].lstrip("+~") for word in hydra.overrides.task}
    folder = Path(hydra.runtime.output_dir)
    status = RunStatus.start(folder, resumed=False)
    try:
        if config["matrix"]:
            analyze_vectors(plain(config), given, folder, status)
        else:
            analyze(plain(config), given, folder, status)
    except BaseException as error:
        line = "stopped by Ctrl-C" if isinstance(error, KeyboardInterrupt) else f"{error}"
        status.write_failed(line)
        remove_if_empty(folder)
        raise
    status.write("completed")
    if not config["matrix"]:
        add_to_report(Path(str(config["run"])), folder)
    print(folder)


def add_to_report(run: Path, folder: Path) -> None:
    """Write the report of a run anew, with what an analysis in its folder found."""
    if folder.parent.resolve() != (run / "analysis").resolve():
        return
    try:
        log.info("report with these results: %s", write_report(run))
    except OSError as error:  # the analysis is complete
        log.warning("the report of %s was not written (%s); python -m bows.report %s writes it", run, error, run)


def remove_if_empty(folder: Path) -> None:
    """Remove the folder of an analysis that has no result yet."""
    if {path.name for path in folder.iterdir()} - {".hydra", "analyze.log", "status.json"}:
        return
    for handler in list(logging.getLogger().handlers):
        if isinstance(handler, logging.FileHandler):
            logging.getLogger().removeHandler(handler)
            handler.close()
    shutil.rmtree(folder)
    with suppress(OSError):  # it contains other analyses
        folder.parent.rmdir()


def analyze(config: dict[str, Any], given: set[str], folder: Path, status: RunStatus | None = None) -> None:
    """Do the analyses that `word`, `against`, `scan` and `plane` ask for; without them evaluate every group of `analysis.groups`.

    Args:
        config: the composed settings.
        given: names of the settings on the command line; the others are taken from the run.
        folder: where the results are written.
        status: of this job, which records the corpus.
    """
    run = find_run(str(config["run"]))
    config = with_own_settings(config, run, given)
    settings: AnalyzeConfig = check(config, "analyze")
    quiet_libraries()
    check_accelerator(settings.accelerator)
    if settings.threads:
        torch.set_num_threads(settings.threads)
    others = find_others(settings.against, run)
    find_words_apart(settings.word, settings.context, run.vocabulary)
    plane = find_plane(settings.plane, settings.analysis.ordered_sets, run.vocabulary, run.config["model"]["latent"])
    loaded = load(run, settings)
    if status:
        status.corpus = loaded.data.corpus.hash
        status.write("running")
        # The settings that were used: the run's own values replace defaults.
        OmegaConf.save(OmegaConf.create(config), folder / ".hydra" / "config.yaml")
    windows = len(loaded.data.windows("validation"))
    log.info("%s: %s held-out windows of %d rows", run.folder, f"{windows:,}", loaded.data.window)
    figures = settings.analysis.figures
    if settings.word is not None:
        with working(f"explaining {settings.word}"):
            explanation = explain_word(loaded, settings.word, settings.context)
        write_explanation(explanation, folder)
        if figures:
            draw_explanation(explanation, folder)
        print_explanation(explanation)
    if others:
        compare_with(loaded, others, settings, folder)
    if settings.scan:
        with working("searching for rings, lines and clusters"):
            found = discover_shapes(loaded, settings.false_discovery_rate)
        write_shapes(found, folder)
        print_shapes(found, settings.false_discovery_rate)
        if figures:
            draw_shapes(found, loaded, settings.false_discovery_rate, folder)
    if settings.plane is not None and plane is not None:
        with working(f"ablating the plane of {settings.plane}"):
            ablation = ablate_plane(loaded, settings.plane, plane, settings.analysis.threshold)
        write_ablation(ablation, folder)
        if figures:
            draw_ablation(ablation, folder)
        print_ablation(ablation)
    if settings.word is None and not others and not settings.scan and settings.plane is None:
        evaluate_again(loaded, settings, config, folder)


def compare_with(
    loaded: LoadedRun, others: list[RunFolder | str | Path], settings: AnalyzeConfig, folder: Path
) -> None:
    """Compare the run with other models of its size, and the geometry of all of them with word vectors."""
    models = [other for other in others if not isinstance(other, Path)]
    encoders = {loaded.run.label: weights(loaded.autoencoder)[0].detach().cpu()}
    if models:
        with working("comparing models"):
            comparison = compare(loaded, models, settings.analysis)
        write_comparison(comparison, folder)
        if settings.analysis.figures:
            draw_comparison(comparison, folder)
        print_comparison(comparison)
        encoders = comparison.encoders
    paths = [other for other in others if isinstance(other, Path)]
    if paths or {"pmi", "mstar"}.intersection(settings.against):
        with working("comparing geometries"):
            rows = compare_geometry(loaded, encoders, paths, settings)
        write_geometry(rows, folder)
        print_geometry(rows)


def evaluate_again(loaded: LoadedRun, settings: AnalyzeConfig, config: dict[str, Any], folder: Path) -> None:
    """Evaluate a run as at the end of its training: write summary.json, words.parquet, regimes.csv and figures, and print."""
    sets = whole_sets(settings.analysis.ordered_sets, loaded.vocabulary)
    chosen, seed, device = settings.analysis, settings.seed, loaded.device
    with working("evaluating the model"):
        evaluation = evaluate(loaded.autoencoder, loaded.data, sets, chosen, seed, device, training=loaded.training)
    step = last_step(loaded.run.folder / "metrics.csv")
    labels = Labels(f"analysis of {loaded.run.folder.name}", job_type="analyze")
    own = {**config, "corpus": {"hash": loaded.data.corpus.hash, "words": len(loaded.vocabulary)}}
    with extra_loggers(settings.logger, own, folder, labels) as loggers:
        for logger in loggers:
            logger.log_metrics(evaluation.metrics, step=step)
        pictures = write_evaluation(
            folder, loaded.autoencoder, loaded.data.corpus, evaluation, evaluation.metrics, sets, settings.analysis
        )
        log_results(loggers, draw(folder / "figures", pictures), evaluation, step)
    print_results(evaluation.metrics, headline_labels())


def last_step(metrics: Path) -> int:
    """Return the last step of a run's metrics.csv, 0 where it has none."""
    try:
        steps = read_columns(metrics).get("step", [])
    except (OSError, ValueError):  # it only positions the values on W&B's axis
        return 0
    return int(max((step for step in steps if step is not None), default=0))
