"""Looks at the geometry of the weights a few times while they train."""

import math
import time
from collections.abc import Mapping, Sequence

import pytorch_lightning as pl
import torch

from bows.analysis.geometry import geometry
from bows.callbacks.speed import last_epoch


class GeometryMonitor(pl.Callback):
    """Logs the capacity, packing and ring groups at evenly spaced ends of epochs; the closing measurement logs the last.

    sets: word indices of each ordered set. permutations, seed: of p values. looks: how often in all, with the closing one; None for
    every epoch.
    """

    def __init__(self, sets: Mapping[str, Sequence[int]], permutations: int, seed: int, looks: int | None):
        self.sets = sets
        self.permutations = permutations
        self.seed = seed
        self.looks = looks
        self.seconds = 0.0
        """Spent measuring so far."""

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        epoch, epochs = trainer.current_epoch + 1, trainer.max_epochs or 1
        if epoch >= epochs or trainer.global_rank != 0:
            return
        if self.looks is not None and epoch not in {
            math.ceil(epochs * look / self.looks) for look in range(1, self.looks)
        }:
            return
        began = time.perf_counter()
        measured = measure(pl_module.autoencoder, self.sets, self.permutations, self.seed)  # type: ignore[arg-type]
        self.seconds += time.perf_counter() - began
        for logger in trainer.loggers:
            logger.log_metrics({**measured, "epoch": last_epoch(trainer)}, step=trainer.global_step - 1)


@torch.no_grad()
def measure(autoencoder, sets: Mapping[str, Sequence[int]], permutations: int, seed: int) -> dict[str, float]:
    """The geometry of an autoencoder's present weights."""
    encoder = autoencoder.encoder_weight.detach().float()
    decoder = None if autoencoder.tied else autoencoder.decoder_weight.detach().float()
    return geometry(encoder, decoder, sets, permutations, seed)
