"""Decide before the first step whether a run trains by the sparsity of its bags."""

import logging

import pytorch_lightning as pl

from bows.data.datamodule import BagsDataModule
from bows.model.lightning import BagsModule
from bows.model.sparse_loss import why_dense

log = logging.getLogger(__name__)


def choose_bags(trainer: pl.Trainer, module: BagsModule, data: BagsDataModule, compiled: bool) -> None:
    """Set module and data to train on SparseBags if that is faster, else on (batch, V) bags, and log which; validation stays dense."""
    density = data.windows("train").density()
    batch = -(-data.batch_size // trainer.world_size)
    device, precision = trainer.strategy.root_device, str(trainer.precision)
    reason = why_dense(module.autoencoder, density, batch, device, precision, compiled)
    if reason:
        log.info("training uses dense bags: %s", reason)
        return
    log.info("training uses the sparsity of the bags (%.1f %% full)", density * 100)
    data.sparse_training = True
    module.train_sparsely()
