"""Load a finished run: `bows.load_run` in Python, `load` for the analyses of bows.analyze."""

import logging
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
from torch import Tensor

from bows.config.overrides import quoted
from bows.config.schema import AnalyzeConfig
from bows.config.validate import check
from bows.data.datamodule import BagsDataModule
from bows.errors import BowsError
from bows.evaluation.context import LoadedRun
from bows.evaluation.device import check_accelerator, device_of
from bows.evaluation.evaluate import Evaluation, evaluate
from bows.evaluation.request import compose_analysis, with_own_settings
from bows.model.autoencoder import Autoencoder
from bows.runs.folder import RunFolder, find_run
from bows.runs.reload import load_autoencoder, open_data

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Run:
    """A finished run. Its files are read on first use."""

    _run: RunFolder

    @property
    def folder(self) -> Path:
        """The run folder."""
        return self._run.folder

    @property
    def config(self) -> dict[str, Any]:
        """The configuration, resolved."""
        return self._run.config

    @property
    def metrics(self) -> dict[str, float]:
        """The content of summary.json: metric -> its last value."""
        return self._run.summary

    @property
    def vocabulary(self) -> list[str]:
        """The V words in index order."""
        return self._run.vocabulary

    @property
    def words(self) -> pa.Table:
        """The content of words.parquet: one row per word, in index order."""
        return self._run.words_table

    @property
    def history(self) -> pa.Table:
        """The content of metrics.csv: one row per step, one float64 column per metric, null where it was not logged."""
        return self._run.history

    @property
    def encoder(self) -> Tensor:
        """The encoder: (m, V) float32; column i is the direction of word i."""
        return self._run.weights.encoder

    @property
    def decoder(self) -> Tensor:
        """The decoder: (V, m) float32; for a tied model the transpose of the encoder."""
        decoder = self._run.weights.decoder
        return self.encoder.T if decoder is None else decoder

    @property
    def bias(self) -> Tensor:
        """The output bias: (V,) float32."""
        bias = self._run.weights.bias
        assert bias is not None, "find_run refuses runs that have none"
        return bias

    @cached_property
    def autoencoder(self) -> Autoencoder:
        """The trained model, on the CPU, in evaluation mode."""
        return load_autoencoder(self._run)

    @cached_property
    def data(self) -> BagsDataModule:
        """The documents that the run was trained and evaluated on.

        Raises:
            DataError: the corpus cannot be opened or built again.
        """
        return open_data(self.config["data"], self._run, "run")

    def evaluate(self, *overrides: str) -> Evaluation:
        """Evaluate the run as `python -m bows.analyze run=<folder> <overrides>` does; write nothing.

        Args:
            overrides: settings of bows.analyze, such as `"analysis.groups=[capacity,ring]"`, or `"data=files"` and `"data.train=x.txt"`
                for other documents.

        Returns:
            The metrics by name, the word table, and counts of the regimes by frequency decile.

        Raises:
            SettingError: a setting is not known or not allowed.
        """
        given = {override.partition("=")[0].lstrip("+~") for override in overrides}
        config = with_own_settings(compose_analysis(f"run={quoted(self.folder)}", *overrides), self._run, given)
        settings: AnalyzeConfig = check(config, "analyze")
        check_accelerator(settings.accelerator)
        loaded = load(self._run, settings)
        return evaluate(
            loaded.autoencoder,
            loaded.data,
            analysis=settings.analysis,
            seed=loaded.seed,
            device=loaded.device,
            training=loaded.training,
        )


def load_run(folder: str | Path) -> Run:
    """Return the finished run of an autoencoder from its folder.

    Raises:
        SettingError: the folder is not that of a completed run, is damaged, or is the run of a pair classifier.
    """
    return Run(find_run(folder))


def load(run: RunFolder, settings: AnalyzeConfig) -> LoadedRun:
    """Load a run's weights and its documents, or those of `data=`."""
    autoencoder = load_autoencoder(run)
    data = open_data(settings.data or run.config["data"], run, "data" if settings.data else "run")
    data.windows("validation")  # a window longer than the split is refused before anything is computed
    training = training_data(run, data) if settings.data else data
    return LoadedRun(run, autoencoder, data, training, device_of(settings.accelerator), settings.seed)


def training_data(run: RunFolder, data: BagsDataModule) -> BagsDataModule:
    """Return the documents that the linear read-out and pca are fitted on where other documents are evaluated.

    They are the run's own. Where those cannot be opened, they are those of `data`, and the log says so.
    """
    try:
        return open_data(run.config["data"], run, "run")
    except BowsError as error:
        log.warning("fitting the linear read-out and pca on the training part of data=, as %s", error)
        return data
