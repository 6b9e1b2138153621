"""Evaluate the geometry of the weights a few times during training."""

import logging
import math
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import pytorch_lightning as pl

from bows.analysis.geometry import GROUPS, geometry
from bows.model.autoencoder import Autoencoder, weights
from bows.training.lightning_internals import last_epoch

log = logging.getLogger(__name__)

# The share of the training time that evaluations of the geometry may take.
AFFORDABLE = 0.05


@dataclass(eq=False)
class GeometryMonitor(pl.Callback):
    """Logs the metrics of the weights alone at evenly spaced ends of epochs; the final evaluation logs the last values."""

    sets: Mapping[str, Sequence[int]]
    """Word indices of each ordered set."""
    permutations: int
    """Random orders per p value."""
    seed: int
    looks: int | None
    """Number of evaluations, including the final one; fewer if they would take more than 5 % of the training. None for every epoch."""
    groups: Collection[str] = GROUPS
    """capacity, packing, ring, or some of them."""
    linear: Collection[str] = ()
    """Names of the sets whose order is a line."""
    seconds: float = 0.0
    """Seconds spent so far."""

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        asked, loader = self.looks, trainer.train_dataloader
        self.limit(pl_module.autoencoder, loader.batch_size, int(trainer.estimated_stepping_batches))  # type: ignore
        if self.looks != asked:
            log.info(
                "evaluating geometry %d times instead of %d (limit: %.0f %% of the training time)",
                self.looks, asked, 100 * AFFORDABLE,
            )  # fmt: skip

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if trainer.global_rank == 0 and self.is_due(trainer):
            measured = self.evaluate(pl_module.autoencoder)  # type: ignore[arg-type]
            for logger in trainer.loggers:
                logger.log_metrics({**measured, "epoch": last_epoch(trainer)}, step=trainer.global_step - 1)

    def limit(self, autoencoder: Autoencoder, batch: int, steps: int) -> None:
        """Lower `looks` to what a training of `steps` steps affords."""
        if self.looks is not None:
            self.looks = affordable_looks(self.looks, autoencoder.features, autoencoder.latent, batch, steps)

    def is_due(self, trainer: pl.Trainer) -> bool:
        """Return whether an evaluation is due at the end of this epoch."""
        return due(trainer.current_epoch + 1, trainer.max_epochs or 1, self.looks)

    def evaluate(self, autoencoder: Autoencoder) -> dict[str, float]:
        """Return the metrics of the weights as they are."""
        began = time.perf_counter()
        encoder, decoder = weights(autoencoder)
        measured = geometry(encoder, decoder, self.sets, self.permutations, self.seed, self.groups, linear=self.linear)
        self.seconds += time.perf_counter() - began
        return measured


def due(epoch: int, epochs: int, looks: int | None) -> bool:
    """Return whether an evaluation is due after `epoch` of `epochs`; None for every epoch. The last of `looks` comes after training.

    >>> [epoch for epoch in range(1, 11) if due(epoch, 10, looks=4)]
    [3, 5, 8]
    """
    if looks is None:
        return epoch < epochs
    return epoch in {math.ceil(epochs * look / looks) for look in range(1, looks)} - {epochs}


def affordable_looks(looks: int, words: int, latent: int, batch: int, steps: int) -> int:
    """Return `looks`, or as many evaluations as take at most 5 % of the training; at least the final one.

    An evaluation takes about 2 V^2 m + 4 V m^2 operations, the five products of a step 10 B V m (bows.bench measures the ratio), so the
    number does not depend on the load of the machine.

    >>> affordable_looks(4, 10_000, 1000, 512, steps=35_000), affordable_looks(4, 10_000, 1000, 512, steps=200)
    (4, 2)
    """
    steps_per_look = (0.2 * words + 0.4 * latent) / batch
    return max(1, min(looks, int(AFFORDABLE * steps / steps_per_look)))
