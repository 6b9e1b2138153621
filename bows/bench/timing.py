"""Time a training step through Lightning and its matrix products alone, in turn, so that a busy machine slows both alike."""

import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytorch_lightning as pl
import torch

from bows.console import quiet_libraries
from bows.data.corpus import Corpus
from bows.data.datamodule import BagsDataModule
from bows.model.lightning import BagsModule
from bows.model.optimizers import OptimizerSettings
from bows.model.tied import Tied
from bows.sparse_bags import SparseBags
from bows.tracking.csv_logger import MetricsTable
from bows.training.autoencoder import choose_bags
from bows.training.callbacks.losses import ReconstructionMonitor, TrainingLoss
from bows.training.callbacks.nan_guard import LossGuard
from bows.training.callbacks.throughput import SpeedMonitor

WARM_UP, TIMED = 3, 24


def five_products(bags: torch.Tensor, weight: torch.Tensor) -> None:
    """Compute the dense products of a step of a tied autoencoder: encode, decode, gradients of latent, decoder and encoder."""
    latent = bags @ weight.T
    output = latent @ weight
    latent_gradient = output @ weight.T
    _ = latent.T @ output
    _ = latent_gradient.T @ bags


def _synchronize(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


class TrainingTimes(NamedTuple):
    """Seconds, (timed,) each, and what was trained on."""

    steps: np.ndarray
    """Through Lightning."""
    products: np.ndarray
    """The five dense products, after each step."""
    batches: np.ndarray
    """Making each batch."""
    filled: float
    """Words per window, the mean."""
    sparse: bool
    """Whether training used the sparsity of the bags."""


class _Timer(pl.Callback):
    def __init__(self) -> None:
        self.steps: list[float] = []
        self.products: list[float] = []
        self.batches: list[float] = []
        self.filled = 0.0
        self._began: float | None = None

    def on_train_batch_end(self, trainer, pl_module, outputs, batch: Any, batch_idx) -> None:
        # From the end of one batch to the end of the next: loading, transfer, step and Lightning's own loop.
        _synchronize(pl_module.device)
        now = time.perf_counter()
        if self._began is not None:
            self.steps.append(now - self._began)
        sparse = isinstance(batch, SparseBags)
        bags = batch.dense() if sparse else batch
        self.filled = float(bags.sum(1).mean())
        autoencoder: Any = pl_module.autoencoder
        # In the layout of the dense path, whatever the run's is.
        weight = autoencoder.weight.detach().contiguous()
        _synchronize(pl_module.device)
        began = time.perf_counter()
        five_products(bags, weight)
        _synchronize(pl_module.device)
        self.products.append(time.perf_counter() - began)
        data: Any = trainer.datamodule
        windows = data.windows("train")
        numbers = torch.randint(len(windows), (len(batch),))
        began = time.perf_counter()
        _ = windows.sparse(numbers) if sparse else windows.multi_hot(numbers, pl_module.device)
        _synchronize(pl_module.device)
        self.batches.append(time.perf_counter() - began)
        self._began = time.perf_counter()


def time_training(
    corpus: Corpus,
    latent: int,
    batch: int,
    window: int,
    dense: bool = False,
    precision: str = "auto",
    warm_up: int = WARM_UP,
    timed: int = TIMED,
) -> TrainingTimes:
    """Time `timed` training steps of a run, or the same on dense bags, after `warm_up` others."""
    quiet_libraries()
    data = BagsDataModule(lambda: corpus, window, 1, batch, seed=0, validation_windows=batch)
    module = BagsModule(
        Tied(len(corpus.vocabulary), latent), OptimizerSettings(lr=5e-4, weight_decay=1.0), steps=warm_up + timed
    )
    timer = _Timer()
    with tempfile.TemporaryDirectory() as folder:
        trainer = pl.Trainer(
            max_steps=warm_up + timed,
            logger=[MetricsTable(Path(folder))],
            callbacks=[SpeedMonitor(), TrainingLoss(), ReconstructionMonitor(), LossGuard(), timer],
            devices=1,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            limit_val_batches=0,
            use_distributed_sampler=False,
        )
        if not dense:
            choose_bags(trainer, module, data, compiled=False, precision=precision)
        trainer.fit(module, datamodule=data)
    steps, products, batches = (np.array(kept)[warm_up:] for kept in (timer.steps, timer.products, timer.batches))
    return TrainingTimes(steps, products, batches, timer.filled, data.sparse_training)
