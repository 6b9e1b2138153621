"""Evaluate the geometry of the weights a few times during training."""

import logging
import math
import time
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import pytorch_lightning as pl

from bows.analysis.geometry import GROUPS, geometry
from bows.model.autoencoder import weights
from bows.training.lightning_internals import last_epoch

log = logging.getLogger(__name__)

# The share of the training time that evaluations of the geometry may take.
AFFORDABLE = 0.05


class GeometryMonitor(pl.Callback):
    """Logs the metrics of the weights alone at evenly spaced ends of epochs; the final evaluation logs the last values.

    Args:
        sets: Word indices of each ordered set.
        permutations: Random orders per p value.
        seed: Of the random orders.
        looks: Number of evaluations, including the final one; fewer if they would take more than 5 % of the training. None for every
            epoch, whatever time that takes.
        groups: capacity, packing, ring, or some of them.
        linear: Names of the sets whose order is a line.
    """

    def __init__(
        self,
        sets: Mapping[str, Sequence[int]],
        permutations: int,
        seed: int,
        looks: int | None,
        groups: Collection[str] = GROUPS,
        linear: Collection[str] = (),
    ):
        self.sets = sets
        self.permutations = permutations
        self.seed = seed
        self.looks = looks
        self.groups = groups
        self.linear = linear
        self.seconds = 0.0
        """Seconds spent so far."""

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if self.looks is None:
            return
        autoencoder: Any = pl_module.autoencoder
        loader: Any = trainer.train_dataloader
        steps = int(trainer.estimated_stepping_batches)
        asked = self.looks
        self.looks = affordable_looks(asked, autoencoder.features, autoencoder.latent, loader.batch_size, steps)
        if self.looks < asked:
            log.info(
                "evaluating geometry %d times instead of %d (limit: %.0f %% of the training time)",
                self.looks, asked, 100 * AFFORDABLE,
            )  # fmt: skip

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        epoch, epochs = trainer.current_epoch + 1, trainer.max_epochs or 1
        if trainer.global_rank != 0 or not due(epoch, epochs, self.looks):
            return
        began = time.perf_counter()
        encoder, decoder = weights(pl_module.autoencoder)  # type: ignore[arg-type]
        measured = geometry(encoder, decoder, self.sets, self.permutations, self.seed, self.groups, linear=self.linear)
        self.seconds += time.perf_counter() - began
        for logger in trainer.loggers:
            logger.log_metrics({**measured, "epoch": last_epoch(trainer)}, step=trainer.global_step - 1)


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
