"""Looks at the geometry of the weights a few times while they train."""

import logging
import math
import time
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import pytorch_lightning as pl

from bows.analysis.geometry import GROUPS, geometry
from bows.model.autoencoder import weights
from bows.training.callbacks.throughput import last_epoch

log = logging.getLogger(__name__)


class GeometryMonitor(pl.Callback):
    """Logs the groups of metrics that rest on weights alone at evenly spaced ends of epochs; the closing measurement logs the last.

    sets: word indices of each ordered set. permutations, seed: of p values. looks: how often in all, with the closing one, or fewer
    where so many would take more than a twentieth of a short training; None for every epoch, whatever it takes. groups: capacity,
    packing, ring, or some of them.
    """

    def __init__(
        self,
        sets: Mapping[str, Sequence[int]],
        permutations: int,
        seed: int,
        looks: int | None,
        groups: Collection[str] = GROUPS,
    ):
        self.sets = sets
        self.permutations = permutations
        self.seed = seed
        self.looks = looks
        self.groups = groups
        self.seconds = 0.0
        """Spent measuring so far."""

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if self.looks is None:
            return
        autoencoder: Any = pl_module.autoencoder
        loader: Any = trainer.train_dataloader
        steps = int(trainer.estimated_stepping_batches)
        asked = self.looks
        self.looks = affordable_looks(asked, autoencoder.features, autoencoder.latent, loader.batch_size, steps)
        if self.looks < asked:
            log.info("geometry is looked at %d times, not %d: this training is short beside a look", self.looks, asked)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        epoch, epochs = trainer.current_epoch + 1, trainer.max_epochs or 1
        if trainer.global_rank != 0 or not due(epoch, epochs, self.looks):
            return
        began = time.perf_counter()
        encoder, decoder = weights(pl_module.autoencoder)
        measured = geometry(encoder, decoder, self.sets, self.permutations, self.seed, self.groups)
        self.seconds += time.perf_counter() - began
        for logger in trainer.loggers:
            logger.log_metrics({**measured, "epoch": last_epoch(trainer)}, step=trainer.global_step - 1)


def due(epoch: int, epochs: int, looks: int | None) -> bool:
    """Whether a look is due after `epoch` of `epochs`, where there are `looks` in all, None for every epoch, the last of them at the end.

    >>> [epoch for epoch in range(1, 11) if due(epoch, 10, looks=4)]
    [3, 5, 8]
    """
    if looks is None:
        return epoch < epochs
    return epoch in {math.ceil(epochs * look / looks) for look in range(1, looks)} - {epochs}


def affordable_looks(looks: int, words: int, latent: int, batch: int, steps: int) -> int:
    """At most `looks` looks, and no more than take a twentieth of the training; at least the closing one.

    A look costs about 2 V^2 m + 4 V m^2 operations, a step's five products 10 B V m (bows.bench measures the ratio), so the number
    does not depend on how busy the machine is.

    >>> affordable_looks(4, 10_000, 1000, 512, steps=35_000), affordable_looks(4, 10_000, 1000, 512, steps=200)
    (4, 2)
    """
    steps_a_look = (0.2 * words + 0.4 * latent) / batch
    return max(1, min(looks, int(0.05 * steps / steps_a_look)))
